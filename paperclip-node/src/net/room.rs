//! Room for what peers send and nobody has looked at yet: bytes, all databases together, of which each peer has a share.

use libp2p::PeerId;
use oplog::shares::Shares;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of heads that are being received or wait for their database.
pub const MAX_HEADS_BYTES: u64 = 128 << 20;

/// Bytes of gossip messages that wait for their database.
pub const MAX_GOSSIP_BYTES_WAITING: u64 = 64 << 20;

/// A number of bytes that peers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Room(Arc<Mutex<Shares<PeerId>>>);

impl Room {
    pub(super) fn new(bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(Shares::new(bytes))))
    }

    /// Nothing yet, to be filled with what this peer sends.
    pub fn hold(&self, peer: PeerId) -> Held {
        Held { room: self.clone(), peer, bytes: 0 }
    }

    /// Bytes that are held.
    pub fn total(&self) -> u64 {
        self.shares().total()
    }

    fn shares(&self) -> MutexGuard<'_, Shares<PeerId>> {
        // nothing that holds it panics halfway
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of one peer, given back when this is dropped.
#[derive(Debug)]
pub struct Held {
    room: Room,
    peer: PeerId,
    bytes: u64,
}

impl Held {
    /// Takes some more; false, and nothing taken, when there is no room for this peer.
    pub fn take(&mut self, bytes: usize) -> bool {
        let fits = self.room.shares().take(self.peer, bytes as u64);
        if fits {
            self.bytes += bytes as u64;
        }
        fits
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.shares().give_back(self.peer, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_peer_fills_leaves_room_for_another_and_comes_back() {
        let room = Room::new(1000);
        let (greedy, modest) = (PeerId::random(), PeerId::random());
        let mut held = room.hold(greedy);
        assert!(held.take(700) && !held.take(100));
        assert!(room.hold(modest).take(100));
        assert_eq!(room.total(), 700);
        drop(held);
        assert_eq!(room.total(), 0);
    }
}
