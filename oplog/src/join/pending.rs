//! Pending entries of a joiner: what is fetched, verified, or waits for ancestors.

use super::Source;
use crate::{entry::Candidate, hash::Hash, identity::VerifiedIdentity, order::Position, view::KeyedOp};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Names a pending entry within a joiner; never used twice.
pub(super) type Id = u64;

/// Pending entries in the order of their ids, so that equal events have equal effects. Boxed: the nodes of such a map are half
/// empty.
pub(super) type PendingEntries<P> = BTreeMap<Id, Box<Pending<P>>>;

#[derive(Debug)]
pub(super) struct Pending<P> {
    pub(super) hash: Hash,
    pub(super) source: Source<P>,
    pub(super) stage: Stage,
    /// What it takes of the room for pending entries.
    pub(super) weight: u32,
    /// What its block takes where staged blocks are; 0 if it is not there.
    pub(super) staged: u32,
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
    /// Ascending.
    pub(super) needs: Vec<Id>,
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

/// Whether the block is being fetched, as an entry or as an identity.
pub(super) fn is_wanted<P>(
    pending: &PendingEntries<P>,
    ids: &HashMap<Hash, Id>,
    identities: &HashMap<Hash, Vec<Id>>,
    hash: &Hash,
) -> bool {
    let wanted = |id| pending.get(id).is_some_and(|pending| matches!(pending.stage, Stage::Wanted));
    identities.contains_key(hash) || ids.get(hash).is_some_and(wanted)
}
