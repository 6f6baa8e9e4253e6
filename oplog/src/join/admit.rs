//! Admission of entries to a joiner: the room they take and give back.

use super::pending::{Id, Pending, Stage, is_wanted, shrink};
use super::{Effect, Joiner, LINKS_PER_ENTRY, Source};
use crate::hash::Hash;

impl<P: Copy + Eq + std::hash::Hash> Joiner<P> {
    /// Makes room for an entry whose block is wanted, or not: the caller says that it is refused.
    pub(super) fn admit(&mut self, hash: Hash, source: Source<P>) -> Option<Id> {
        let peer = source.peer();
        if !self.wanted.take(peer, 1) {
            return None;
        }
        if !self.room.take(peer, 1) {
            self.wanted.give_back(peer, 1);
            return None;
        }
        Some(self.insert(hash, source))
    }

    /// Takes an entry in that the node itself had staged, whether there is room or not.
    pub(super) fn admit_staged(&mut self, hash: Hash, bytes: usize) -> Id {
        let known = self.ids.get(&hash).copied();
        let id = known.unwrap_or_else(|| {
            self.wanted.take_always(None, 1);
            self.room.take_always(None, 1);
            self.insert(hash, Source::Staged)
        });
        if let Some(pending) = self.pending.get_mut(&id)
            && pending.staged == 0
        {
            pending.staged = u32::try_from(bytes).unwrap_or(u32::MAX);
            self.staged.take_always(pending.source.peer(), pending.staged.into());
        }
        id
    }

    fn insert(&mut self, hash: Hash, source: Source<P>) -> Id {
        let mut staged = 0;
        if let Some(parked) = self.parked.take(&hash) {
            staged = parked.bytes;
            self.staged.give_back(parked.source.peer(), staged.into());
            self.staged.take_always(source.peer(), staged.into());
        }
        let id = self.next_id;
        self.next_id += 1;
        self.ids.insert(hash, id);
        let pending = Pending { hash, source, stage: Stage::Wanted, weight: 1, staged, waiters: Vec::new() };
        self.pending.insert(id, Box::new(pending));
        id
    }

    /// Puts a block in the line of those to be asked for.
    pub(super) fn want(&mut self, hash: Hash, source: Source<P>) {
        let (pending, ids, identities) = (&self.pending, &self.ids, &self.identity_waiters);
        self.lines.push(hash, source, |hash| is_wanted(pending, ids, identities, hash));
    }

    /// Asks for wanted blocks as long as there is room.
    pub(super) fn ask(&mut self, effects: &mut Vec<Effect<P>>) {
        let (pending, ids, identities) = (&self.pending, &self.ids, &self.identity_waiters);
        self.lines.ask(|hash| is_wanted(pending, ids, identities, hash), effects);
    }

    /// Makes room for the links of an entry. False when there is none.
    pub(super) fn weigh(&mut self, id: Id, links: usize) -> bool {
        let more = u32::try_from(links / LINKS_PER_ENTRY).unwrap_or(u32::MAX);
        let Some(pending) = self.pending.get_mut(&id) else { return false };
        let peer = pending.source.peer();
        if !self.room.take(peer, more.into()) {
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
                self.lines.arrived(&pending.hash);
            }
            pending.stage = stage;
        }
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<Pending<P>> {
        let pending = *self.pending.remove(&id)?;
        self.ids.remove(&pending.hash);
        shrink(&mut self.ids);
        let peer = pending.source.peer();
        if matches!(pending.stage, Stage::Wanted) {
            self.wanted.give_back(peer, 1);
        }
        self.room.give_back(peer, pending.weight.into());
        self.staged.give_back(peer, pending.staged.into());
        Some(pending)
    }
}
