//! How full the bounds are that all databases and peers share.

use super::{
    Metrics,
    register::{MetricsError, Register, signed},
};
use prometheus::IntGaugeVec;

/// A bound of the node, and how much of it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundFigures {
    /// The value of its label.
    pub bound: &'static str,
    /// What is used.
    pub used: u64,
    /// The most that may be.
    pub limit: u64,
}

#[derive(Debug)]
pub(super) struct BoundMetrics {
    used: IntGaugeVec,
    limit: IntGaugeVec,
}

impl BoundMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, MetricsError> {
        Ok(Self {
            used: register.gauges(
                "paperclip_bound_used",
                "How much is used of what all databases and peers share, by bound.",
                &["bound"],
            )?,
            limit: register.gauges(
                "paperclip_bound_limit",
                "How much there is of what all databases and peers share, by bound.",
                &["bound"],
            )?,
        })
    }
}

impl Metrics {
    /// Bounds look like this now.
    pub fn set_bounds(&self, figures: &[BoundFigures]) {
        for BoundFigures { bound, used, limit } in figures {
            self.bounds.used.with_label_values(&[bound]).set(signed(*used));
            self.bounds.limit.with_label_values(&[bound]).set(signed(*limit));
        }
    }
}
