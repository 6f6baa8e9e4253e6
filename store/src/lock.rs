//! Whose a data directory is, and what wrote it.

use super::error::{Holder, OpenError};
use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

/// The first line of the `format` file of directories that this version writes.
pub(super) const FORMAT: &str = "paperclip store 1";

/// Longest part of a foreign `format` file that a message shows, in bytes.
const SHOWN: u64 = 80;

/// Held while a store is open. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Creates the directory if need be and takes it for this process.
    pub(super) fn take(dir: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(dir).map_err(failed("create", dir))?;
        let path = dir.join("lock");
        let mut options = File::options();
        let mut file = options
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { dir: dir.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(failed("write", &path))?;
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let read = file.take(SHOWN).read_to_string(&mut text);
    Holder(read.ok().and_then(|_| text.trim().parse().ok()))
}

/// Refuses a directory of an unknown format and marks a new one.
pub(super) fn check_format(dir: &Path, database: &Path) -> Result<(), OpenError> {
    let path = dir.join("format");
    match File::open(&path) {
        Ok(file) => {
            let mut text = Vec::new();
            file.take(SHOWN).read_to_end(&mut text).map_err(failed("read", &path))?;
            let text = String::from_utf8_lossy(&text);
            let found = text.lines().next().unwrap_or_default();
            if found == FORMAT {
                return Ok(());
            }
            Err(OpenError::Format { dir: dir.to_owned(), found: found.to_owned(), supported: FORMAT })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if database.exists() {
                return Err(OpenError::NoFormat { dir: dir.to_owned() });
            }
            write_durably(&path, format!("{FORMAT}\n").as_bytes()).map_err(failed("write", &path))
        }
        Err(source) => Err(failed("read", &path)(source)),
    }
}

/// Writes a file so that after a crash it is there whole or not at all.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(TEMPORARY);
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// The extension of files that are being written.
pub(super) const TEMPORARY: &str = "tmp";

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = PathBuf::from(path);
    move |source| OpenError::Io { action, path, source }
}
