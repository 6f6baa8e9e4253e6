//! The seam between the index and the engine that keeps its keys.

use crate::error::EngineError;
use bytes::Bytes;
use std::{
    fmt, fs, io,
    ops::Bound,
    path::{Path, PathBuf},
};

/// A value of the index, or a key.
pub type Value = Bytes;

/// A key and its value.
pub type Pair = Result<(Value, Value), EngineError>;

/// A key and its new value, or none where it is removed.
pub type Change = (Value, Option<Value>);

/// From where to where. Bounds that cross are an empty range.
pub type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// What keeps the keys, in the order of their bytes, for readers on any thread and one writer at a time.
///
/// Nothing rests on its durability: what it loses, or all of it, is derived from the journal again. The conformance kit
/// (`store::conformance`, a feature of the crate) checks what a store does rely on.
pub trait Engine: fmt::Debug + Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError>;

    /// The keys between two bounds, from either end. Others may write meanwhile: keys that nobody touches are met once.
    fn range(&self, bounds: Bounds) -> Box<dyn DoubleEndedIterator<Item = Pair> + Send>;

    /// Makes changes together or not at all. Of two for one key the later one counts.
    fn apply(&self, changes: Vec<Change>) -> Result<(), EngineError>;

    /// Brings all changes to disk.
    fn flush(&self) -> Result<(), EngineError>;

    /// Bytes on disk.
    fn bytes(&self) -> u64;
}

/// How an engine is opened.
pub trait OpenEngine: fmt::Debug + Send + Sync {
    /// Opens the keys in a folder, which may not be there yet and which the store has locked for this process. Keeps about
    /// `cache_bytes` of them in memory.
    fn open(&self, folder: &Path, cache_bytes: u64) -> Result<Box<dyn Engine>, EngineError>;

    /// Waits until an engine that was dropped has let go of its files, so that they can be deleted.
    fn wait_until_closed(&self, _folder: &Path) {}

    /// Whether a folder has keys.
    fn is_there(&self, folder: &Path) -> bool {
        folder.exists()
    }

    /// Removes the keys of a folder for good. Whether there were files.
    fn remove(&self, folder: &Path) -> io::Result<bool> {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => removed.map(|()| true),
        }
    }

    /// A file that keeps the engine from opening a folder, though nothing is lost when it is moved away.
    fn leftover(&self, _folder: &Path) -> Option<PathBuf> {
        None
    }
}
