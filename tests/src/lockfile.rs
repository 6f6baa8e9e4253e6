//! One at a time across test processes: cargo runs several at once, and each may want to install or to pick a port.

use std::fs::{File, OpenOptions};
use std::path::Path;

use crate::Result;
use crate::error::io;

/// Holds an exclusive lock on `path` until dropped; waits for whoever holds it now.
pub(crate) struct LockFile(File);

impl LockFile {
    pub(crate) fn acquire(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(io(format!("opening {}", path.display())))?;
        file.lock().map_err(io(format!("locking {}", path.display())))?;
        Ok(Self(file))
    }

    /// The locked file itself.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.0
    }
}
