//! Registration of metrics with the Prometheus client, and the two ways in which a figure is set.

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector,
};
use std::time::SystemTime;

/// A metric's name, labels or buckets are not valid, or registered twice: a fault in this code that its tests would show.
pub type MetricsError = prometheus::Error;

/// Makes metrics and registers them.
pub(super) struct Register<'a>(&'a Registry);

impl<'a> Register<'a> {
    pub(super) fn new(registry: &'a Registry) -> Self {
        Self(registry)
    }

    pub(super) fn add<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, MetricsError> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter, MetricsError> {
        self.add(IntCounter::new(name, help)?)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, MetricsError> {
        self.add(IntGauge::new(name, help)?)
    }

    pub(super) fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, MetricsError> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    /// Counters by one label, whose values are all there from the start, at zero.
    pub(super) fn counters_of(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> Result<IntCounterVec, MetricsError> {
        let counters = self.counters(name, help, &[label])?;
        values.iter().for_each(|value| drop(counters.with_label_values(&[value])));
        Ok(counters)
    }

    pub(super) fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, MetricsError> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, MetricsError> {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.add(HistogramVec::new(opts, labels)?)
    }

    pub(super) fn about_the_process(&self) -> Result<(), MetricsError> {
        let build = self.gauges("paperclip_build_info", "Always 1; the version is a label.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let started = self.gauge(
            "paperclip_process_start_time_seconds",
            "When the process started, in seconds since 1970.",
        )?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        started.set(signed(now.as_secs()));
        Ok(())
    }
}

/// Gauges are signed; no figure here comes near the bound.
pub(super) fn signed(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

/// Brings a counter up to a count that is kept elsewhere.
pub(super) fn raise(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_kept_elsewhere_never_falls() {
        let counter = IntCounter::new("x", "x").unwrap();
        raise(&counter, 5);
        raise(&counter, 3);
        assert_eq!(counter.get(), 5);
    }
}
