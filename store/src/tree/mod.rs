//! The tree: keys derived from the journal. No other module knows the engine that keeps them.

mod engine;
mod memory;
mod on_disk;

pub use engine::{Bounds, Change, Engine, OpenEngine, Pair, Value};
pub use memory::MemoryEngine;
pub use on_disk::Sled;

use super::error::{EngineError, Poison, StoreError};
use std::{ops::Bound, path::Path, sync::OnceLock};

/// Changes that are made together or not at all.
#[derive(Debug, Default)]
pub(super) struct Batch(Vec<Change>);

impl Batch {
    pub(super) fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.0.push((bytes(key), Some(bytes(value))));
    }

    pub(super) fn remove(&mut self, key: impl AsRef<[u8]>) {
        self.0.push((bytes(key), None));
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
    pub(super) fn open(
        engine: &dyn OpenEngine,
        folder: &Path,
        cache_bytes: u64,
    ) -> Result<Self, EngineError> {
        Ok(Self::over(engine.open(folder, cache_bytes)?))
    }

    /// A tree that goes with the process.
    pub(super) fn in_memory() -> Self {
        Self::over(Box::new(MemoryEngine::default()))
    }

    fn over(engine: Box<dyn Engine>) -> Self {
        Self { engine, failed: OnceLock::new() }
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

    /// Bytes of the tree's file.
    pub(super) fn bytes(&self) -> u64 {
        self.engine.bytes()
    }
}

fn bytes(slice: impl AsRef<[u8]>) -> Value {
    Value::copy_from_slice(slice.as_ref())
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
