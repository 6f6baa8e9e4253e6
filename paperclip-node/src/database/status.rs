//! Status of a database: its log, what it waits for, its exchanges of heads.

use super::refusals::Refusals;
use libp2p::PeerId;
use oplog::{Hash, access::Writers, order::Position, reading::Reading};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::StoreError;

/// Blocks listed as unreachable, per database.
pub const MAX_UNREACHABLE_LISTED: usize = 100;

/// A block that no peer has given yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreachable {
    /// Which.
    pub hash: Hash,
    /// For how long it has been wanted.
    pub age: Duration,
    /// How often peers were asked.
    pub asked: u32,
}

/// How a database stands now.
#[derive(Debug, Clone, Default)]
pub struct LogStatus {
    /// Heads, greatest first.
    pub heads: Arc<[Position]>,
    /// Entries in the log.
    pub len: u64,
    /// Entries that wait for their ancestors or their verdict, parked ones included.
    pub pending: usize,
    /// Those that wait on disk until a peer comes who may have what they build on.
    pub parked: usize,
    /// Bytes of them in memory.
    pub pending_bytes: usize,
    /// Blocks that nobody gives.
    pub unreachable: Arc<[Unreachable]>,
    /// What was refused since the database was opened.
    pub refusals: Arc<Refusals>,
    /// Entries of others that JavaScript does not read as they are written, since the database was opened.
    pub unreadable: u64,
    /// Who may write.
    pub writers: Writers,
    /// How the operations are understood, as found from them.
    pub found: Reading,
    /// Why the task takes nothing any more, if so.
    pub failed: Option<Arc<StoreError>>,
}

impl LogStatus {
    /// The digest of the heads: equal digests, equal logs.
    pub fn digest(&self) -> String {
        oplog::log::heads_digest(self.heads.iter().map(|head| head.hash))
    }
}

/// Why a database's task has ended although nobody closed it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TaskFault {
    /// The store failed.
    #[error("{0}")]
    Store(Arc<StoreError>),
    /// The task is gone: a fault in this program.
    #[error("its task has ended; restart the node")]
    Ended,
}

/// How exchanges of heads went.
#[derive(Debug, Clone, Default)]
pub struct ExchangeStatus {
    /// Peers that serve the database.
    pub peers: Vec<PeerId>,
    /// When heads were last exchanged with any of them.
    pub last: Option<Instant>,
}
