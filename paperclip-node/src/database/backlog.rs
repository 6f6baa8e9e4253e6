//! What entries that wait take of the node, all databases together, and how much of it each may have.

use oplog::{Address, shares::Shares};
use std::sync::{Arc, Mutex, PoisonError};

/// Entries that wait, all databases together; see [`Limits::max_pending`](oplog::join::Limits::max_pending).
pub const MAX_NODE_PENDING: u64 = 1_500_000;

/// Bytes of their blocks in memory. A database above its part stages them.
pub const MAX_NODE_PENDING_BYTES: u64 = 256 << 20;

/// The room that the databases of a node share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Backlog(Arc<Mutex<Room>>);

#[derive(Debug)]
struct Room {
    entries: Shares<Address>,
    bytes: Shares<Address>,
}

/// The most that a database may have waiting as things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

impl Default for Backlog {
    fn default() -> Self {
        let (entries, bytes) = (Shares::new(MAX_NODE_PENDING), Shares::new(MAX_NODE_PENDING_BYTES));
        Self(Arc::new(Mutex::new(Room { entries, bytes })))
    }
}

impl Backlog {
    /// Says what a database has waiting, and learns what it may have.
    pub(super) fn share(&self, database: Address, entries: u64, bytes: u64) -> Allowance {
        // nothing in here panics halfway
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room.entries.set(database, entries);
        room.bytes.set(database, bytes);
        Allowance { entries: room.entries.allowance(database), bytes: room.bytes.allowance(database) }
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
        let alone = backlog.share(flooded, 0, 0);
        assert_eq!(alone.entries, MAX_NODE_PENDING / 4 * 3);
        backlog.share(flooded, alone.entries, alone.bytes);
        let left = backlog.share(other, 0, 0);
        assert_eq!((left.entries, left.bytes), (MAX_NODE_PENDING / 8, MAX_NODE_PENDING_BYTES / 8));
        assert_eq!(backlog.share(flooded, 0, 0), alone, "given back");
    }
}
