//! The tree: keys derived from the journal. No other module knows the engine that keeps them.

mod memory;
mod on_disk;

pub(super) use memory::MemoryEngine;

use super::error::{EngineError, Poison, StoreError};
use std::{
    fmt,
    ops::Bound,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// A value of the tree, or a key.
pub(super) type Value = sled::IVec;

/// A key and its value.
type Pair = Result<(Value, Value), EngineError>;

/// A key and its new value, or none where it is removed.
type Change = (Value, Option<Value>);

/// From where to where.
type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// What keeps the keys, in the order of their bytes.
trait Engine: fmt::Debug + Send + Sync {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError>;

    fn range(&self, bounds: Bounds) -> Box<dyn DoubleEndedIterator<Item = Pair> + Send>;

    /// Makes changes together or not at all. Of two for one key the later one counts.
    fn apply(&self, changes: Vec<Change>) -> Result<(), EngineError>;

    /// Brings all changes to disk.
    fn flush(&self) -> Result<(), EngineError>;

    /// Bytes on disk.
    fn bytes(&self) -> u64;
}

/// Changes that are made together or not at all.
#[derive(Debug, Default)]
pub(super) struct Batch(Vec<Change>);

impl Batch {
    pub(super) fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.0.push((key.as_ref().into(), Some(value.as_ref().into())));
    }

    pub(super) fn remove(&mut self, key: impl AsRef<[u8]>) {
        self.0.push((key.as_ref().into(), None));
    }

    /// Adds the changes of another batch behind these.
    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }
}

/// The open tree.
#[derive(Debug)]
pub(super) struct Tree {
    engine: Box<dyn Engine>,
    /// The first write error. What the engine holds in memory after it is not to be built upon.
    failed: OnceLock<EngineError>,
}

impl Tree {
    /// Opens the tree in a folder, which the caller has locked for this process.
    pub(super) fn open(folder: &Path, cache_bytes: u64) -> Result<Self, EngineError> {
        Ok(Self::over(on_disk::SledEngine::open(folder, cache_bytes)?))
    }

    /// A tree that goes with the process.
    pub(super) fn in_memory(engine: MemoryEngine) -> Self {
        Self::over(engine)
    }

    fn over(engine: impl Engine + 'static) -> Self {
        Self { engine: Box::new(engine), failed: OnceLock::new() }
    }

    /// An unfinished snapshot in a folder, which keeps the tree from opening.
    pub(super) fn leftover_snapshot(folder: &Path) -> Option<PathBuf> {
        on_disk::leftover_snapshot(folder)
    }

    pub(super) fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Value>, StoreError> {
        self.engine.get(key.as_ref()).map_err(|error| self.unreadable(error))
    }

    pub(super) fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool, StoreError> {
        Ok(self.get(key)?.is_some())
    }

    /// The keys with a prefix, ascending, and their values.
    pub(super) fn with_prefix(
        &self,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<(Value, Value), StoreError>> + use<> {
        self.range(prefix, None, None)
    }

    /// The keys with a prefix that lie between two bounds.
    pub(super) fn range(
        &self,
        prefix: &[u8],
        above: Option<Vec<u8>>,
        below: Option<Vec<u8>>,
    ) -> impl DoubleEndedIterator<Item = Result<(Value, Value), StoreError>> + use<> {
        let start = above.map_or(Bound::Included(prefix.to_vec()), Bound::Excluded);
        let end = below.map_or_else(|| after(prefix), Bound::Excluded);
        self.engine.range((start, end)).map(|pair| Ok(pair?))
    }

    /// Makes the changes. An error is final: nothing can be written any more.
    pub(super) fn apply(&self, batch: Batch) -> Result<(), Poison> {
        if let Some(error) = self.failed.get() {
            return Err(Poison::Write(error.clone()));
        }
        self.engine.apply(batch.0).map_err(|error| self.fail(error))
    }

    /// Brings all changes to disk.
    pub(super) fn flush(&self) -> Result<(), Poison> {
        self.engine.flush().map_err(|error| self.fail(error))
    }

    /// An engine that could not write may not read either: then that is what is wrong.
    fn unreadable(&self, error: EngineError) -> StoreError {
        match self.failed.get() {
            Some(first) => Poison::Write(first.clone()).into(),
            None => error.into(),
        }
    }

    fn fail(&self, error: EngineError) -> Poison {
        Poison::Write(self.failed.get_or_init(|| error).clone())
    }

    /// Closes the tree in a folder and waits until its threads have let go of the files, so that they can be deleted.
    pub(super) fn close(self, folder: &Path) {
        drop(self);
        on_disk::wait_until_closed(folder);
    }

    /// Bytes of the tree's file.
    pub(super) fn bytes(&self) -> u64 {
        self.engine.bytes()
    }
}

/// The bound behind all keys with a prefix.
fn after(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}
