//! The disk as the journal sees it: the few operations on files that durability rests on.
//!
//! Everything that must survive a power cut goes through [`Disk`], so that tests can put a disk in its place that records,
//! fails, tears and reorders what is written and synced. The index has no part in it: it is derived, and not relied on.

mod real;

pub(crate) use real::RealDisk;

use std::{fmt, io, path::Path, sync::Arc};

/// The extension of files that are being written and have not got their name yet.
pub(crate) const TEMPORARY: &str = "tmp";

/// What Linux answers for a sector that the disk cannot read. The standard library has no kind for it.
pub(crate) const EIO: i32 = 5;

/// What is read at a time where a larger piece cannot be read, in bytes: a page of the system's cache, which is lost as a whole.
const PAGE: u64 = 4096;

/// Folders and names of files. A name is durable after [`sync_folder`](Self::sync_folder), and not before.
pub(crate) trait Disk: fmt::Debug + Send + Sync {
    /// Creates a folder and those above it, unless they are there.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// The names in a folder, in no order that means something.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// An empty file to append to and to read, in place of any that has the name.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// A file that is there, to append to and to read.
    fn append_to(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// A file that is there, to read.
    fn read(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, taking the place of any that has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes what was done to the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// An open file. What was written is durable after [`sync`](Self::sync), and not before.
pub(crate) trait DiskFile: fmt::Debug + Send + Sync {
    /// Writes at the end, all of it or, after an error, any part of it.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Reads from an offset on until the buffer is full or the file ends; the number of bytes read.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// The size in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Cuts the file off.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Brings content and size to disk.
    fn sync(&self) -> io::Result<()>;
}

/// Fills a buffer from an offset on; an error of kind `UnexpectedEof` when the file ends before.
pub(crate) fn read_exact_at(file: &dyn DiskFile, buffer: &mut [u8], at: u64) -> io::Result<()> {
    if file.read_at(buffer, at)? == buffer.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Whether a read failed because the disk has lost what stands there.
pub(crate) fn is_unreadable(error: &io::Error) -> bool {
    error.raw_os_error() == Some(EIO)
}

/// What of a piece of a file could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Readable {
    /// Bytes of the piece that the file has.
    pub(crate) length: usize,
    /// Where the last page ends that the disk cannot read; 0 when there is none.
    pub(crate) lost_to: u64,
}

/// Reads as [`DiskFile::read_at`] does, and steps over pages that the disk cannot read: zeros stand for them.
pub(crate) fn read_over(file: &dyn DiskFile, buffer: &mut [u8], at: u64) -> io::Result<Readable> {
    match file.read_at(buffer, at) {
        Err(error) if is_unreadable(&error) => read_pages(file, buffer, at),
        read => Ok(Readable { length: read?, lost_to: 0 }),
    }
}

fn read_pages(file: &dyn DiskFile, buffer: &mut [u8], at: u64) -> io::Result<Readable> {
    let size = usize::try_from(file.len()?.saturating_sub(at)).unwrap_or(usize::MAX);
    let mut readable = Readable { length: size.min(buffer.len()), lost_to: 0 };
    let mut start = 0;
    while start < readable.length {
        let page = at + start as u64;
        let rest = usize::try_from(PAGE - page % PAGE).unwrap_or(usize::MAX);
        let end = readable.length.min(start.saturating_add(rest));
        let piece = &mut buffer[start..end];
        match read_exact_at(file, piece, page) {
            Err(error) if is_unreadable(&error) => {
                piece.fill(0);
                readable.lost_to = page + piece.len() as u64;
            }
            read => read?,
        }
        start = end;
    }
    Ok(readable)
}

/// Writes a file so that after a crash it is there whole or not at all: what `fill` appends to it.
pub(crate) fn write_durably(
    disk: &dyn Disk,
    path: &Path,
    fill: impl FnOnce(&dyn DiskFile) -> io::Result<()>,
) -> io::Result<Arc<dyn DiskFile>> {
    let temporary = path.with_extension(TEMPORARY);
    let file = disk.create(&temporary)?;
    let written = fill(&*file).and_then(|()| file.sync()).and_then(|()| disk.rename(&temporary, path));
    if let Err(error) = written {
        // What could not be written whole would take room where there may be none; the next attempt begins anew anyway.
        let _removed = disk.remove(&temporary);
        return Err(error);
    }
    path.parent().map_or(Ok(()), |folder| disk.sync_folder(folder))?;
    Ok(file)
}
