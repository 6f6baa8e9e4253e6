//! Entries on their way in.

use super::{Joiner, LINKS_PER_ENTRY, Source};
use crate::{entry::Candidate, hash::Hash, identity::VerifiedIdentity, order::Position, view::KeyedOp};
use bytes::Bytes;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Names a pending entry within a joiner; never used twice.
pub(super) type Id = u64;

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) hash: Hash,
    pub(super) source: Source,
    pub(super) stage: Stage,
    /// What it takes of the room for pending entries.
    pub(super) weight: u32,
    /// Pending entries that need this one.
    pub(super) waiters: Vec<Id>,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// The block is being fetched.
    Wanted,
    /// The block is here, its identity is being fetched.
    NeedsIdentity(Box<Candidate>),
    /// A job is out.
    Verifying,
    /// Good; some of `needs` are still pending.
    Verified(Box<Verified>),
}

#[derive(Debug)]
pub(super) struct Verified {
    pub(super) position: Position,
    pub(super) next: Vec<Hash>,
    pub(super) keyed: Option<KeyedOp>,
    pub(super) unreadable: bool,
    pub(super) block: Option<Bytes>,
    pub(super) needs: HashSet<Id>,
    pub(super) author: Arc<VerifiedIdentity>,
}

/// Maps up to this size keep their memory.
pub(super) const SMALL: usize = 4096;

/// Gives memory back when a map holds little of what it once held.
pub(super) fn shrink<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>) {
    if map.capacity() > SMALL && map.len() < map.capacity() / 8 {
        map.shrink_to((map.len() * 2).max(SMALL / 2));
    }
}

impl Joiner {
    /// Makes room for an entry whose block is wanted, or not: the caller says that it is refused.
    pub(super) fn admit(&mut self, hash: Hash, source: Source) -> Option<Id> {
        let peer = source.number();
        if source == Source::STAGED {
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
        let peer = pending.source.number();
        if pending.source == Source::STAGED {
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
                self.wanted.give_back(pending.source.number(), 1);
            }
            pending.stage = stage;
        }
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        self.ids.remove(&pending.hash);
        shrink(&mut self.pending);
        shrink(&mut self.ids);
        let peer = pending.source.number();
        if matches!(pending.stage, Stage::Wanted) {
            self.wanted.give_back(peer, 1);
        }
        self.room.give_back(peer, pending.weight.into());
        Some(pending)
    }
}
