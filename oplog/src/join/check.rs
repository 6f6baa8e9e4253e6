//! What holds of a joiner between any two events. Debug builds see to it.

use super::{
    Joiner,
    pending::{Id, Stage},
};
use crate::{hash::Hash, shares::Shares};
use bytes::Bytes;
use std::collections::HashMap;

/// The largest joiner that is checked, in entries. A larger one would take longer to check than to run.
const CHECKED: usize = 64;

impl<P: Copy + Eq + std::hash::Hash> Joiner<P> {
    /// Panics in debug builds when something is kept that contradicts something else.
    pub(super) fn check(&self) {
        if cfg!(debug_assertions) && self.pending.len() + self.parked.len() + self.ready.len() <= CHECKED {
            self.check_shares();
            self.check_links();
            self.check_sets();
        }
    }

    /// Every share is the sum of what is held.
    fn check_shares(&self) {
        let (mut room, mut wanted) = (HashMap::new(), HashMap::new());
        let (mut unidentified, mut staged) = (HashMap::new(), HashMap::new());
        let mut bytes = self.verifying_bytes;
        bytes += self.ready.iter().map(|ready| ready.block.as_ref().map_or(0, Bytes::len)).sum::<usize>();
        for pending in self.pending.values() {
            let peer = pending.source.peer();
            *room.entry(peer).or_insert(0) += u64::from(pending.weight);
            *staged.entry(peer).or_insert(0) += u64::from(pending.staged);
            match &pending.stage {
                Stage::Wanted => *wanted.entry(peer).or_insert(0) += 1,
                Stage::NeedsIdentity(candidate) => {
                    *unidentified.entry(peer).or_insert(0) += candidate.block.len() as u64;
                    bytes += candidate.block.len();
                }
                Stage::Verifying => {}
                Stage::Verified(verified) => bytes += verified.block.as_ref().map_or(0, Bytes::len),
            }
        }
        for (peer, parked) in self.parked.staged() {
            *staged.entry(peer).or_insert(0) += parked;
        }
        assert_eq!(self.block_bytes, bytes, "bytes of blocks in memory are their sum");
        assert!(is_sum(&self.room, &room), "room is what pending entries weigh");
        assert!(is_sum(&self.wanted, &wanted), "wants are entries whose block is not here");
        assert!(
            is_sum(&self.unidentified, &unidentified),
            "unidentified bytes are those of blocks that wait for it"
        );
        assert!(is_sum(&self.staged, &staged), "staged bytes are those of pending and of parked entries");
        self.parked.check();
    }

    /// Who needs something is known to what it needs.
    fn check_links(&self) {
        for (id, pending) in &self.pending {
            assert_eq!(self.ids.get(&pending.hash), Some(id), "a pending entry is found by its hash");
            match &pending.stage {
                Stage::NeedsIdentity(candidate) => {
                    let waiters = self.identity_waiters.get(&candidate.entry.identity);
                    assert!(waiters.is_some_and(|them| them.contains(id)), "its identity is being fetched");
                }
                Stage::Verified(verified) => {
                    assert!(!verified.needs.is_empty(), "an entry that needs nothing is ready");
                    let waits = |need: &Id| self.pending.get(need).is_some_and(|it| it.waiters.contains(id));
                    assert!(verified.needs.iter().all(waits), "what it needs is pending, and knows of it");
                }
                Stage::Wanted | Stage::Verifying => {}
            }
        }
        for (identity, waiters) in &self.identity_waiters {
            let waits = |id: &Id| {
                let waiter = self.pending.get(id).map(|pending| &pending.stage);
                matches!(waiter, Some(Stage::NeedsIdentity(candidate)) if candidate.entry.identity == *identity)
            };
            assert!(
                !waiters.is_empty() && waiters.iter().all(waits),
                "an identity is fetched for entries that need it"
            );
        }
        self.lines.check(|hash| self.wants(hash));
    }

    /// An entry is in one place.
    fn check_sets(&self) {
        assert_eq!(self.ids.len(), self.pending.len(), "a hash is pending once");
        assert_eq!(self.ready_at.len(), self.ready.len(), "an entry is ready once");
        assert!(self.ready.iter().all(|ready| self.ready_at.contains_key(&ready.position.hash)));
        let pending = |hash: &Hash| self.ids.contains_key(hash);
        assert!(!self.ready_at.keys().any(pending), "what is ready waits for nothing");
        assert!(!self.parked.hashes().any(pending), "what is parked is not pending");
        assert!(!self.refused.iter().any(|(hash, ())| pending(hash)), "what is refused is not pending");
    }
}

/// Whether shares are these, and no others.
fn is_sum<K: Copy + Eq + std::hash::Hash>(shares: &Shares<K>, held: &HashMap<K, u64>) -> bool {
    shares.total() == held.values().sum::<u64>()
        && held.iter().all(|(holder, held)| shares.held(*holder) == *held)
}
