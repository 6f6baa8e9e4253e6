//! Checking everything against everything.

use super::{
    database::DatabaseStore,
    error::{Corruption, StoreError},
    keys,
    record::{self, Indexed},
};
use oplog::{
    Entry, Hash,
    log::LogRead as _,
    order::Position,
    view::{KeyedOp, Winner},
};
use std::{collections::HashSet, fmt};

/// Most differences that a report names.
pub const MAX_DIFFERENCES: usize = 100;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Entries that were checked.
    pub entries: u64,
    /// Bytes of their blocks.
    pub bytes: u64,
    /// Everything that is not as it should be.
    pub differences: u64,
    /// The first [`MAX_DIFFERENCES`] of them.
    pub examples: Vec<Difference>,
}

impl VerifyReport {
    /// Whether all is well.
    pub fn is_clean(&self) -> bool {
        self.differences == 0
    }

    fn add(&mut self, difference: Difference) {
        self.differences += 1;
        if self.examples.len() < MAX_DIFFERENCES {
            self.examples.push(difference);
        }
    }
}

/// Something that is not as the blocks say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A block is damaged, missing, or no entry.
    Block(Corruption),
    /// An entry belongs to another log.
    OtherLog(Hash),
    /// An entry's place in the order, or in the index, is not its own.
    Misplaced(Hash),
    /// An ancestor of an entry is missing.
    MissingAncestor {
        /// The entry.
        entry: Hash,
        /// The ancestor.
        ancestor: Hash,
    },
    /// The heads are not the entries that no other points to.
    Heads,
    /// The count is not the number of entries.
    Count {
        /// What the store says.
        stored: u64,
        /// How many there are.
        counted: u64,
    },
    /// A key's winner is not the newest entry that sets or deletes it.
    Winner(String),
    /// The list of what the view shows lacks this winner or has one too many.
    Live(Hash),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(corruption) => corruption.fmt(f),
            Self::OtherLog(hash) => write!(f, "entry {hash} belongs to another database"),
            Self::Misplaced(hash) => write!(f, "entry {hash} is indexed in the wrong place"),
            Self::MissingAncestor { entry, ancestor } => {
                write!(f, "entry {entry} builds on {ancestor}, which is missing")
            }
            Self::Heads => f.write_str("the heads are not those of the entries"),
            Self::Count { stored, counted } => write!(f, "{counted} entries, counted as {stored}"),
            Self::Winner(key) => write!(f, "key {key:?} does not show the newest entry"),
            Self::Live(hash) => {
                write!(f, "entry {hash} is wrongly listed or missing among what the view shows")
            }
        }
    }
}

impl DatabaseStore {
    /// Reads every entry and checks block, order, index, ancestors, heads and view against each other. Nobody may write the
    /// database meanwhile. `on_progress` is told the number of entries checked, every thousand of them. What is found can be
    /// mended by [`rebuild`](Self::rebuild), and by peers that have the entries.
    pub fn verify(&self, mut on_progress: impl FnMut(u64)) -> Result<VerifyReport, StoreError> {
        let mut report = VerifyReport::default();
        let mut heads = HashSet::new();
        for position in self.oldest_first(None) {
            let position = position?;
            self.verify_entry(&position, &mut heads, &mut report)?;
            report.entries += 1;
            if report.entries.is_multiple_of(1000) {
                on_progress(report.entries);
            }
        }
        self.verify_heads(&heads, &mut report)?;
        self.verify_live(&mut report)?;
        on_progress(report.entries);
        Ok(report)
    }

    fn verify_entry(
        &self,
        position: &Position,
        heads: &mut HashSet<Hash>,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError> {
        let hash = position.hash;
        heads.insert(hash);
        match self.store.indexed(&hash)? {
            Some(Indexed::Entry(_, number, at)) if number == self.number && at == *position => {}
            _ => report.add(Difference::Misplaced(hash)),
        }
        let entry = match self.whole_entry(&hash, report) {
            Err(StoreError::Corrupt(error)) => {
                report.add(Difference::Block(error));
                return Ok(());
            }
            entry => entry?,
        };
        if entry.position() != *position {
            report.add(Difference::Misplaced(hash));
        }
        if entry.id.parse() != Ok(self.address) {
            report.add(Difference::OtherLog(hash));
        }
        for ancestor in entry.next.iter().chain(&entry.refs) {
            if self.position(ancestor)?.is_none_or(|ancestor| ancestor >= *position) {
                report.add(Difference::MissingAncestor { entry: hash, ancestor: *ancestor });
            }
        }
        for replaced in &entry.next {
            heads.remove(replaced);
        }
        self.verify_winner(position, &entry, report)
    }

    fn whole_entry(&self, hash: &Hash, report: &mut VerifyReport) -> Result<Entry, StoreError> {
        let block = self.store.block(hash)?.ok_or(Corruption::MissingBlock(*hash))?;
        report.bytes += block.len() as u64;
        Ok(Entry::decode(&block).map_err(|error| Corruption::Entry(*hash, error))?)
    }

    /// An entry that sets or deletes a key is that key's winner, or older than it; and a winner is what the entry says.
    fn verify_winner(
        &self,
        position: &Position,
        entry: &Entry,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError> {
        let Some(op) = KeyedOp::of(&entry.payload) else { return Ok(()) };
        let wins = Winner { position: position.clone(), deleted: op.deleted };
        match self.winner(&op.key)? {
            Some(winner) if winner == wins => {
                let live = self.store.inner.tree.get(keys::live(self.number, position))?;
                let listed = live.as_deref() == Some(record::encode_live(&op.key));
                if listed == op.deleted {
                    report.add(Difference::Live(position.hash));
                }
            }
            Some(winner) if winner.position > *position => {}
            _ => report.add(Difference::Winner(op.key)),
        }
        Ok(())
    }

    fn verify_heads(&self, heads: &HashSet<Hash>, report: &mut VerifyReport) -> Result<(), StoreError> {
        let stored = match self.heads() {
            Ok(stored) => stored,
            Err(StoreError::Corrupt(_)) => None,
            Err(error) => return Err(error),
        };
        let (len, hashes) = match stored {
            Some(stored) => (stored.len, stored.heads.iter().map(|head| head.hash).collect()),
            None => (0, HashSet::new()),
        };
        if hashes != *heads {
            report.add(Difference::Heads);
        }
        if len != report.entries {
            report.add(Difference::Count { stored: len, counted: report.entries });
        }
        Ok(())
    }

    /// Every winner and every listed entry is one of the log's, and says what it is listed for.
    fn verify_live(&self, report: &mut VerifyReport) -> Result<(), StoreError> {
        for pair in self.store.inner.tree.with_prefix(&keys::prefix(keys::VIEW, self.number)) {
            let (key, value) = pair?;
            let winner = record::decode_winner(&value)?;
            let entry = self.entry(&winner.position.hash).or_else(damaged)?;
            let op = entry.and_then(|entry| KeyedOp::of(&entry.payload));
            if !op.is_some_and(|op| {
                op.deleted == winner.deleted && keys::view(self.number, &op.key) == key.as_ref()
            }) {
                report.add(Difference::Winner(String::from_utf8_lossy(&key[5..]).into_owned()));
            }
        }
        for pair in self.store.inner.tree.with_prefix(&keys::prefix(keys::LIVE, self.number)) {
            let (key, _) = pair?;
            let position = keys::position_of(&key).ok_or(Corruption::Record("live"))?;
            let entry = self.entry(&position.hash).or_else(damaged)?;
            let op = entry.and_then(|entry| KeyedOp::of(&entry.payload));
            let winner = op.map(|op| self.winner(&op.key)).transpose()?.flatten();
            if winner != Some(Winner { position: position.clone(), deleted: false }) {
                report.add(Difference::Live(position.hash));
            }
        }
        Ok(())
    }
}

/// Damaged blocks are reported where they stand in the order.
fn damaged(error: StoreError) -> Result<Option<Entry>, StoreError> {
    if matches!(error, StoreError::Corrupt(_)) { Ok(None) } else { Err(error) }
}
