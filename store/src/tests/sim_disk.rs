//! A disk in memory that keeps what was synced, and of the rest what chance leaves.
//!
//! It promises what POSIX does and no more: content is durable after a sync of its file, a name after a sync of its folder. At a
//! power cut every write that was not synced survives, or does not, sector by sector, in any order; changes of names survive up to
//! any of them, as journalling file systems have it.

use crate::disk::{Disk, DiskFile, EIO};
use rand::{Rng as _, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

/// What survives of an unsynced write survives in pieces of this size.
const SECTOR: usize = 512;

/// A disk. A clone is another handle to the same.
#[derive(Debug, Clone, Default)]
pub(super) struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<(PathBuf, Option<usize>)>,
    /// Operations that change something, so far.
    operations: u64,
    /// The operation at which the power goes.
    power_until: Option<u64>,
    /// The sync that fails, counted from now.
    failing_sync: Option<u64>,
    /// The read that fails, counted from now.
    failing_read: Option<u64>,
    /// Files, and places in them, that cannot be read.
    bad_places: BTreeSet<(usize, u64)>,
    /// Bytes that can still be written.
    room: Option<usize>,
}

/// A file: as processes see it, and as it is on disk.
#[derive(Debug, Default, Clone)]
struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
enum Pending {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl SimDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Operations so far that changed something.
    pub(super) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The power goes with this operation, which may be done in part; all later ones fail.
    pub(super) fn cut_power_at(&self, operation: u64) {
        self.state().power_until = Some(operation);
    }

    /// A sync fails, this many after the next one, and what it should have brought to disk counts as clean from then on: the
    /// disk does not have it, and later syncs do not write it.
    pub(super) fn fail_sync(&self, after: u64) {
        self.state().failing_sync = Some(after);
    }

    /// A read fails, this many after the next one.
    pub(super) fn fail_read(&self, after: u64) {
        self.state().failing_read = Some(after);
    }

    /// A place of a file becomes one that the disk cannot read, and says so.
    pub(super) fn spoil(&self, path: &Path, at: u64) {
        let mut state = self.state();
        let file = state.names[path];
        state.bad_places.insert((file, at));
    }

    /// All places can be read again.
    pub(super) fn unspoil(&self) {
        self.state().bad_places.clear();
    }

    /// Whether the read that was to fail has.
    pub(super) fn has_failed_read(&self) -> bool {
        self.state().failing_read.is_none()
    }

    /// Only so much can still be written; `None` for any amount.
    pub(super) fn set_room(&self, bytes: Option<usize>) {
        self.state().room = bytes;
    }

    /// The bytes of a file as they are seen.
    pub(super) fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[path]].seen.clone()
    }

    /// Changes a file behind everybody's back.
    pub(super) fn edit(&self, path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let file = state.names[path];
        let content = &mut state.files[file];
        edit(&mut content.seen);
        content.durable = content.seen.clone();
        content.pending.clear();
    }

    /// Makes a file, synced, behind everybody's back.
    pub(super) fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let file = state.files.len();
        state.files.push(Content { seen: bytes.to_vec(), durable: bytes.to_vec(), pending: Vec::new() });
        state.names.insert(path.to_owned(), file);
        state.durable_names.insert(path.to_owned(), file);
    }

    /// Deletes a file behind everybody's back.
    pub(super) fn lose(&self, path: &Path) {
        let mut state = self.state();
        state.names.remove(path);
        state.durable_names.remove(path);
    }

    /// The names of the files that there are.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    /// Another disk with the same files: what a process that is killed leaves.
    pub(super) fn copy(&self) -> Self {
        let state = self.state();
        let (files, names) = (state.files.clone(), state.names.clone());
        let copy = State { files, durable_names: names.clone(), names, ..State::default() };
        Self(Arc::new(Mutex::new(copy)))
    }

    /// The disk as it is found when the power is back.
    pub(super) fn after_power_cut(&self, random: &mut StdRng) -> Self {
        let state = self.state();
        let mut names = state.durable_names.clone();
        let kept = random.random_range(0..=state.pending_names.len());
        for (path, file) in &state.pending_names[..kept] {
            match file {
                Some(file) => names.insert(path.clone(), *file),
                None => names.remove(path),
            };
        }
        let files = state.files.iter().map(|content| content.after_power_cut(random)).collect();
        let after = State { files, durable_names: names.clone(), names, ..State::default() };
        Self(Arc::new(Mutex::new(after)))
    }
}

impl State {
    /// Whether there is power for one more operation, and whether it is the last one.
    fn operate(&mut self) -> io::Result<bool> {
        self.operations += 1;
        match self.power_until {
            Some(last) if self.operations > last => Err(io::Error::other("the power is off")),
            last => Ok(last == Some(self.operations)),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn set_name(&mut self, path: &Path, file: Option<usize>) {
        match file {
            Some(file) => self.names.insert(path.to_owned(), file),
            None => self.names.remove(path),
        };
        self.pending_names.push((path.to_owned(), file));
    }
}

impl Content {
    fn change(&mut self, change: Pending) {
        apply(&mut self.seen, &change);
        self.pending.push(change);
    }

    /// What is on disk, with what chance keeps of what was not synced: nothing, all, or any sectors of any writes.
    fn after_power_cut(&self, random: &mut StdRng) -> Self {
        let mut durable = self.durable.clone();
        let share = [0.0, 0.5, 0.9, 1.0][random.random_range(0..4)];
        for change in &self.pending {
            match change {
                Pending::Write { at, bytes } => {
                    let mut start = *at;
                    while start < at + bytes.len() {
                        let end = ((start / SECTOR + 1) * SECTOR).min(at + bytes.len());
                        if random.random_bool(share) {
                            let bytes = bytes[start - at..end - at].to_vec();
                            apply(&mut durable, &Pending::Write { at: start, bytes });
                        }
                        start = end;
                    }
                }
                Pending::Truncate(_) if random.random_bool(share) => apply(&mut durable, change),
                Pending::Truncate(_) => {}
            }
        }
        Self { seen: durable.clone(), durable, pending: Vec::new() }
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Pending) {
    match change {
        Pending::Write { at, bytes: written } => {
            let end = at + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at..end].copy_from_slice(written);
        }
        Pending::Truncate(len) => bytes.truncate(*len),
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: usize,
}

impl SimDisk {
    fn file(&self, file: usize) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { disk: self.clone(), file })
    }
}

impl Disk for SimDisk {
    fn create_folder(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let within = state.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(within.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.operate()?;
        let file = state.files.len();
        state.files.push(Content::default());
        state.set_name(path, Some(file));
        Ok(self.file(file))
    }

    fn append_to(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.read(path)
    }

    fn read(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.state().find(path)?;
        Ok(self.file(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        let file = state.find(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), file);
        // One change: the file is never without a name.
        state.pending_names.push((to.to_owned(), Some(file)));
        state.pending_names.push((from.to_owned(), None));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.find(path)?;
        state.set_name(path, None);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.operate()? {
            return Err(io::Error::other("the power went"));
        }
        let of_folder = |(path, _): &(PathBuf, _)| path.parent() == Some(folder);
        let (synced, pending) = std::mem::take(&mut state.pending_names).into_iter().partition(of_folder);
        state.pending_names = pending;
        for (path, file) in synced {
            match file {
                Some(file) => state.durable_names.insert(path, file),
                None => state.durable_names.remove(&path),
            };
        }
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let last = state.operate()?;
        let room = state.room.unwrap_or(usize::MAX);
        let written = if last { bytes.len() / 2 } else { bytes.len().min(room) };
        if let Some(room) = &mut state.room {
            *room -= written.min(*room);
        }
        let content = &mut state.files[self.file];
        let at = content.seen.len();
        content.change(Pending::Write { at, bytes: bytes[..written].to_vec() });
        match written == bytes.len() {
            true => Ok(()),
            false if last => Err(io::Error::other("the power went")),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        let fails = state.failing_read == Some(0);
        state.failing_read = state.failing_read.and_then(|after| after.checked_sub(1));
        if fails {
            return Err(io::Error::other("the disk does not answer"));
        }
        let places = (self.file, at)..(self.file, at + buffer.len() as u64);
        if state.bad_places.range(places).next().is_some() {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let seen = &state.files[self.file].seen;
        let start = usize::try_from(at).unwrap().min(seen.len());
        let length = buffer.len().min(seen.len() - start);
        buffer[..length].copy_from_slice(&seen[start..start + length]);
        Ok(length)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.file].seen.len() as u64)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate()?;
        let len = usize::try_from(len).unwrap();
        state.files[self.file].change(Pending::Truncate(len));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.operate()? {
            return Err(io::Error::other("the power went"));
        }
        let fails = state.failing_sync == Some(0);
        state.failing_sync = state.failing_sync.and_then(|after| after.checked_sub(1));
        let content = &mut state.files[self.file];
        let pending = std::mem::take(&mut content.pending);
        if fails {
            return Err(io::Error::other("the disk does not answer"));
        }
        pending.iter().for_each(|change| apply(&mut content.durable, change));
        Ok(())
    }
}
