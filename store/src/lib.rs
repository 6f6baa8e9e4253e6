//! Where a node keeps its blocks: a journal that is the truth, and a tree of indexes derived from it.
//!
//! A write appends to the journal (blocks and changes, one file sequence for all databases), then changes the tree in one
//! atomic batch. [`Store::flushed`] waits until the journal is on disk; that is when a write may be acknowledged. After a
//! crash the tree follows what the journal has more; a tree that is lost altogether is built anew. The reference is
//! `docs/reference/store.md`.
//!
//! Calls block on files, for microseconds mostly and for milliseconds at times. Reads come from any thread. One task at a
//! time writes a database; different databases may be written at once.

mod config;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod damaged;
mod database;
mod derive;
mod differences;
mod disk;
mod environment;
mod error;
mod flush;
mod format;
mod healing;
mod index;
mod journal;
mod keys;
mod live;
mod lock;
mod migrate;
mod rebuild;
mod record;
mod recover;
mod remove;
mod replay;
mod signatures;
mod snapshot;
mod staging;
mod state;
mod sweep;
#[cfg(test)]
mod tests;
mod tree;
mod verify;
mod writes;

pub use config::{
    DEFAULT_CACHE_BYTES, DEFAULT_FLUSH_DEADLINE, DEFAULT_MAX_STAGED_BYTES, Durability, FlushObserver,
    StoreConfig,
};
pub use damaged::MAX_DAMAGED_LISTED;
pub use database::DatabaseStore;
pub use differences::{Difference, MAX_DIFFERENCES, VerifyReport};
pub use error::{Corruption, EngineError, Holder, OpenError, Poison, StoreError};
pub use healing::{Healed, ScrubReport};
pub use journal::Damage;
pub use rebuild::RebuildReport;
pub use remove::RemovedReport;
pub use snapshot::LogSnapshot;
pub use state::Store;
pub use sweep::SweepReport;
pub use tree::{Bounds, Change, Engine, MemoryEngine, OpenEngine, Pair, Sled, Value};

use bytes::Bytes;
use environment::Environment;
use journal::Frames;
use keys::Number;
use oplog::{Address, Hash};
use record::Registration;
use state::{Access, Inner};
use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// What a store has done since it was opened, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreStats {
    /// Flushes of the journal.
    pub flushes: u64,
    /// Time spent in them.
    pub flush_time: Duration,
    /// Batches applied.
    pub batches: u64,
    /// Entries committed.
    pub entries: u64,
    /// Bytes of blocks that were fetched and not committed yet.
    pub staged_bytes: u64,
    /// Bytes of the journal's files.
    pub journal_bytes: u64,
    /// Bytes of the tree's file.
    pub tree_bytes: u64,
    /// Whether a failed write or flush stopped all writing.
    pub poisoned: bool,
    /// Whether the store was opened on a full disk and is only read.
    pub read_only: bool,
}

impl Store {
    /// Opens the store in a data directory, new or not, for this process alone.
    ///
    /// What a crash left half done, removals among it, is finished or undone. When the tree lags far behind or is missing this
    /// reads the whole journal, and says so in the log.
    ///
    /// Where the disk has no room for that, a store that was there before is opened to be read: its tree is built in memory,
    /// the journal is not changed, and every write fails with [`StoreError::ReadOnly`].
    pub fn open(dir: &Path, config: &StoreConfig) -> Result<Self, OpenError> {
        Self::open_in(&Environment::machine(), dir, config)
    }

    /// Opens the store with another engine for its index than sled.
    pub fn open_with(
        dir: &Path,
        config: &StoreConfig,
        engine: Arc<dyn OpenEngine>,
    ) -> Result<Self, OpenError> {
        Self::open_in(&Environment { engine, ..Environment::machine() }, dir, config)
    }

    /// A committed block of any kind, checked against its hash.
    pub fn block(&self, hash: &Hash) -> Result<Option<Bytes>, StoreError> {
        let read = self.read_indexed(hash, |indexed| self.inner.segments.block(indexed.location(), hash));
        self.note_damage(hash, &read);
        read
    }

    /// Whether a block is there. Costs less than [`block`](Self::block).
    pub fn has_block(&self, hash: &Hash) -> Result<bool, StoreError> {
        self.inner.tree.contains(keys::index(hash))
    }

    /// Stores blocks that are no entries: identities, manifests, access lists. The hashes must be those of the blocks.
    /// Blocks that are there already are read: those that are damaged are healed.
    pub fn put_blocks(&self, blocks: &[(Hash, Bytes)]) -> Result<(), StoreError> {
        let mut any_new = false;
        for (hash, block) in blocks {
            match self.block(hash) {
                Err(StoreError::Corrupt(_)) => drop(self.heal(hash, block)?),
                read => any_new |= read?.is_none(),
            }
        }
        if !any_new {
            // Also where nothing can be written.
            return Ok(());
        }
        let mut writes = self.writes()?;
        let mut frames = Frames::default();
        let mut added = Vec::new();
        let mut seen = HashSet::new();
        for (hash, block) in blocks {
            if seen.insert(*hash) && !self.has_block(hash)? {
                frames.block(hash, block);
                added.push(*hash);
            }
        }
        if frames.is_empty() {
            return Ok(());
        }
        self.write(&mut writes, frames, |batch, locations| {
            for (hash, location) in added.iter().zip(locations) {
                index::put_block(batch, hash, *location);
            }
        })
    }

    /// A database's part of the store; registers the database if it is new.
    pub fn database(&self, address: &Address) -> Result<DatabaseStore, StoreError> {
        let registration = match self.registration(address)? {
            Some(found) => found,
            None => self.register(address)?,
        };
        Ok(DatabaseStore::new(self.clone(), registration, *address))
    }

    /// The databases that are registered.
    pub fn stored_databases(&self) -> Result<Vec<Address>, StoreError> {
        let address = |pair: Result<(tree::Value, _), StoreError>| {
            let hash = keys::hash_of(&pair?.0, 1).ok_or(Corruption::Record("database"))?;
            Ok(hash.into())
        };
        self.inner.tree.with_prefix(&[keys::DATABASE]).map(address).collect()
    }

    /// Resolves when everything written before this call is on disk; at once where durability is relaxed. One flush serves
    /// all that wait. After a failed flush, and when one takes longer than [`StoreConfig::flush_deadline`], this and every
    /// later write fails with [`StoreError::Poisoned`].
    pub fn flushed(&self) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let flushed = self.inner.flusher.flushed();
        async { Ok(flushed.await?) }
    }

    /// What of the journal could not be read. Cheap.
    pub fn damage(&self) -> Damage {
        self.inner.segments.damaged().total()
    }

    /// Bytes that the store takes on disk. Cheap.
    pub fn disk_bytes(&self) -> u64 {
        self.inner.counters.journal_bytes.load(Ordering::Relaxed) + self.inner.tree.bytes()
    }

    /// Counters since the store was opened. Cheap.
    pub fn stats(&self) -> StoreStats {
        let Inner { flusher, counters, tree, .. } = &*self.inner;
        let (flushes, flush_time) = flusher.flushes();
        StoreStats {
            flushes,
            flush_time,
            batches: counters.batches.load(Ordering::Relaxed),
            entries: counters.entries.load(Ordering::Relaxed),
            staged_bytes: counters.staged_bytes.load(Ordering::Relaxed),
            journal_bytes: counters.journal_bytes.load(Ordering::Relaxed),
            tree_bytes: tree.bytes(),
            poisoned: flusher.check().is_err(),
            read_only: self.inner.access.get() == Some(&Access::ReadOnly),
        }
    }

    fn registration(&self, address: &Address) -> Result<Option<Registration>, StoreError> {
        let value = self.inner.tree.get(keys::database(&address.manifest()))?;
        Ok(value.map(|value| Registration::decode(&value)).transpose()?)
    }

    fn register(&self, address: &Address) -> Result<Registration, StoreError> {
        let mut writes = self.writes()?;
        if let Some(found) = self.registration(address)? {
            return Ok(found);
        }
        let registration = Registration { number: writes.next_number };
        let next = Number(registration.number.0 + 1);
        let mut frames = Frames::default();
        frames.registered(registration.number, address);
        self.write(&mut writes, frames, |batch, _| {
            index::put_registered(batch, address, registration, next);
        })?;
        writes.next_number = next;
        Ok(registration)
    }
}
