//! The store.

use super::{
    Metrics,
    register::{MetricsError, Register, raise, signed},
};
use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntGauge};
use std::time::Duration;
use store::Damage;

/// Bounds of the buckets of flush times, in seconds: from a fast disk's cache to one that is about to fail.
const FLUSH_SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];

/// The file system that holds the node's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskFigures {
    /// Its size, in bytes.
    pub bytes: u64,
    /// What of it the node may still write, in bytes.
    pub free: u64,
}

#[derive(Debug)]
pub(super) struct StoreMetrics {
    disk_bytes: IntGauge,
    disk_free: IntGauge,
    flush_seconds: Histogram,
    failures: IntCounter,
    poisoned: IntGauge,
    read_only: IntGauge,
    bytes: IntGauge,
    damaged: IntGauge,
    journal_parts: IntGauge,
    journal_bytes: IntGauge,
    journal_files: IntGauge,
    healed: IntCounter,
    scrubbed: IntCounter,
    scrub_position: Gauge,
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
            read_only: register.gauge(
                "paperclip_store_read_only",
                "1 when the store takes no writes because the disk was full at the start, else 0.",
            )?,
            disk_bytes: register
                .gauge("paperclip_disk_bytes", "Size of the file system that holds the node's data, in bytes.")?,
            disk_free: register.gauge(
                "paperclip_disk_free_bytes",
                "Bytes of that file system that the node may still write.",
            )?,
            bytes: register.gauge("paperclip_store_bytes", "Bytes that the store takes on disk.")?,
            damaged: register.gauge(
                "paperclip_store_damaged_blocks",
                "Blocks that are known to be damaged or missing and that no peer has given so far.",
            )?,
            journal_parts: register.gauge(
                "paperclip_store_journal_damaged_parts",
                "Parts of the journal that could not be read since the start.",
            )?,
            journal_bytes: register
                .gauge("paperclip_store_journal_damaged_bytes", "Bytes of the parts that could not be read.")?,
            journal_files: register.gauge(
                "paperclip_store_journal_damaged_files",
                "Files of the journal that are missing, or shorter than they were.",
            )?,
            healed: register.counter(
                "paperclip_store_healed_blocks_total",
                "Damaged or missing blocks that were written anew.",
            )?,
            scrubbed: register.counter(
                "paperclip_store_scrubbed_blocks_total",
                "Blocks that the scrub has read and checked.",
            )?,
            scrub_position: register.add(Gauge::new(
                "paperclip_store_scrub_position_ratio",
                "How far the current pass of the scrub is, from 0 to 1.",
            )?)?,
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

    /// Whether the store was opened on a full disk and is only read.
    pub fn set_store_read_only(&self, read_only: bool) {
        self.store.read_only.set(i64::from(read_only));
    }

    /// What of the store is damaged, and how much has been healed since the start.
    pub fn set_store_damage(&self, damaged: usize, healed: u64) {
        self.store.damaged.set(signed(damaged as u64));
        raise(&self.store.healed, healed);
    }

    /// What of the journal could not be read.
    pub fn set_journal_damage(&self, damage: Damage) {
        let Damage { parts, bytes, files } = damage;
        self.store.journal_parts.set(signed(parts));
        self.store.journal_bytes.set(signed(bytes));
        self.store.journal_files.set(signed(files));
    }

    /// The scrub has checked so many blocks more and stands here in its pass.
    pub fn scrubbed(&self, blocks: u64, position: f64) {
        self.store.scrubbed.inc_by(blocks);
        self.store.scrub_position.set(position);
    }

    /// How much room there is on the disk.
    pub fn set_disk(&self, figures: DiskFigures) {
        self.store.disk_bytes.set(signed(figures.bytes));
        self.store.disk_free.set(signed(figures.free));
    }

    /// How much the store takes on disk.
    pub fn set_store_bytes(&self, bytes: u64) {
        self.store.bytes.set(signed(bytes));
    }
}
