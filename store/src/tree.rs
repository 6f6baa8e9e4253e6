//! The tree: keys derived from the journal, in sled. No other module knows the engine.
//!
//! sled 0.34 flushes by `sync_file_range`, which is no promise about a power cut, and its pages have trouble with values
//! above some kilobytes. So nothing depends on it: acknowledged is what the journal holds, and a tree that lags behind or
//! does not open is brought up from there.

use super::error::{EngineError, Poison, StoreError};
use std::{
    fs,
    ops::Bound,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

/// How often the engine writes what it has and tidies its file, in milliseconds.
const BACKGROUND_FLUSH_MS: u64 = 500;

/// How long a tree that was dropped may take to be free again. Its threads end with the flush that they are in.
const LET_GO_WITHIN: Duration = Duration::from_secs(10);

/// How long to wait before looking whether it is.
const LET_GO_PAUSE: Duration = Duration::from_millis(10);

/// A value of the tree.
pub(super) type Value = sled::IVec;

/// Changes that are made together or not at all.
#[derive(Debug, Default)]
pub(super) struct Batch(sled::Batch);

impl Batch {
    pub(super) fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.0.insert(key.as_ref(), value.as_ref());
    }

    pub(super) fn remove(&mut self, key: impl AsRef<[u8]>) {
        self.0.remove(key.as_ref());
    }
}

/// The open tree.
#[derive(Debug)]
pub(super) struct Tree {
    db: sled::Db,
    file: PathBuf,
    /// The first write error. What the engine holds in memory after it is not to be built upon.
    failed: OnceLock<EngineError>,
}

impl Tree {
    /// Opens the tree in a folder, which the caller has locked for this process. So a tree that is in use can only be one
    /// that this process has just dropped and whose threads still let go of it, and is waited for.
    pub(super) fn open(folder: &Path, cache_bytes: u64) -> Result<Self, EngineError> {
        let deadline = Instant::now() + LET_GO_WITHIN;
        loop {
            match Self::open_once(folder, cache_bytes) {
                Err(error) if error.is_in_use() && Instant::now() < deadline => thread::sleep(LET_GO_PAUSE),
                opened => return opened,
            }
        }
    }

    fn open_once(folder: &Path, cache_bytes: u64) -> Result<Self, EngineError> {
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(cache_bytes)
            .flush_every_ms(Some(BACKGROUND_FLUSH_MS))
            .mode(sled::Mode::HighThroughput);
        let db = guarded(|| config.open())?;
        Ok(Self { db, file: folder.join("db"), failed: OnceLock::new() })
    }

    /// An unfinished snapshot in a folder, which sled takes for the newest one (its issue 1527).
    pub(super) fn leftover_snapshot(folder: &Path) -> Option<PathBuf> {
        let unfinished = |path: &PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            name.starts_with("snap.") && name.ends_with(".generating")
        };
        fs::read_dir(folder).ok()?.filter_map(|file| Some(file.ok()?.path())).find(unfinished)
    }

    pub(super) fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Value>, StoreError> {
        Ok(self.db.get(key).map_err(EngineError::from)?)
    }

    pub(super) fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool, StoreError> {
        Ok(self.db.contains_key(key).map_err(EngineError::from)?)
    }

    /// The keys with a prefix, ascending, and their values.
    pub(super) fn with_prefix(
        &self,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<(Value, Value), StoreError>> + use<> {
        pairs(self.db.scan_prefix(prefix))
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
        pairs(self.db.range::<Vec<u8>, Bounds>((start, end)))
    }

    /// Makes the changes. An error is final: nothing can be written any more.
    pub(super) fn apply(&self, batch: Batch) -> Result<(), Poison> {
        if let Some(error) = self.failed.get() {
            return Err(Poison::Write(error.clone()));
        }
        guarded(|| self.db.apply_batch(batch.0)).map_err(|error| {
            let error = self.failed.get_or_init(|| error);
            Poison::Write(error.clone())
        })
    }

    /// Brings all changes to disk.
    pub(super) fn flush(&self) -> Result<(), Poison> {
        match guarded(|| self.db.flush()) {
            Ok(_) => Ok(()),
            Err(error) => Err(Poison::Write(self.failed.get_or_init(|| error).clone())),
        }
    }

    /// Closes the tree and waits until its threads have let go of the files, so that they can be deleted.
    pub(super) fn close(self) {
        let Self { db, file, .. } = self;
        drop(db);
        let Ok(file) = fs::File::open(file) else { return };
        let deadline = Instant::now() + LET_GO_WITHIN;
        while file.try_lock().is_err() && Instant::now() < deadline {
            thread::sleep(LET_GO_PAUSE);
        }
    }

    /// Bytes of the tree's file.
    pub(super) fn bytes(&self) -> u64 {
        fs::metadata(&self.file).map_or(0, |file| file.len())
    }
}

type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

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

fn pairs(iter: sled::Iter) -> impl DoubleEndedIterator<Item = Result<(Value, Value), StoreError>> {
    iter.map(|pair| pair.map_err(|error| EngineError::from(error).into()))
}

/// sled meets some states of its files with a panic.
fn guarded<T>(run: impl FnOnce() -> sled::Result<T>) -> Result<T, EngineError> {
    match panic::catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Ok(result?),
        Err(_) => Err(EngineError::Panicked),
    }
}
