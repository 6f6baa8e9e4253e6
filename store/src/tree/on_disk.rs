//! The tree on disk, in sled.
//!
//! sled 0.34 flushes by `sync_file_range`, which is no promise about a power cut, and its pages have trouble with values
//! above some kilobytes. So nothing depends on it: acknowledged is what the journal holds, and a tree that lags behind or
//! does not open is brought up from there.

use super::{Bounds, Change, Engine, EngineError, Pair, Value};
use std::{
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How often the engine writes what it has and tidies its file, in milliseconds.
const BACKGROUND_FLUSH_MS: u64 = 500;

/// How long a tree that was dropped may take to be free again. Its threads end with the flush that they are in.
const LET_GO_WITHIN: Duration = Duration::from_secs(10);

/// How long to wait before looking whether it is.
const LET_GO_PAUSE: Duration = Duration::from_millis(10);

/// The open tree.
#[derive(Debug)]
pub(super) struct SledEngine {
    db: sled::Db,
    file: PathBuf,
}

impl SledEngine {
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
        Ok(Self { db, file: folder.join("db") })
    }
}

/// Waits until the threads of a tree that was dropped have let go of its files, so that they can be deleted.
pub(super) fn wait_until_closed(folder: &Path) {
    let Ok(file) = fs::File::open(folder.join("db")) else { return };
    let deadline = Instant::now() + LET_GO_WITHIN;
    while file.try_lock().is_err() && Instant::now() < deadline {
        thread::sleep(LET_GO_PAUSE);
    }
}

/// An unfinished snapshot in a folder, which sled takes for the newest one (its issue 1527).
pub(super) fn leftover_snapshot(folder: &Path) -> Option<PathBuf> {
    let unfinished = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with("snap.") && name.ends_with(".generating")
    };
    fs::read_dir(folder).ok()?.filter_map(|file| Some(file.ok()?.path())).find(unfinished)
}

impl Engine for SledEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        Ok(self.db.get(key)?)
    }

    fn range(&self, bounds: Bounds) -> Box<dyn DoubleEndedIterator<Item = Pair> + Send> {
        let pairs = self.db.range::<Vec<u8>, Bounds>(bounds);
        Box::new(pairs.map(|pair| pair.map_err(EngineError::from)))
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), EngineError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        guarded(|| self.db.apply_batch(batch))
    }

    fn flush(&self) -> Result<(), EngineError> {
        guarded(|| self.db.flush()).map(drop)
    }

    fn bytes(&self) -> u64 {
        fs::metadata(&self.file).map_or(0, |file| file.len())
    }
}

/// sled meets some states of its files with a panic.
fn guarded<T>(run: impl FnOnce() -> sled::Result<T>) -> Result<T, EngineError> {
    match panic::catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Ok(result?),
        Err(_) => Err(EngineError::Panicked),
    }
}
