//! What `/metrics` says, as far as tests ask.

use std::collections::{BTreeMap, BTreeSet};

/// Samples in the Prometheus text format.
#[derive(Clone, Debug, Default)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Reads the exposition; lines that are no sample are comments or help.
    pub fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        });
        Self(samples.collect())
    }

    /// The sum of all series of a metric whose labels contain `label` (`""`: all of them).
    pub fn sum(&self, metric: &str, label: &str) -> f64 {
        self.0
            .iter()
            .filter(|(series, _)| {
                series.split('{').next() == Some(metric) && (label.is_empty() || series.contains(label))
            })
            .map(|(_, value)| value)
            .sum()
    }

    /// The names of all metrics.
    pub fn names(&self) -> BTreeSet<&str> {
        self.0.keys().filter_map(|series| series.split('{').next()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_label() {
        let text = "# HELP r x\n# TYPE r counter\nr{reason=\"a\"} 2\nr{reason=\"b\"} 3\nrr 7\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.sum("r", ""), 5.0);
        assert_eq!(metrics.sum("r", "reason=\"b\""), 3.0);
        assert_eq!(metrics.names(), BTreeSet::from(["r", "rr"]));
    }
}
