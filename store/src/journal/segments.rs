//! The journal's files: `00000000.log` and so on, read by offset.

use super::{
    super::error::{Corruption, StoreError},
    frame::MAX_PAYLOAD,
};
use bytes::Bytes;
use oplog::Hash;
use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

/// Most files kept open for reading. More are opened and closed as they are read.
const MAX_OPEN_SEGMENTS: usize = 64;

/// A place in the journal. The order is that of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Offset {
    pub(crate) segment: u32,
    pub(crate) at: u64,
}

/// Where a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) segment: u32,
    pub(crate) at: u64,
    pub(crate) length: u32,
}

/// The files of a journal, for readers on any thread.
#[derive(Debug)]
pub(crate) struct Segments {
    folder: PathBuf,
    open: RwLock<HashMap<u32, Arc<File>>>,
}

impl Segments {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), open: RwLock::default() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn path(&self, segment: u32) -> PathBuf {
        self.folder.join(format!("{segment:08x}.log"))
    }

    /// The numbers of the files that there are, ascending.
    pub(crate) fn list(&self) -> Result<Vec<u32>, StoreError> {
        let failed = || StoreError::io("read", &self.folder);
        let mut segments = Vec::new();
        for file in fs::read_dir(&self.folder).map_err(failed())? {
            let name = file.map_err(failed())?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".log"));
            segments.extend(number.and_then(|number| u32::from_str_radix(number, 16).ok()));
        }
        segments.sort_unstable();
        Ok(segments)
    }

    /// Reads a block and checks that it is the one that `hash` names.
    pub(crate) fn block(&self, location: Location, hash: &Hash) -> Result<Bytes, StoreError> {
        let block = self.read(location, hash)?;
        if Hash::of(&block) == *hash { Ok(block) } else { Err(Corruption::Block(*hash).into()) }
    }

    /// Reads a block that the caller checks.
    pub(crate) fn read(&self, location: Location, hash: &Hash) -> Result<Bytes, StoreError> {
        let length = usize::try_from(location.length).unwrap_or(usize::MAX);
        if length > MAX_PAYLOAD {
            return Err(Corruption::Record("index").into());
        }
        let file = self.file(location.segment).map_err(|source| self.lost(source, location, hash))?;
        let mut block = vec![0; length];
        file.read_exact_at(&mut block, location.at).map_err(|source| self.lost(source, location, hash))?;
        Ok(block.into())
    }

    fn lost(&self, source: io::Error, location: Location, hash: &Hash) -> StoreError {
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => Corruption::MissingBlock(*hash).into(),
            _ => StoreError::io("read", self.path(location.segment))(source),
        }
    }

    fn file(&self, segment: u32) -> io::Result<Arc<File>> {
        if let Some(file) = self.open.read().unwrap_or_else(PoisonError::into_inner).get(&segment) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::open(self.path(segment))?);
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MAX_OPEN_SEGMENTS
            && let Some(other) = open.keys().next().copied()
        {
            open.remove(&other);
        }
        open.insert(segment, Arc::clone(&file));
        Ok(file)
    }

    /// Deletes a file that holds nothing any more.
    pub(super) fn delete(&self, segment: u32) -> Result<(), StoreError> {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&segment);
        let path = self.path(segment);
        fs::remove_file(&path).map_err(StoreError::io("remove", path))
    }
}
