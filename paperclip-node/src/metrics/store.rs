//! The store.

use super::{Metrics, MetricsError, Register, signed};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge};
use std::time::Duration;

/// Bounds of the buckets of flush times, in seconds: from a fast disk's cache to one that is about to fail.
const FLUSH_SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];

#[derive(Debug)]
pub(super) struct StoreMetrics {
    flush_seconds: Histogram,
    flushes_failed: IntCounter,
    poisoned: IntGauge,
    bytes: IntGauge,
}

impl StoreMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, MetricsError> {
        let flush = HistogramOpts::new("paperclip_store_flush_seconds", "How long flushes to disk took.");
        Ok(Self {
            flush_seconds: register.add(Histogram::with_opts(flush.buckets(FLUSH_SECONDS.to_vec()))?)?,
            flushes_failed: register.counter(
                "paperclip_store_flushes_failed_total",
                "Flushes to disk that failed; after the first no write is acknowledged until restart.",
            )?,
            poisoned: register.gauge(
                "paperclip_store_poisoned",
                "1 when the store takes no writes because a flush failed, else 0.",
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

    /// A flush failed: the store takes no more writes.
    pub fn flush_failed(&self) {
        self.store.flushes_failed.inc();
        self.store.poisoned.set(1);
    }

    /// How much the store takes on disk.
    pub fn set_store_bytes(&self, bytes: u64) {
        self.store.bytes.set(signed(bytes));
    }
}
