//! Backups.

use super::{Metrics, MetricsError, Register};
use prometheus::{IntCounter, IntCounterVec, IntGauge};
use std::time::SystemTime;

/// How a backup ended.
const DONE: &str = "done";
const FAILED: &str = "failed";

/// How a restore ended, beside the two above: nothing was changed.
const REFUSED: &str = "refused";

/// What came of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreEnd {
    /// Everything was taken in.
    Done,
    /// The backup was refused.
    Refused,
    /// It failed on the way.
    Failed,
}

#[derive(Debug)]
pub(super) struct BackupMetrics {
    backups: IntCounterVec,
    bytes: IntCounter,
    last: IntGauge,
    restores: IntCounterVec,
}

impl BackupMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, MetricsError> {
        Ok(Self {
            backups: register.counters_of(
                "paperclip_backups_total",
                "Backups, by how they ended.",
                "result",
                &[DONE, FAILED],
            )?,
            bytes: register.counter("paperclip_backup_bytes_total", "Bytes of whole backups.")?,
            last: register.gauge(
                "paperclip_backup_last_success_timestamp_seconds",
                "When the last backup was finished, in seconds since 1970; 0 before the first since the start.",
            )?,
            restores: register.counters_of(
                "paperclip_restores_total",
                "Restores, by how they ended.",
                "result",
                &[DONE, REFUSED, FAILED],
            )?,
        })
    }
}

impl Metrics {
    /// A backup of so many bytes was written.
    pub fn backed_up(&self, bytes: u64) {
        self.backup.backups.with_label_values(&[DONE]).inc();
        self.backup.bytes.inc_by(bytes);
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        self.backup.last.set(i64::try_from(now).unwrap_or(i64::MAX));
    }

    /// A backup was not finished.
    pub fn backup_failed(&self) {
        self.backup.backups.with_label_values(&[FAILED]).inc();
    }

    /// A restore ended. One that only checks is none.
    pub fn restored(&self, end: RestoreEnd) {
        let result = match end {
            RestoreEnd::Done => DONE,
            RestoreEnd::Refused => REFUSED,
            RestoreEnd::Failed => FAILED,
        };
        self.backup.restores.with_label_values(&[result]).inc();
    }
}
