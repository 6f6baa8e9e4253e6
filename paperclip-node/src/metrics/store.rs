//! The store.

use super::{Metrics, MetricsError, Register, signed};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge};
use std::time::Duration;

/// Bounds of the buckets of flush times, in seconds: from a fast disk's cache to one that is about to fail.
const FLUSH_SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];

#[derive(Debug)]
pub(super) struct StoreMetrics {
    flush_seconds: Histogram,
    failures: IntCounter,
    poisoned: IntGauge,
    bytes: IntGauge,
}

impl StoreMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, MetricsError> {
        let flush = HistogramOpts::new("paperclip_store_flush_seconds", "How long flushes to disk took.");
        Ok(Self {
            flush_seconds: register.add(Histogram::with_opts(flush.buckets(FLUSH_SECONDS.to_vec()))?)?,
            failures: register.counter(
                "paperclip_store_flushes_failed_total",
                "How often the store stopped writing because a write or a flush failed; once at most until restart.",
            )?,
            poisoned: register.gauge(
                "paperclip_store_poisoned",
                "1 when the store takes no writes because a write or a flush failed, else 0.",
            )?,
            bytes: register.gauge("paperclip_store_bytes", "Bytes that the store takes on disk.")?,
        })
    }
}

impl Metrics {
    /// A flush reached the disk.
    pub fn flushed(&self, took: Duration) {
        self.store.flush_seconds.observe(took.as_secs_f64());
    }

    /// Whether the store takes no more writes.
    pub fn set_store_poisoned(&self, poisoned: bool) {
        if poisoned && self.store.poisoned.get() == 0 {
            self.store.failures.inc();
        }
        self.store.poisoned.set(i64::from(poisoned));
    }

    /// How much the store takes on disk.
    pub fn set_store_bytes(&self, bytes: u64) {
        self.store.bytes.set(signed(bytes));
    }
}
