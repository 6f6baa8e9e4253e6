//! A log in memory: the reference for stores, and enough for tests and small tools.

use crate::{
    entry::Entry,
    hash::Hash,
    log::{Commit, LogRead},
    order::Position,
    view::Winner,
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    convert::Infallible,
    ops::Bound,
};

/// The committed entries of one log.
#[derive(Debug, Clone, Default)]
pub struct MemoryLog {
    blocks: HashMap<Hash, Bytes>,
    order: BTreeSet<Position>,
    heads: Vec<Position>,
    winners: BTreeMap<String, Winner>,
}

impl MemoryLog {
    /// Applies a commit.
    pub fn apply(&mut self, commit: Commit) {
        for added in commit.added {
            self.blocks.insert(added.position.hash, added.block);
            self.order.insert(added.position);
        }
        self.heads = commit.heads;
        self.winners.extend(commit.view.into_iter().map(|change| (change.key, change.winner)));
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The heads, greatest first.
    pub fn heads(&self) -> &[Position] {
        &self.heads
    }

    /// The block of an entry.
    pub fn block(&self, hash: &Hash) -> Option<&Bytes> {
        self.blocks.get(hash)
    }

    /// The view: every key that was ever set, with the entry that decides what it shows.
    pub fn winners(&self) -> &BTreeMap<String, Winner> {
        &self.winners
    }

    /// The entries that keys show, newest first: JavaScript's `iterator()` of a keyvalue or documents database.
    pub fn live_newest_first(&self) -> Vec<&Position> {
        let mut live: Vec<&Position> =
            self.winners.values().filter(|winner| !winner.deleted).map(|winner| &winner.position).collect();
        live.sort_unstable_by(|a, b| b.cmp(a));
        live
    }
}

impl LogRead for MemoryLog {
    type Error = Infallible;

    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, Infallible> {
        Ok(self.blocks.get(hash).and_then(|block| Entry::decode(block).ok()))
    }

    fn contains(&self, hash: &Hash) -> Result<bool, Infallible> {
        Ok(self.blocks.contains_key(hash))
    }

    fn newest_first<'a>(
        &'a self,
        below: Option<&Position>,
    ) -> impl Iterator<Item = Result<Position, Infallible>> + use<'a> {
        let end = below.map_or(Bound::Unbounded, Bound::Excluded);
        self.order.range::<Position, _>((Bound::Unbounded, end)).rev().cloned().map(Ok)
    }

    fn oldest_first<'a>(
        &'a self,
        above: Option<&Position>,
    ) -> impl Iterator<Item = Result<Position, Infallible>> + use<'a> {
        let start = above.map_or(Bound::Unbounded, Bound::Excluded);
        self.order.range::<Position, _>((start, Bound::Unbounded)).cloned().map(Ok)
    }

    fn winner(&self, key: &str) -> Result<Option<Winner>, Infallible> {
        Ok(self.winners.get(key).cloned())
    }
}
