//! What entries that wait take of the node, all databases together, and how much of it each may have.

use oplog::{Address, shares::Shares};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Entries that wait, all databases together; see [`Limits::max_pending`](oplog::join::Limits::max_pending).
pub const MAX_NODE_PENDING: u64 = 1_500_000;

/// Bytes of their blocks in memory. A database above its part stages them.
pub const MAX_NODE_PENDING_BYTES: u64 = 256 << 20;

/// Bytes of staged blocks.
pub const MAX_NODE_STAGED_BYTES: u64 = store::DEFAULT_MAX_STAGED_BYTES;

/// The room that the databases of a node share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Backlog(Arc<Mutex<Room>>);

#[derive(Debug)]
struct Room {
    entries: Shares<Address>,
    bytes: Shares<Address>,
    staged: Shares<Address>,
}

/// What waits, of one database or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Entries.
    pub entries: u64,
    /// Bytes of their blocks in memory.
    pub bytes: u64,
    /// Bytes of their blocks that were staged.
    pub staged: u64,
}

impl Default for Backlog {
    fn default() -> Self {
        let (entries, bytes) = (Shares::new(MAX_NODE_PENDING), Shares::new(MAX_NODE_PENDING_BYTES));
        let staged = Shares::new(MAX_NODE_STAGED_BYTES);
        Self(Arc::new(Mutex::new(Room { entries, bytes, staged })))
    }
}

impl Backlog {
    /// Says what a database has waiting, and learns the most that it may have as things stand.
    pub(super) fn share(&self, database: Address, waiting: Waiting) -> Waiting {
        let mut room = self.room();
        room.entries.set(database, waiting.entries);
        room.bytes.set(database, waiting.bytes);
        room.staged.set(database, waiting.staged);
        Waiting {
            entries: room.entries.allowance(database),
            bytes: room.bytes.allowance(database),
            staged: room.staged.allowance(database),
        }
    }

    /// What all databases have waiting.
    pub fn total(&self) -> Waiting {
        let room = self.room();
        Waiting { entries: room.entries.total(), bytes: room.bytes.total(), staged: room.staged.total() }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        // nothing that holds it panics halfway
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oplog::Hash;

    #[test]
    fn a_flooded_database_leaves_room_for_the_others() {
        let backlog = Backlog::default();
        let [flooded, other] = [b"a", b"b"].map(|name| Address::new(Hash::of(name)));
        let nothing = Waiting::default();
        let alone = backlog.share(flooded, nothing);
        assert_eq!(alone.entries, MAX_NODE_PENDING / 4 * 3);
        backlog.share(flooded, alone);
        assert_eq!(backlog.total(), alone);
        let left = backlog.share(other, nothing);
        let eighth = Waiting {
            entries: MAX_NODE_PENDING / 8,
            bytes: MAX_NODE_PENDING_BYTES / 8,
            staged: MAX_NODE_STAGED_BYTES / 8,
        };
        assert_eq!(left, eighth);
        assert_eq!(backlog.share(flooded, nothing), alone, "given back");
    }
}
