//! Whose a data directory is.

use super::error::{Holder, OpenError, failed};
use durable_file::{OWNERS_FILE, OWNERS_FOLDER};
use std::{
    fs::{self, File, Permissions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

/// Longest part of a `lock` file that is read, in bytes.
const SHOWN: u64 = 80;

/// Held while a store is open. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Creates the directory if need be and takes it for this process. It is for the node's user alone: it holds keys, and
    /// entries of databases that may be secret.
    pub(super) fn take(dir: &Path) -> Result<Self, OpenError> {
        durable_file::create_folder(dir, OWNERS_FOLDER).map_err(failed("create", dir))?;
        close_to_others(dir);
        // A process that is being started holds a copy of every open file, locks with them, until it runs its program.
        #[cfg(test)]
        let _nobody_starts = crate::tests::STARTING.read();
        let path = dir.join("lock");
        let mut options = File::options();
        let mut file = options
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(OWNERS_FILE)
            .open(&path)
            .map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { dir: dir.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
        }
        let write = |file: &mut File| -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        if let Err(error) = write(&mut file) {
            // The lock holds all the same; the process id only tells people.
            tracing::debug!(%error, file = %path.display(), "cannot write the process id");
        }
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let read = file.take(SHOWN).read_to_string(&mut text);
    Holder(read.ok().and_then(|_| text.trim().parse().ok()))
}

/// Takes a directory that an earlier version left open to other users away from them.
fn close_to_others(dir: &Path) {
    let close = || {
        let mode = fs::metadata(dir)?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(dir, Permissions::from_mode(OWNERS_FOLDER))?;
        }
        io::Result::Ok(())
    };
    if let Err(error) = close() {
        tracing::warn!(%error, dir = %dir.display(), "other users can look into the data directory");
    }
}
