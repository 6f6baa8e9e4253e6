//! The blocks of a backup on disk, between the moment they are judged and the moment they are taken in: a file without a name, which
//! is gone when the process ends, however it ends.
//!
//! A record is its length, a byte that says what it is, the block, and the length again, so that it is read from either end.

use bytes::Bytes;
use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
};

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The manifest with which a database begins.
    Manifest,
    /// An access list or an identity.
    Other,
    /// An entry.
    Entry,
}

const KINDS: [Kind; 3] = [Kind::Manifest, Kind::Other, Kind::Entry];

/// Bytes around a block.
const FRAME: u64 = 4 + 1 + 4;

/// Bytes read at a time, at least.
const CHUNK: usize = 256 << 10;

/// Blocks on disk.
#[derive(Debug)]
pub struct Spool {
    file: BufWriter<File>,
    len: u64,
}

impl Spool {
    /// An empty one in a folder.
    ///
    /// # Errors
    /// What the system says; the same below.
    pub fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::with_capacity(CHUNK, tempfile::tempfile_in(folder)?), len: 0 })
    }

    /// Adds a block.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn push(&mut self, kind: Kind, block: &[u8]) -> io::Result<()> {
        let length = u32::try_from(block.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(&[kind as u8])?;
        self.file.write_all(block)?;
        self.file.write_all(&length.to_le_bytes())?;
        self.len += u64::from(length) + FRAME;
        Ok(())
    }

    /// Brings what was added to the file. To be called before it is read.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Bytes of the file.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The blocks in their order, from the one that begins at `start`.
    pub fn forward(&self, start: u64) -> impl Iterator<Item = io::Result<(Kind, Bytes)>> {
        let (mut at, mut window) = (start, Window::default());
        self.records(start < self.len, move |spool| {
            let length = window.number(spool, at)?;
            let record = window.bytes(spool, at, u64::from(length) + FRAME)?;
            at += record.len() as u64;
            Ok((at < spool.len, record))
        })
    }

    /// The blocks from the last to the first.
    pub fn backward(&self) -> impl Iterator<Item = io::Result<(Kind, Bytes)>> {
        let (mut end, mut window) = (self.len, Window { backward: true, ..Window::default() });
        self.records(self.len > 0, move |spool| {
            let length = window.number(spool, end.saturating_sub(4))?;
            let whole = u64::from(length) + FRAME;
            let start = end.checked_sub(whole).ok_or(io::ErrorKind::InvalidData)?;
            let record = window.bytes(spool, start, whole)?;
            end = start;
            Ok((end > 0, record))
        })
    }

    fn records(
        &self,
        mut more: bool,
        mut next: impl FnMut(&Self) -> io::Result<(bool, Bytes)>,
    ) -> impl Iterator<Item = io::Result<(Kind, Bytes)>> {
        std::iter::from_fn(move || {
            if !more {
                return None;
            }
            let record = next(self).and_then(|(left, record)| {
                more = left;
                let kind = record.get(4).and_then(|kind| KINDS.get(usize::from(*kind)));
                let kind = *kind.ok_or(io::ErrorKind::InvalidData)?;
                Ok((kind, record.slice(5..record.len() - 4)))
            });
            more &= record.is_ok();
            Some(record)
        })
    }
}

/// A part of the file in memory.
#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: Bytes,
    backward: bool,
}

impl Window {
    fn number(&mut self, spool: &Spool, at: u64) -> io::Result<u32> {
        let bytes = self.bytes(spool, at, 4)?;
        bytes[..].try_into().map(u32::from_le_bytes).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    fn bytes(&mut self, spool: &Spool, at: u64, length: u64) -> io::Result<Bytes> {
        let end = at.checked_add(length).filter(|end| *end <= spool.len).ok_or(io::ErrorKind::InvalidData)?;
        if at < self.start || end > self.start + self.bytes.len() as u64 {
            let chunk = (CHUNK as u64).max(length);
            let start = if self.backward { end.saturating_sub(chunk) } else { at };
            let size =
                usize::try_from(chunk.min(spool.len - start)).map_err(|_| io::ErrorKind::InvalidData)?;
            let mut bytes = vec![0; size];
            spool.file.get_ref().read_exact_at(&mut bytes, start)?;
            (self.start, self.bytes) = (start, bytes.into());
        }
        let range = |at: u64| usize::try_from(at - self.start).unwrap_or(usize::MAX);
        Ok(self.bytes.slice(range(at)..range(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_every_size_are_read_from_either_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(dir.path()).unwrap();
        let sizes = [1, 7, CHUNK, 0, 3 * CHUNK + 1, 100, 2];
        let blocks: Vec<(Kind, Bytes)> = sizes
            .iter()
            .enumerate()
            .map(|(at, size)| (KINDS[at % 3], vec![at.to_le_bytes()[0]; *size].into()))
            .collect();
        for (kind, block) in &blocks {
            spool.push(*kind, block).unwrap();
        }
        spool.flush().unwrap();
        assert_eq!(spool.forward(0).collect::<io::Result<Vec<_>>>().unwrap(), blocks);
        let backward: Vec<_> = blocks.into_iter().rev().collect();
        assert_eq!(spool.backward().collect::<io::Result<Vec<_>>>().unwrap(), backward);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "it has no name");
    }
}
