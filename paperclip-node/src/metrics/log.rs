//! Entries on their way into logs.

use super::{
    Metrics,
    register::{MetricsError, Register, raise},
};
use oplog::join::RefusalLabel;
use prometheus::{IntCounter, IntCounterVec};

/// The queues on the way of an entry that can be full: heads of one exchange, pubsub messages on
/// their way to their database and those not judged yet, blocks fetched
/// and waiting on disk, blocks asked for.
pub const QUEUES: [&str; 6] =
    ["heads-stream", "heads-bytes", "topic-messages", "undecided-messages", "staged-blocks", "wants"];

#[derive(Debug)]
pub(super) struct LogMetrics {
    appended: IntCounter,
    joined: IntCounter,
    joins: IntCounter,
    unreadable: IntCounter,
    refused: IntCounterVec,
    exchanges: IntCounterVec,
    fetches_given_up: IntCounter,
    queue_full: IntCounterVec,
}

impl LogMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, MetricsError> {
        let reasons: Vec<&str> = RefusalLabel::ALL.iter().map(|label| label.as_str()).collect();
        Ok(Self {
            appended: register.counter(
                "paperclip_entries_appended_total",
                "Entries that this node wrote and acknowledged.",
            )?,
            joined: register.counter(
                "paperclip_entries_joined_total",
                "Entries of others that were verified and taken into a log.",
            )?,
            joins: register.counter(
                "paperclip_joins_total",
                "Batches in which entries of others were taken into a log.",
            )?,
            unreadable: register.counter(
                "paperclip_entries_unreadable_total",
                "Entries of others that were joined and that JavaScript does not read as they are written.",
            )?,
            refused: register.counters_of(
                "paperclip_entries_refused_total",
                "Entries of others that were not taken, by reason.",
                "reason",
                &reasons,
            )?,
            exchanges: register.counters_of(
                "paperclip_exchanges_total",
                "Exchanges of heads with a peer, by how they ended.",
                "result",
                &["done", "not-served", "failed"],
            )?,
            fetches_given_up: register.counter(
                "paperclip_fetches_given_up_total",
                "Blocks that no peer gave in time; they are asked for again later.",
            )?,
            queue_full: register.counters_of(
                "paperclip_queue_full_total",
                "Items refused or dropped because a bounded queue was full, by queue.",
                "queue",
                &QUEUES,
            )?,
        })
    }
}

impl LogMetrics {
    /// Messages that found their topic's queue full, since the start.
    pub(super) fn messages_dropped(&self, count: u64) {
        raise(&self.queue_full.with_label_values(&["topic-messages"]), count);
    }
}

impl Metrics {
    /// Entries of this node were written, flushed and acknowledged.
    pub fn appended(&self, entries: u64) {
        self.log.appended.inc_by(entries);
    }

    /// One batch of entries of others was taken into a log.
    pub fn joined(&self, entries: u64) {
        self.log.joins.inc();
        self.log.joined.inc_by(entries);
    }

    /// Entries were joined that JavaScript does not read as they are written.
    pub fn unreadable(&self, entries: u64) {
        self.log.unreadable.inc_by(entries);
    }

    /// An entry was refused.
    pub fn refused(&self, reason: RefusalLabel) {
        self.log.refused.with_label_values(&[reason.as_str()]).inc();
    }

    /// An exchange of heads ended: `done`, `not-served` or `failed`.
    pub fn exchange_ended(&self, result: &'static str) {
        self.log.exchanges.with_label_values(&[result]).inc();
    }

    /// A block could not be had.
    pub fn fetch_given_up(&self) {
        self.log.fetches_given_up.inc();
    }

    /// Something was refused or dropped because the queue of this name, one of [`QUEUES`], was full.
    pub fn queue_full(&self, queue: &'static str) {
        self.log.queue_full.with_label_values(&[queue]).inc();
    }
}
