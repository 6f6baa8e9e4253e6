//! A log as it was committed last: what a walk needs to begin, from one row, so that it is of one point in time.

use super::{database::DatabaseStore, error::StoreError, record::Heads};
use oplog::order::Position;

/// Heads and length of a log at one point in time. Entries are never changed, so the walk from the heads gives the log as it was
/// then, however much is written meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSnapshot {
    /// Heads, greatest first.
    pub heads: Vec<Position>,
    /// Entries.
    pub len: u64,
}

impl DatabaseStore {
    /// The log as it is now.
    pub fn log_snapshot(&self) -> Result<LogSnapshot, StoreError> {
        let Heads { heads, len } = self.heads()?.unwrap_or(Heads { heads: Vec::new(), len: 0 });
        Ok(LogSnapshot { heads, len })
    }
}
