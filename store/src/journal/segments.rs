//! The journal's files: `00000000.journal` and so on, read by offset.

use super::{damage::Damaged, file_header::FileHeader, frame::MAX_PAYLOAD, place::Location};
use crate::{
    disk::{self, DiskFile},
    environment::Environment,
    error::{Corruption, StoreError},
};
use bytes::Bytes;
use oplog::Hash;
use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

/// Most files kept open for reading. More are opened and closed as they are read.
const MAX_OPEN_SEGMENTS: usize = 64;

/// How the names of the files end.
const EXTENSION: &str = ".journal";

/// The files of a journal, for readers on any thread.
#[derive(Debug)]
pub(crate) struct Segments {
    folder: PathBuf,
    environment: Environment,
    open: RwLock<HashMap<u32, Arc<dyn DiskFile>>>,
    damaged: Mutex<Damaged>,
}

impl Segments {
    pub(super) fn new(folder: &Path, environment: &Environment) -> Self {
        let (open, damaged) = (RwLock::default(), Mutex::default());
        Self { folder: folder.to_owned(), environment: environment.clone(), open, damaged }
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) fn path(&self, segment: u32) -> PathBuf {
        self.folder.join(format!("{segment:08x}{EXTENSION}"))
    }

    /// The numbers of the files that there are, ascending.
    pub(crate) fn list(&self) -> Result<Vec<u32>, StoreError> {
        let names = self.environment.disk.list(&self.folder).map_err(StoreError::io("read", &self.folder))?;
        let number = |name: &String| u32::from_str_radix(name.strip_suffix(EXTENSION)?, 16).ok();
        let mut segments: Vec<u32> = names.iter().filter_map(number).collect();
        segments.sort_unstable();
        Ok(segments)
    }

    /// The size of a file in bytes.
    pub(crate) fn size(&self, segment: u32) -> Result<u64, StoreError> {
        let path = self.path(segment);
        self.environment.disk.read(&path).and_then(|file| file.len()).map_err(StoreError::io("read", path))
    }

    /// A file to be read, and what its beginning says; nothing when that is damaged.
    pub(super) fn begin(&self, segment: u32) -> Result<(Arc<dyn DiskFile>, Option<FileHeader>), StoreError> {
        let path = self.path(segment);
        let begin = || {
            let file = self.environment.disk.read(&path)?;
            let header = FileHeader::read(&*file, segment)?;
            Ok((file, header))
        };
        begin().map_err(StoreError::io("read", &path))
    }

    /// What is known to be damaged.
    pub(crate) fn damaged(&self) -> MutexGuard<'_, Damaged> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut block = vec![0; length];
        self.file(location.segment)
            .and_then(|file| disk::read_exact_at(&*file, &mut block, location.at))
            .map_err(|source| self.lost(source, location, hash))?;
        Ok(block.into())
    }

    fn lost(&self, source: io::Error, location: Location, hash: &Hash) -> StoreError {
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => Corruption::MissingBlock(*hash).into(),
            _ if disk::is_unreadable(&source) => Corruption::UnreadableBlock(*hash).into(),
            _ => StoreError::io("read", self.path(location.segment))(source),
        }
    }

    fn file(&self, segment: u32) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = self.open.read().unwrap_or_else(PoisonError::into_inner).get(&segment) {
            return Ok(Arc::clone(file));
        }
        let file = self.environment.disk.read(&self.path(segment))?;
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
        self.damaged().forget(segment);
        let path = self.path(segment);
        let Environment { disk, .. } = &self.environment;
        let remove = || disk.remove(&path).and_then(|()| disk.sync_folder(&self.folder));
        remove().map_err(StoreError::io("remove", &path))
    }
}
