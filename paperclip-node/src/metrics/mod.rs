//! What the node counts, for Prometheus.
//!
//! One [`Metrics`] is made at start and handed down; parts of the node call its typed methods and know nothing of names and
//! labels. Names, units, labels and meaning: `docs/reference/metrics.md`, held to this code by a test.

mod bounds;
mod connections;
mod databases;
mod http;
mod log;
mod network;
mod store;

pub use bounds::BoundFigures;
pub use databases::{DatabaseFigures, MAX_DATABASE_SERIES};
pub use http::{ApiRefusal, RequestLabels};
pub use log::QUEUES;
pub use network::NetworkFigures;

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder, core::Collector,
};
use std::{sync::Arc, time::SystemTime};

/// The media type of what [`Metrics::render`] gives.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every figure of one node. All methods take `&self` and are cheap enough for hot paths.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    log: log::LogMetrics,
    bounds: bounds::BoundMetrics,
    databases: databases::DatabaseMetrics,
    store: store::StoreMetrics,
    network: network::NetworkMetrics,
    connections: connections::ConnectionMetrics,
    http: http::HttpMetrics,
}

/// A metric's name, labels or buckets are not valid, or registered twice: a fault in this code that its tests would show.
pub type MetricsError = prometheus::Error;

impl Metrics {
    /// Metrics that start at zero.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub fn new() -> Result<Arc<Self>, MetricsError> {
        let registry = Registry::new();
        let register = Register(&registry);
        register.about_the_process()?;
        let metrics = Self {
            log: log::LogMetrics::new(&register)?,
            bounds: bounds::BoundMetrics::new(&register)?,
            databases: databases::DatabaseMetrics::new(&register)?,
            store: store::StoreMetrics::new(&register)?,
            network: network::NetworkMetrics::new(&register)?,
            connections: connections::ConnectionMetrics::new(&register)?,
            http: http::HttpMetrics::new(&register)?,
            registry,
        };
        Ok(Arc::new(metrics))
    }

    /// Everything in the text format of Prometheus.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub fn render(&self) -> Result<String, MetricsError> {
        self.databases.age();
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Makes metrics and registers them.
struct Register<'a>(&'a Registry);

impl Register<'_> {
    fn add<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, MetricsError> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, MetricsError> {
        self.add(IntCounter::new(name, help)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, MetricsError> {
        self.add(IntGauge::new(name, help)?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, MetricsError> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    /// Counters by one label, whose values are all there from the start, at zero.
    fn counters_of(
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

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, MetricsError> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, MetricsError> {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.add(HistogramVec::new(opts, labels)?)
    }

    fn about_the_process(&self) -> Result<(), MetricsError> {
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
fn signed(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

/// Brings a counter up to a count that is kept elsewhere.
fn raise(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use oplog::{Address, Hash, join::RefusalLabel};

    /// The metrics that the reference lists, in order: the first code span of each row of its tables.
    fn documented() -> Vec<String> {
        let text = include_str!("../../../docs/reference/metrics.md");
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `paperclip_"));
        let names = rows.filter_map(|row| Some(format!("paperclip_{}", row.split(['`', '{']).next()?)));
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn the_reference_lists_what_is_counted_once_and_nothing_else() {
        let metrics = Metrics::new().unwrap();
        metrics.set_database(&Address::new(Hash::of(b"x")), DatabaseFigures::default());
        metrics.set_bounds(&[BoundFigures { bound: "x", used: 0, limit: 1 }]);
        metrics.requested(
            RequestLabels { method: "GET", route: "/healthz", status: axum::http::StatusCode::OK },
            std::time::Duration::ZERO,
        );
        metrics.databases.age();
        let families = metrics.registry.gather();
        let counted: Vec<&str> = families.iter().map(|family| family.name()).collect();
        assert_eq!(counted, documented());
        assert!(families.iter().all(|family| family.help().ends_with('.')));
    }

    #[test]
    fn every_reason_to_refuse_is_there_from_the_start() {
        let text = Metrics::new().unwrap().render().unwrap();
        for label in RefusalLabel::ALL.iter().map(|label| label.as_str()) {
            let series = format!("paperclip_entries_refused_total{{reason=\"{label}\"}} 0");
            assert!(text.contains(&series), "{series}");
        }
    }

    #[test]
    fn a_counter_kept_elsewhere_never_falls() {
        let counter = IntCounter::new("x", "x").unwrap();
        raise(&counter, 5);
        raise(&counter, 3);
        assert_eq!(counter.get(), 5);
    }
}
