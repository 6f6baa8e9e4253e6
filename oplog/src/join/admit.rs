//! Admission of entries to a joiner: the room they take and give back.

use super::pending::{Id, Pending, Stage, shrink};
use super::{Joiner, LINKS_PER_ENTRY, Source};
use crate::hash::Hash;

impl<P: Copy + Eq + std::hash::Hash> Joiner<P> {
    /// Makes room for an entry whose block is wanted, or not: the caller says that it is refused.
    pub(super) fn admit(&mut self, hash: Hash, source: Source<P>) -> Option<Id> {
        let peer = source.peer();
        if peer.is_none() {
            self.wanted.take_always(peer, 1);
            self.room.take_always(peer, 1);
        } else if !self.wanted.take(peer, 1) {
            return None;
        } else if !self.room.take(peer, 1) {
            self.wanted.give_back(peer, 1);
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.ids.insert(hash, id);
        self.pending
            .insert(id, Pending { hash, source, stage: Stage::Wanted, weight: 1, waiters: Vec::new() });
        Some(id)
    }

    /// Makes room for the links of an entry. False when there is none.
    pub(super) fn weigh(&mut self, id: Id, links: usize) -> bool {
        let more = u32::try_from(links / LINKS_PER_ENTRY).unwrap_or(u32::MAX);
        let Some(pending) = self.pending.get_mut(&id) else { return false };
        let peer = pending.source.peer();
        if peer.is_none() {
            self.room.take_always(peer, more.into());
        } else if !self.room.take(peer, more.into()) {
            return false;
        }
        pending.weight += more;
        true
    }

    /// The block of an entry is here.
    pub(super) fn no_longer_wanted(&mut self, id: Id, stage: Stage) {
        if let Some(pending) = self.pending.get_mut(&id) {
            if matches!(pending.stage, Stage::Wanted) {
                self.wanted.give_back(pending.source.peer(), 1);
            }
            pending.stage = stage;
        }
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<Pending<P>> {
        let pending = self.pending.remove(&id)?;
        self.ids.remove(&pending.hash);
        shrink(&mut self.pending);
        shrink(&mut self.ids);
        let peer = pending.source.peer();
        if matches!(pending.stage, Stage::Wanted) {
            self.wanted.give_back(peer, 1);
        }
        self.room.give_back(peer, pending.weight.into());
        Some(pending)
    }
}
