//! One database's part of the store.

use super::{
    error::{Corruption, StoreError},
    index::{self, CommitRows, Rows},
    journal::{Frames, Kind, Location},
    keys::{self, Number},
    record::{Heads, Indexed, Registration},
    state::Store,
    tree::Value,
};
use bytes::Bytes;
use oplog::{
    Address, Entry, Hash,
    log::{Added, Commit, Log, LogRead, RECENT},
    order::Position,
    view::Winner,
};
use std::{collections::HashMap, iter, sync::atomic::Ordering};

/// The entries, order, heads and view of one database, and the entries that wait to become part of it.
///
/// A clone is another handle to the same. Any thread may read; one task at a time may write.
#[derive(Debug, Clone)]
pub struct DatabaseStore {
    pub(super) store: Store,
    pub(super) number: Number,
    pub(super) address: Address,
}

impl DatabaseStore {
    pub(super) fn new(store: Store, registration: Registration, address: Address) -> Self {
        Self { store, number: registration.number, address }
    }

    /// The address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The log as it was last committed. Reads the heads and the newest few positions; when they do not fit together, the
    /// indexes are rebuilt first, which takes time by the number of entries and is logged.
    pub fn open_log(&self) -> Result<Log, StoreError> {
        self.store.inner.flusher.check()?;
        if let Some(log) = self.consistent_log()? {
            return Ok(log);
        }
        tracing::warn!(database = %self.address, "the indexes do not fit together, rebuilding them from the journal");
        self.rebuild()?;
        self.consistent_log()?.ok_or_else(|| Corruption::Record("heads").into())
    }

    /// Stores a commit, all of it or nothing. Copies of its entries that were staged become the entries.
    ///
    /// It is on disk after the next [`Store::flushed`]. After an error the log that made the commit is ahead of the store
    /// and must be opened anew.
    pub fn apply(&self, commit: Commit) -> Result<(), StoreError> {
        let mut writes = self.store.writes()?;
        self.check_registered()?;
        let rows = self.commit_rows(&commit)?;
        let (frames, unstaged) = (self.frames_of(&commit.added, rows.staged()), rows.unstaged_bytes());
        self.store.write(&mut writes, frames, |batch, locations| {
            let entries = entry_locations(&commit.added, rows.staged(), locations);
            rows.put(batch, &entries);
        })?;
        self.store.count_staged(&mut writes, 0, unstaged);
        self.store.inner.counters.entries.fetch_add(commit.added.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// The block of a committed entry, checked against its hash.
    pub fn entry_block(&self, hash: &Hash) -> Result<Option<Bytes>, StoreError> {
        Ok(if self.contains(hash)? { self.store.block(hash)? } else { None })
    }

    /// The number of entries that were committed last.
    pub fn len(&self) -> Result<u64, StoreError> {
        Ok(self.heads()?.map_or(0, |heads| heads.len))
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.len()? == 0)
    }

    pub(super) fn heads(&self) -> Result<Option<Heads>, StoreError> {
        let value = self.store.inner.tree.get(keys::prefix(keys::HEADS, self.number))?;
        Ok(value.map(|value| Heads::decode(&value)).transpose()?)
    }

    pub(super) fn rows(&self) -> Rows<'_> {
        Rows { tree: &self.store.inner.tree, number: self.number }
    }

    /// What a commit changes in the index.
    pub(super) fn commit_rows<'a>(&self, commit: &'a Commit) -> Result<CommitRows<'a>, StoreError> {
        let staged = self.staged_locations(commit.added.iter().map(|added| added.position.hash))?;
        CommitRows::of(self.rows(), self.store.inner.secondary, commit, staged, self.staged_bytes()?)
    }

    /// That the number still belongs to the address.
    pub(super) fn check_registered(&self) -> Result<(), StoreError> {
        match self.store.registration(&self.address)? {
            Some(found) if found.number == self.number => Ok(()),
            _ => Err(StoreError::Removed(self.address)),
        }
    }

    fn consistent_log(&self) -> Result<Option<Log>, StoreError> {
        let found = match self.heads() {
            Ok(found) => found,
            Err(StoreError::Corrupt(error)) => {
                tracing::warn!(database = %self.address, %error, "the heads cannot be read");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let Heads { heads, len } = found.unwrap_or(Heads { heads: Vec::new(), len: 0 });
        let recent: Vec<Position> = match self.newest_first(None).take(RECENT).collect() {
            Err(StoreError::Corrupt(_)) => return Ok(None),
            result => result?,
        };
        if recent.first() != heads.first() || (len == 0) != heads.is_empty() || len < recent.len() as u64 {
            return Ok(None);
        }
        for head in &heads {
            if self.position(&head.hash)?.as_ref() != Some(head) {
                return Ok(None);
            }
            // One that is damaged stays a head: the reading has noted it, and a peer may have it.
            drop(self.store.block(&head.hash));
        }
        Ok(Some(Log::open(self.address, heads, recent, len)))
    }

    /// One frame for each entry that is not staged, and one that names each run of entries that are: the journal must tell
    /// them in the order of the commit, ancestors first.
    fn frames_of(&self, added: &[Added], staged: &HashMap<Hash, Location>) -> Frames {
        let mut frames = Frames::default();
        for run in added.chunk_by(|a, b| is_staged(a, staged) && is_staged(b, staged)) {
            match run {
                [added] if !is_staged(added, staged) => {
                    frames.add(Kind::Entry, self.number, &added.position.hash, &added.block);
                }
                run => {
                    let hashes: Vec<Hash> = run.iter().map(|added| added.position.hash).collect();
                    frames.commit(self.number, &self.address, &hashes);
                }
            }
        }
        frames
    }

    fn positions(
        &self,
        above: Option<&Position>,
        below: Option<&Position>,
    ) -> impl DoubleEndedIterator<Item = Result<Position, StoreError>> + use<> {
        let prefix = keys::prefix(keys::ORDER, self.number);
        let key = |position| keys::order(self.number, position);
        let pairs = self.store.inner.tree.range(&prefix, above.map(key), below.map(key));
        pairs.map(|pair: Result<(Value, Value), StoreError>| {
            Ok(keys::position_of(&pair?.0).ok_or(Corruption::Record("order"))?)
        })
    }
}

fn is_staged(added: &Added, staged: &HashMap<Hash, Location>) -> bool {
    staged.contains_key(&added.position.hash)
}

pub(super) fn size(location: &Location) -> u64 {
    location.length.into()
}

/// Where each entry is: where it was staged, or in its own frame. `locations` are those of the frames, also of commit frames.
fn entry_locations(
    added: &[Added],
    staged: &HashMap<Hash, Location>,
    locations: &[Location],
) -> Vec<Location> {
    let runs = added.chunk_by(|a, b| is_staged(a, staged) && is_staged(b, staged));
    let of_run = |(run, frame): (&[Added], &Location)| -> Vec<Location> {
        run.iter().map(|added| staged.get(&added.position.hash).copied().unwrap_or(*frame)).collect()
    };
    runs.zip(locations).flat_map(of_run).collect()
}

impl LogRead for DatabaseStore {
    type Error = StoreError;

    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, StoreError> {
        if !self.contains(hash)? {
            return Ok(None);
        }
        let read = |indexed: &Indexed| self.store.inner.segments.read(indexed.location(), hash);
        let block = self.store.read_indexed(hash, read);
        self.store.note_damage(hash, &block);
        let block = block?;
        match block.map(|block| Entry::decode(&block)).transpose() {
            Ok(Some(entry)) if entry.hash == *hash => Ok(Some(entry)),
            Ok(None) => Ok(None),
            // The block is not the one that was written, or it never was an entry.
            decoded => {
                self.store.block(hash)?;
                Ok(decoded.map_err(|error| Corruption::Entry(*hash, error))?)
            }
        }
    }

    fn position(&self, hash: &Hash) -> Result<Option<Position>, StoreError> {
        Ok(match self.store.indexed(hash)? {
            Some(Indexed::Entry(_, number, position)) if number == self.number => Some(position),
            _ => None,
        })
    }

    fn contains(&self, hash: &Hash) -> Result<bool, StoreError> {
        let value = self.store.inner.tree.get(keys::index(hash))?;
        Ok(value.and_then(|value| Indexed::number(&value)) == Some(self.number))
    }

    fn newest_first<'a>(
        &'a self,
        below: Option<&Position>,
    ) -> impl Iterator<Item = Result<Position, StoreError>> + use<'a> {
        until_error(self.positions(None, below).rev())
    }

    fn oldest_first<'a>(
        &'a self,
        above: Option<&Position>,
    ) -> impl Iterator<Item = Result<Position, StoreError>> + use<'a> {
        until_error(self.positions(above, None))
    }

    fn winner(&self, key: &str) -> Result<Option<Winner>, StoreError> {
        index::winner_of(self.rows(), key)
    }
}

/// Ends after the first error other than a damaged block, so that a reader that goes on over errors does not go on for ever.
pub(super) fn until_error<T, I: Iterator<Item = Result<T, StoreError>>>(
    mut items: I,
) -> impl Iterator<Item = Result<T, StoreError>> + use<T, I> {
    let mut failed = false;
    iter::from_fn(move || {
        let item = if failed { None } else { items.next() }?;
        failed = item.as_ref().is_err_and(|error| error.damaged().is_none());
        Some(item)
    })
}
