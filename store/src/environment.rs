//! What a store takes from the machine that it runs on.

use super::{
    disk::{Disk, RealDisk},
    index::{SECONDARY, SecondaryIndexes},
    tree::{OpenEngine, Sled},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The size at which a new file is begun, in bytes.
const SEGMENT_BYTES: u64 = 64 << 20;

/// Disk, chance, the size of files, and where the index is. Tests put their own in place of the machine's.
#[derive(Debug, Clone)]
pub(super) struct Environment {
    pub(super) disk: Arc<dyn Disk>,
    /// Fills a buffer with bytes that nobody can guess.
    pub(super) random: fn(&mut [u8]) -> io::Result<()>,
    /// The size at which a new file of the journal is begun, in bytes.
    pub(super) segment_bytes: u64,
    /// What keeps the index.
    pub(super) engine: Arc<dyn OpenEngine>,
    /// What is derived from entries.
    pub(super) secondary: SecondaryIndexes,
}

impl Environment {
    /// The machine's own.
    pub(super) fn machine() -> Self {
        let random = |buffer: &mut [u8]| getrandom::fill(buffer).map_err(io::Error::from);
        Self {
            disk: Arc::new(RealDisk),
            random,
            segment_bytes: SEGMENT_BYTES,
            engine: Arc::new(Sled),
            secondary: SECONDARY,
        }
    }

    /// Whether a data directory has an index.
    pub(super) fn has_index(&self, dir: &Path) -> bool {
        self.engine.is_there(&index_folder(dir))
    }

    /// Removes the index of a data directory, for good.
    pub(super) fn remove_index(&self, dir: &Path) -> io::Result<()> {
        if self.engine.remove(&index_folder(dir))? { self.disk.sync_folder(dir) } else { Ok(()) }
    }
}

/// Where the index of a data directory is.
pub(super) fn index_folder(dir: &Path) -> PathBuf {
    dir.join("db")
}
