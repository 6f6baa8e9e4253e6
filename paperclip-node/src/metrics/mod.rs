//! What the node counts, for Prometheus.
//!
//! One [`Metrics`] is made at start and handed down; parts of the node call its typed methods and know nothing of names and
//! labels. Names, units, labels and meaning: `docs/reference/metrics.md`, held to this code by a test.

mod backup;
mod bounds;
mod connections;
mod databases;
mod http;
mod log;
mod network;
mod register;
mod store;

pub use backup::RestoreEnd;
pub use bounds::BoundFigures;
pub use databases::{DatabaseFigures, MAX_DATABASE_SERIES};
pub use http::{ApiRefusal, RequestLabels};
pub use log::QUEUES;
pub use network::NetworkFigures;
pub use register::MetricsError;
pub use store::DiskFigures;

use prometheus::{Registry, TextEncoder};
use register::Register;
use std::sync::Arc;

/// The media type of what [`Metrics::render`] gives.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every figure of one node. All methods take `&self` and are cheap enough for hot paths.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    log: log::LogMetrics,
    backup: backup::BackupMetrics,
    bounds: bounds::BoundMetrics,
    databases: databases::DatabaseMetrics,
    store: store::StoreMetrics,
    network: network::NetworkMetrics,
    connections: connections::ConnectionMetrics,
    http: http::HttpMetrics,
}

impl Metrics {
    /// Metrics that start at zero.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub fn new() -> Result<Arc<Self>, MetricsError> {
        let registry = Registry::new();
        let register = Register::new(&registry);
        register.about_the_process()?;
        let metrics = Self {
            log: log::LogMetrics::new(&register)?,
            backup: backup::BackupMetrics::new(&register)?,
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

#[cfg(test)]
mod tests {
    use super::*;
    use oplog::{Address, Hash, join::RefusalLabel};

    /// The metrics that the reference lists, in order: what each item of its lists begins with.
    fn documented() -> Vec<String> {
        let text = include_str!("../../../docs/reference/metrics.md");
        let rows = text.lines().filter_map(|line| line.strip_prefix("* `paperclip_"));
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
}
