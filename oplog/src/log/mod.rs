//! The log: heads, order, appending.
//!
//! [`Log`] holds what an append needs and no more: the heads, the newest few positions and the count. Everything else stays
//! in the store, which the log reads through [`LogRead`] and changes only by the [`Commit`]s that it hands out.

mod iterate;
mod read;

pub use iterate::{Iter, IterateError, Range, iterate};
pub use read::LogRead;

use crate::{
    address::Address,
    entry::{Draft, Entry},
    hash::Hash,
    identity::Identity,
    keys::SigningKey,
    order::{Clock, Position, Time},
    view::{KeyedOp, Operation, ViewChange, Winner},
};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// How many skip references an entry gets: `referencesCount` in JavaScript (wire document, section 6).
pub const REFERENCES: usize = 16;

/// How many of the newest positions a log keeps at hand. Enough to pick [`REFERENCES`] behind up to 64 heads; with more
/// heads than that an entry gets fewer references, which only readers notice, as a slower first fetch.
pub const RECENT: usize = 64 + REFERENCES;

/// The most heads that one entry joins. A log with more of them keeps the others as heads, to be joined by the entries that
/// follow; JavaScript would write an entry without bound, which [`MAX_LINKS`](crate::entry::MAX_LINKS) refuses.
pub const MAX_NEXT: usize = 1024;

/// Who appends: the hash of an identity block and the signing key that it certifies.
#[derive(Debug, Clone)]
pub struct Writer {
    identity: Hash,
    key: SigningKey,
    clock_id: Arc<str>,
}

impl Writer {
    /// The writer that signs with `key` in the name of `identity`.
    pub fn new(identity: Identity, key: SigningKey) -> Self {
        let clock_id = key.public_hex().into();
        Self { identity: identity.hash(), key, clock_id }
    }

    /// Blinds the signing key's context: [`SigningKey::blind`].
    pub fn blind(&mut self, random: &[u8; 32]) {
        self.key.blind(random);
    }

    /// The hash of the identity block.
    pub fn identity(&self) -> Hash {
        self.identity
    }
}

/// An entry on its way into the store.
#[derive(Debug, Clone)]
pub struct Added {
    /// Where it stands.
    pub position: Position,
    /// The block.
    pub block: Bytes,
    /// The heads that it replaces.
    pub next: Vec<Hash>,
    /// What it does to a view of keys.
    pub keyed: Option<KeyedOp>,
}

impl Added {
    /// The entry of a block.
    pub fn of(entry: Entry, block: Bytes) -> Self {
        let position = entry.position();
        Self { position, block, next: entry.next, keyed: Operation::of(entry.payload).keyed() }
    }
}

/// Everything that an append or a join changes in the store: to be applied as one atomic batch or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// New entries, ancestors first.
    pub added: Vec<Added>,
    /// The heads afterwards, greatest first.
    pub heads: Vec<Position>,
    /// The number of entries afterwards.
    pub len: u64,
    /// Changes of the view, each key once.
    pub view: Vec<ViewChange>,
}

/// Why nothing was appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The clock stands at 2^53 - 1 and cannot advance; no writer can append to this log any more.
    #[error(
        "the log's clock is at its end, 2^53 - 1: nobody can add to it any more; create another database and copy what it holds"
    )]
    ClockExhausted,
    /// The entry would be larger than the limit.
    #[error("the entry takes {size} bytes, more than the limit of {limit}")]
    Oversized {
        /// Size of the block in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// The growing end of a log.
#[derive(Debug, Clone)]
pub struct Log {
    address: Address,
    max_entry_bytes: usize,
    heads: Vec<Position>,
    recent: Vec<Position>,
    len: u64,
}

impl Log {
    /// A log without entries.
    pub fn empty(address: Address) -> Self {
        let max_entry_bytes = crate::entry::MAX_ENTRY_BYTES;
        Self { address, max_entry_bytes, heads: Vec::new(), recent: Vec::new(), len: 0 }
    }

    /// A log as a store holds it: its heads, the [`RECENT`] newest positions, the number of entries.
    pub fn open(address: Address, mut heads: Vec<Position>, mut recent: Vec<Position>, len: u64) -> Self {
        heads.sort_unstable_by(|a, b| b.cmp(a));
        recent.sort_unstable_by(|a, b| b.cmp(a));
        Self { heads, recent, len, ..Self::empty(address) }
    }

    /// Refuses to append entries whose blocks are larger than this many bytes.
    pub fn with_max_entry_bytes(self, max_entry_bytes: usize) -> Self {
        Self { max_entry_bytes, ..self }
    }

    /// The address, which is the log id.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The heads, greatest first: the order of `next` (wire document, section 5).
    pub fn heads(&self) -> &[Position] {
        &self.heads
    }

    /// The number of entries.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A digest of the heads, in hex. Replicas whose digests agree hold the same entries.
    pub fn digest(&self) -> String {
        heads_digest(self.heads.iter().map(|head| head.hash))
    }

    /// Signs a new entry on top of all heads, which makes it the only one (but see [`MAX_NEXT`]).
    ///
    /// The log is ahead of the store until the entry went through [`commit`](Self::commit); when that fails, the log must
    /// be opened anew.
    pub fn append(&mut self, operation: Operation, writer: &Writer) -> Result<Added, AppendError> {
        let newest = self.heads.first().map_or(Time::ZERO, |head| head.time).max(Time::ZERO);
        let time = newest.next().ok_or(AppendError::ClockExhausted)?;
        let keyed = operation.keyed();
        let draft = Draft {
            id: self.address,
            payload: operation.into_payload(),
            next: self.heads.iter().take(MAX_NEXT).map(|head| head.hash).collect(),
            refs: self.recent.iter().skip(self.heads.len()).take(REFERENCES).map(|at| at.hash).collect(),
            clock: Clock { id: Arc::clone(&writer.clock_id), time },
        };
        let (entry, block) = Entry::sign(draft, writer.identity, &writer.key);
        if block.len() > self.max_entry_bytes {
            return Err(AppendError::Oversized { size: block.len(), limit: self.max_entry_bytes });
        }
        let added = Added { position: entry.position(), block, keyed, next: entry.next };
        self.take(&added);
        Ok(added)
    }

    /// Takes verified entries of others in, ancestors before descendants, none of them known before.
    pub fn join<'a>(&mut self, added: impl IntoIterator<Item = &'a Added>) {
        added.into_iter().for_each(|added| self.take(added));
    }

    /// What the store must change so that it holds `added`, the entries appended or joined since the last commit.
    pub fn commit<R: LogRead>(&self, added: Vec<Added>, read: &R) -> Result<Commit, R::Error> {
        debug_assert!(self.are_heads(&added), "no entry of the log points to a head");
        let view = view_changes(&added, read)?;
        Ok(Commit { added, heads: self.heads.clone(), len: self.len, view })
    }

    /// Whether no head is pointed to by one of these entries, and the heads stand in their order, each once.
    fn are_heads(&self, added: &[Added]) -> bool {
        let replaced: HashSet<&Hash> = added.iter().flat_map(|added| &added.next).collect();
        self.heads.iter().all(|head| !replaced.contains(&head.hash))
            && self.heads.is_sorted_by(|newer, older| newer > older)
    }

    fn take(&mut self, added: &Added) {
        self.heads.retain(|head| !added.next.contains(&head.hash));
        insert_descending(&mut self.heads, &added.position);
        insert_descending(&mut self.recent, &added.position);
        self.recent.truncate(RECENT);
        self.len += 1;
        debug_assert!(self.heads.len() as u64 <= self.len, "a head is an entry");
        debug_assert!(self.recent.len() as u64 <= self.len, "a recent entry is one");
    }
}

/// A digest of heads, in hex: sha2-256 over their digests in ascending order.
pub fn heads_digest(heads: impl IntoIterator<Item = Hash>) -> String {
    let mut heads: Vec<Hash> = heads.into_iter().collect();
    heads.sort_unstable();
    let mut hasher = Sha256::new();
    heads.iter().for_each(|head| hasher.update(head.digest()));
    hex::encode(hasher.finalize())
}

fn insert_descending(positions: &mut Vec<Position>, position: &Position) {
    let at = positions.partition_point(|other| other > position);
    debug_assert!(positions.get(at) != Some(position), "an entry is taken once");
    positions.insert(at, position.clone());
}

fn view_changes<R: LogRead>(added: &[Added], read: &R) -> Result<Vec<ViewChange>, R::Error> {
    let mut changes: HashMap<&str, ViewChange> = HashMap::new();
    for (op, position) in added.iter().filter_map(|added| Some((added.keyed.as_ref()?, &added.position))) {
        let winner = Winner { position: position.clone(), deleted: op.deleted };
        if let Some(change) = changes.get_mut(op.key.as_str()) {
            if change.winner.position < winner.position {
                change.winner = winner;
            }
            continue;
        }
        let replaced = read.winner(&op.key)?;
        if replaced.as_ref().is_none_or(|old| old.position < winner.position) {
            changes.insert(&op.key, ViewChange { key: op.key.clone(), winner, replaced });
        }
    }
    let mut changes: Vec<ViewChange> = changes.into_values().collect();
    changes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    Ok(changes)
}
