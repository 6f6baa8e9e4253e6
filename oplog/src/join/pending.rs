//! Entries on their way in.

use super::{Joiner, Source};
use crate::{entry::Candidate, hash::Hash, identity::VerifiedIdentity, order::Position, view::KeyedOp};
use bytes::Bytes;
use std::{collections::HashSet, sync::Arc};

/// Names a pending entry within a joiner; never used twice.
pub(super) type Id = u64;

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) hash: Hash,
    pub(super) source: Source,
    pub(super) stage: Stage,
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
    Verified(Verified),
}

#[derive(Debug)]
pub(super) struct Verified {
    pub(super) position: Position,
    pub(super) next: Vec<Hash>,
    pub(super) keyed: Option<KeyedOp>,
    pub(super) block: Option<Bytes>,
    pub(super) needs: HashSet<Id>,
    pub(super) author: Arc<VerifiedIdentity>,
}

impl Joiner {
    pub(super) fn admit(&mut self, hash: Hash, source: Source) -> Option<Id> {
        let held = self.per_source.entry(source.number()).or_default();
        let share = if source == Source::STAGED { usize::MAX } else { self.limits.max_pending_per_source };
        if *held >= share || self.pending.len() >= self.limits.max_pending {
            return None;
        }
        *held += 1;
        let id = self.next_id;
        self.next_id += 1;
        self.ids.insert(hash, id);
        self.pending.insert(id, Pending { hash, source, stage: Stage::Wanted, waiters: Vec::new() });
        Some(id)
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        self.ids.remove(&pending.hash);
        if let Some(held) = self.per_source.get_mut(&pending.source.number()) {
            *held -= 1;
            if *held == 0 {
                self.per_source.remove(&pending.source.number());
            }
        }
        Some(pending)
    }
}
