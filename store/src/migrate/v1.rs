//! Journals of format 1: frames one behind the other, told from other bytes by the payload's plain sha2-256 only.
//!
//! That anybody can compute, and a payload can hold what looks like a frame. So only an unbroken row of frames from the file's
//! beginning on is taken: behind the first damage of a file nothing is looked for.

use crate::{
    disk::{Disk, DiskFile, is_unreadable, read_exact_at},
    error::StoreError,
    journal::{Kind, Offset, frame::MAX_PAYLOAD},
};
use bytes::Bytes;
use oplog::Hash;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The size of a frame's header in bytes: length of the payload, kind, three zeros, eight bytes of the payload's sha2-256.
pub(super) const HEADER: usize = 16;

/// How the names of the files end.
const EXTENSION: &str = ".log";

/// A frame.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// The sha2-256 of the payload.
    pub(super) hash: Hash,
    pub(super) payload: Bytes,
    /// Where the frame begins.
    pub(super) start: Offset,
}

/// The files of a journal of format 1.
#[derive(Debug)]
pub(super) struct Files<'a> {
    disk: &'a dyn Disk,
    folder: &'a Path,
}

impl<'a> Files<'a> {
    pub(super) fn in_folder(disk: &'a dyn Disk, folder: &'a Path) -> Self {
        Self { disk, folder }
    }

    pub(super) fn path(&self, segment: u32) -> PathBuf {
        self.folder.join(format!("{segment:08x}{EXTENSION}"))
    }

    /// The numbers of the files that there are, ascending.
    pub(super) fn list(&self) -> Result<Vec<u32>, StoreError> {
        let names = match self.disk.list(self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names.map_err(StoreError::io("read", self.folder))?,
        };
        let number = |name: &String| u32::from_str_radix(name.strip_suffix(EXTENSION)?, 16).ok();
        let mut segments: Vec<u32> = names.iter().filter_map(number).collect();
        segments.sort_unstable();
        Ok(segments)
    }

    /// The frames of a file.
    pub(super) fn frames(&self, segment: u32) -> Result<Frames, StoreError> {
        let path = self.path(segment);
        let file = self.disk.read(&path).map_err(StoreError::io("open", &path))?;
        let size = file.len().map_err(StoreError::io("read", &path))?;
        Ok(Frames { file, path, size, at: Offset { segment, at: 0 } })
    }

    /// Deletes all files.
    pub(super) fn delete(&self) -> Result<(), StoreError> {
        for segment in self.list()? {
            let path = self.path(segment);
            self.disk.remove(&path).map_err(StoreError::io("remove", &path))?;
        }
        self.disk.sync_folder(self.folder).map_err(StoreError::io("sync", self.folder))
    }
}

/// The frames of a file, to the first that is not whole.
pub(super) struct Frames {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    size: u64,
    at: Offset,
}

impl Frames {
    /// Where the next frame begins, or the file's damage or end.
    pub(super) fn offset(&self) -> Offset {
        self.at
    }

    /// Bytes that were not read: none, unless something is not whole.
    pub(super) fn rest(&self) -> u64 {
        self.size - self.at.at
    }

    /// A payload that is known to be somewhere in the file, checked against its hash.
    pub(super) fn block(&self, at: u64, length: u32, hash: &Hash) -> Option<Bytes> {
        let length = usize::try_from(length).ok().filter(|length| *length <= MAX_PAYLOAD)?;
        let mut block = vec![0; length];
        read_exact_at(&*self.file, &mut block, at).ok()?;
        (Hash::of(&block) == *hash).then(|| block.into())
    }

    fn read(&mut self) -> io::Result<Option<Frame>> {
        let start = self.at;
        let mut header = [0; HEADER];
        let body = start.at + HEADER as u64;
        if self.size < body {
            return Ok(None);
        }
        read_exact_at(&*self.file, &mut header, start.at)?;
        let [a, b, c, d, code, 0, 0, 0, sum @ ..] = &header else { return Ok(None) };
        let length = u64::from(u32::from_be_bytes([*a, *b, *c, *d]));
        let Some(kind) = Kind::from_code(*code).filter(|kind| !matches!(kind, Kind::Swept | Kind::Synced))
        else {
            return Ok(None);
        };
        let Ok(size) = usize::try_from(length) else { return Ok(None) };
        if size > MAX_PAYLOAD || self.size - body < length {
            return Ok(None);
        }
        let mut payload = vec![0; size];
        read_exact_at(&*self.file, &mut payload, body)?;
        let hash = Hash::of(&payload);
        if !hash.digest().starts_with(sum) {
            return Ok(None);
        }
        self.at.at = body + length;
        Ok(Some(Frame { kind, hash, payload: payload.into(), start }))
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Err(error) if is_unreadable(&error) => None,
            read => read.map_err(StoreError::io("read", &self.path)).transpose(),
        }
    }
}
