//! Whether a log is whole. Told its entries from the newest down, a frontier knows which hashes must still come.
//!
//! Every entry of a log is a head or named in the `next` of another one, so the walk that begins at the heads meets all of it and
//! nothing else. What it keeps is what has been named and not met: for a log that people wrote, the width of its branches, and
//! some references.

use oplog::{Entry, Hash, order::Time};
use std::collections::{HashMap, HashSet};

/// Hashes that have been named and not met yet: some 64 MiB of them. Only a log made for the purpose has more.
pub const MAX_FRONTIER: usize = 1 << 20;

/// Why a log is not whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// No head and no entry above names it.
    #[error("no head leads to entry {0}")]
    Unreferenced(Hash),
    /// It is listed as a head, and another entry names it in `next`.
    #[error("entry {0} is listed as a head, and is none")]
    NoHead(Hash),
    /// An entry's time is not above that of the entry that it names in `next`.
    #[error("the clock of an entry is not above that of {0}, on which it builds")]
    Clock(Hash),
    /// Entries that were named and never came.
    #[error("entry {0} is missing")]
    Missing(Hash),
    /// More than [`MAX_FRONTIER`].
    #[error("more than {MAX_FRONTIER} entries are named before they stand there")]
    TooWide,
}

/// What has been named of a log and not been met.
#[derive(Debug, Default)]
pub struct Frontier {
    heads: HashSet<Hash>,
    /// Named in `next`; the least time of those that name them.
    parents: HashMap<Hash, Time>,
    /// Named in `refs`.
    refs: HashSet<Hash>,
}

impl Frontier {
    /// The walk that begins at these heads.
    pub fn new(heads: impl IntoIterator<Item = Hash>) -> Self {
        Self { heads: heads.into_iter().collect(), ..Self::default() }
    }

    /// Whether a log that is walked has this entry.
    pub fn has(&self, hash: &Hash) -> bool {
        self.heads.contains(hash) || self.parents.contains_key(hash)
    }

    /// Whether every entry was met. References may be left.
    pub fn is_done(&self) -> bool {
        self.heads.is_empty() && self.parents.is_empty()
    }

    /// The next entry, below all that were met so far.
    ///
    /// # Errors
    /// It does not belong there.
    pub fn meet(&mut self, entry: &Entry) -> Result<(), FrontierError> {
        let hash = entry.hash;
        let (is_head, child) = (self.heads.remove(&hash), self.parents.remove(&hash));
        match (is_head, child) {
            (false, None) => return Err(FrontierError::Unreferenced(hash)),
            (true, Some(_)) => return Err(FrontierError::NoHead(hash)),
            (_, Some(child)) if entry.clock.time >= child => return Err(FrontierError::Clock(hash)),
            _ => {}
        }
        self.refs.remove(&hash);
        for next in &entry.next {
            if self.heads.contains(next) {
                return Err(FrontierError::NoHead(*next));
            }
            let least = self.parents.entry(*next).or_insert(entry.clock.time);
            *least = entry.clock.time.min(*least);
        }
        self.refs.extend(&entry.refs);
        if self.parents.len() + self.refs.len() > MAX_FRONTIER {
            return Err(FrontierError::TooWide);
        }
        Ok(())
    }

    /// That there are no more entries. Gives the references that were named after the entry that they name: a clock binds an entry
    /// to those of its `next`, and not to those of its `refs`. They must be looked for above.
    ///
    /// # Errors
    /// Some heads, or entries that others build on, were never met.
    pub fn finish(self) -> Result<HashSet<Hash>, FrontierError> {
        let missing = self.heads.into_iter().chain(self.parents.into_keys()).min();
        missing.map_or(Ok(self.refs), |hash| Err(FrontierError::Missing(hash)))
    }
}
