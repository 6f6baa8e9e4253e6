//! The pace of exchanges of all databases together. A node with thousands of databases would otherwise start thousands of
//! exchanges the moment a peer appears, and repeat all of them every interval.

use libp2p::PeerId;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Exchanges that we have under way with one peer, all databases together. Others wait for their turn; other peers do not.
pub const MAX_EXCHANGES_PER_PEER: usize = 64;

/// What each open database adds to the least interval between its exchanges with a peer: some 200 a second with each peer,
/// however many databases there are.
const SPACING: Duration = Duration::from_millis(5);

/// Turns to exchange heads. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    peers: Arc<Mutex<HashMap<PeerId, Weak<Semaphore>>>>,
    databases: Arc<AtomicU32>,
}

/// An open database, counted until this is dropped.
#[derive(Debug)]
pub struct Paced(Arc<AtomicU32>);

impl Drop for Paced {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pace {
    /// Counts one more open database.
    pub fn enter(&self) -> Paced {
        self.databases.fetch_add(1, Ordering::Relaxed);
        Paced(Arc::clone(&self.databases))
    }

    /// The interval at which a database is to exchange heads, if `configured` were it for a few.
    pub fn interval(&self, configured: Duration) -> Duration {
        configured.max(SPACING * self.databases.load(Ordering::Relaxed))
    }

    /// Waits until fewer than [`MAX_EXCHANGES_PER_PEER`] are under way with `peer`; the turn lasts until it is dropped. First
    /// come, first served. `None` never comes: nothing closes a turn.
    pub async fn turn(&self, peer: PeerId) -> Option<OwnedSemaphorePermit> {
        self.of(peer).acquire_owned().await.ok()
    }

    fn of(&self, peer: PeerId) -> Arc<Semaphore> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = peers.get(&peer).and_then(Weak::upgrade) {
            return turns;
        }
        peers.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::new(Semaphore::new(MAX_EXCHANGES_PER_PEER));
        peers.insert(peer, Arc::downgrade(&turns));
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn a_peer_has_so_many_turns_and_another_its_own() {
        let (pace, slow, other) = (Pace::default(), PeerId::random(), PeerId::random());
        let mut held = Vec::new();
        for _ in 0..MAX_EXCHANGES_PER_PEER {
            held.push(pace.turn(slow).await);
        }
        assert!(pace.turn(slow).now_or_never().is_none());
        assert!(pace.turn(other).now_or_never().is_some());
        held.pop();
        assert!(pace.turn(slow).now_or_never().is_some());
        held.clear();
        drop(pace.turn(other).await);
        assert!(pace.peers.lock().unwrap().len() <= 2, "turns of peers that have gone are forgotten");
    }

    #[test]
    fn many_databases_exchange_less_often() {
        let (pace, configured) = (Pace::default(), Duration::from_secs(30));
        let databases: Vec<Paced> = (0..10_000).map(|_| pace.enter()).collect();
        assert_eq!(pace.interval(configured), Duration::from_secs(50));
        drop(databases);
        assert_eq!(pace.interval(configured), configured);
    }
}
