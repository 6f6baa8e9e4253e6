//! The tree on disk, in sled.
//!
//! sled 0.34 flushes by `sync_file_range`, which is no promise about a power cut, and its pages have trouble with values
//! above some kilobytes. So nothing depends on it: acknowledged is what the journal holds, and a tree that lags behind or
//! does not open is brought up from there.

use super::{Bounds, Change, Engine, EngineError, OpenEngine, Pair, Value, bytes};
use crate::error::is_no_room;
use std::{
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// How often the engine writes what it has and tidies its file, in milliseconds.
const BACKGROUND_FLUSH_MS: u64 = 500;

/// How long a tree that was dropped may take to be free again. Its threads end with the flush that they are in.
const LET_GO_WITHIN: Duration = Duration::from_secs(10);

/// How long to wait before looking whether it is.
const LET_GO_PAUSE: Duration = Duration::from_millis(10);

/// sled, as the store sets it up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sled;

/// The open tree.
#[derive(Debug)]
struct SledEngine {
    db: sled::Db,
    file: PathBuf,
}

impl OpenEngine for Sled {
    /// A tree that is in use can only be one that this process has just dropped and whose threads still let go of it, and is
    /// waited for.
    fn open(&self, folder: &Path, cache_bytes: u64) -> Result<Box<dyn Engine>, EngineError> {
        let deadline = Instant::now() + LET_GO_WITHIN;
        loop {
            match SledEngine::open_once(folder, cache_bytes) {
                Err(EngineError::InUse(_)) if Instant::now() < deadline => thread::sleep(LET_GO_PAUSE),
                opened => return Ok(Box::new(opened?)),
            }
        }
    }

    /// sled's threads end some time after the tree was dropped.
    fn wait_until_closed(&self, folder: &Path) {
        let Ok(file) = fs::File::open(folder.join("db")) else { return };
        let deadline = Instant::now() + LET_GO_WITHIN;
        while file.try_lock().is_err() && Instant::now() < deadline {
            thread::sleep(LET_GO_PAUSE);
        }
    }

    /// An unfinished snapshot, which sled takes for the newest one (its issue 1527).
    fn leftover(&self, folder: &Path) -> Option<PathBuf> {
        let unfinished = |path: &PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            name.starts_with("snap.") && name.ends_with(".generating")
        };
        fs::read_dir(folder).ok()?.filter_map(|file| Some(file.ok()?.path())).find(unfinished)
    }
}

impl SledEngine {
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

impl Engine for SledEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        Ok(self.db.get(key).map_err(told)?.map(|value| bytes(&value)))
    }

    fn range(&self, bounds: Bounds) -> Box<dyn DoubleEndedIterator<Item = Pair> + Send> {
        let pairs = self.db.range::<Vec<u8>, Bounds>(bounds);
        let owned = |(key, value): (sled::IVec, sled::IVec)| (bytes(&key), bytes(&value));
        Box::new(pairs.map(move |pair| pair.map(owned).map_err(told)))
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), EngineError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(&key[..], &value[..]),
                None => batch.remove(&key[..]),
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
        Ok(result) => result.map_err(told),
        Err(_) => Err(EngineError::Panicked),
    }
}

/// What sled says, as the store tells failures apart. Some errors of the system keep their kind in sled's, others only the text.
fn told(error: sled::Error) -> EngineError {
    let of_system = match &error {
        sled::Error::Io(error) => Some((is_no_room(error), error.to_string())),
        _ => None,
    };
    let cause = Arc::new(error);
    match of_system {
        Some((_, text)) if text.contains("could not acquire lock") => EngineError::InUse(cause),
        Some((true, _)) => EngineError::NoRoom(cause),
        Some((_, text)) if text.contains("No space left on device") => EngineError::NoRoom(cause),
        _ => EngineError::Failed(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn what_keeps_the_tree_from_opening_is_told_apart() {
        let io = |error| told(sled::Error::Io(error));
        let in_use = io(io::Error::other("could not acquire lock on \"db/db\""));
        assert!(matches!(in_use, EngineError::InUse(_)), "{in_use}");
        for full in [
            io::Error::from(io::ErrorKind::StorageFull),
            io::Error::other("No space left on device (os error 28)"),
        ] {
            let full = io(full);
            assert!(matches!(full, EngineError::NoRoom(_)), "{full}");
        }
        let damaged = io(io::Error::other("corrupt snapshot"));
        assert!(matches!(damaged, EngineError::Failed(_)), "{damaged}");
        assert!(damaged.to_string().contains("corrupt snapshot"), "{damaged}");
    }
}
