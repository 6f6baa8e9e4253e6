//! Summary of a node's log, to be compared with those of others.

/// What a node says of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogSummary {
    /// Entries in the log.
    pub(super) entries: u64,
    /// Heads of the log.
    pub(super) heads: u64,
    /// Equal digests, equal logs.
    pub(super) digest: String,
}
