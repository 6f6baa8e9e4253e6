//! What wrote a data directory: its `format` file.

use super::{
    disk::{Disk, write_durably},
    error::{OpenError, failed},
};
use std::{io, path::Path};

/// The first line of the `format` file of directories that this version writes.
pub(super) const FORMAT: &str = "paperclip store 2";

/// That of the version before, whose directories are migrated.
const FORMAT_1: &str = "paperclip store 1";

/// Longest part of a foreign `format` file that a message shows, in bytes.
const SHOWN: usize = 80;

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// To be migrated.
    One,
    /// As this version writes it.
    Two,
}

/// Refuses a directory of an unknown format and marks a new one.
pub(super) fn check(disk: &dyn Disk, dir: &Path) -> Result<Format, OpenError> {
    match read(disk, dir)? {
        Some(found) if found == FORMAT => Ok(Format::Two),
        Some(found) if found == FORMAT_1 => Ok(Format::One),
        Some(found) => Err(OpenError::Format { dir: dir.to_owned(), found, supported: FORMAT }),
        None if dir.join("db").exists() => Err(OpenError::NoFormat { dir: dir.to_owned() }),
        None => mark(disk, dir).map(|()| Format::Two),
    }
}

/// The first line of the `format` file.
fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<String>, OpenError> {
    let path = dir.join("format");
    let mut text = [0; SHOWN];
    match disk.read(&path).and_then(|file| file.read_at(&mut text, 0)) {
        Ok(length) => {
            let text = String::from_utf8_lossy(&text[..length]);
            Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", &path)(source)),
    }
}

/// Marks a directory as one of this version's.
pub(super) fn mark(disk: &dyn Disk, dir: &Path) -> Result<(), OpenError> {
    let path = dir.join("format");
    let write = write_durably(disk, &path, |file| file.append(format!("{FORMAT}\n").as_bytes()));
    write.map(drop).map_err(failed("write", &path))
}
