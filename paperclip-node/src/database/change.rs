//! Changes of a log, as its followers are told of them.

use bytes::Bytes;
use oplog::{log::Added, order::Position};

/// Changes that a slow follower may be behind before it loses some and must catch up from the log.
pub const CHANGE_QUEUE: usize = 1024;

/// An entry that came into the log, by a write here or from a peer.
#[derive(Debug, Clone)]
pub struct Change {
    /// Where it stands.
    pub position: Position,
    /// Its block.
    pub block: Bytes,
}

impl Change {
    /// The change that an entry makes.
    pub(super) fn of(added: &Added) -> Self {
        Self { position: added.position.clone(), block: added.block.clone() }
    }
}
