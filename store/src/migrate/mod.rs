//! From format 1 to format 2: the journal is written anew, once, when a store of format 1 is opened.
//!
//! The new files stand beside the old ones under other names. The `format` file is the switch: while it says 1 the new files are
//! an attempt that is begun anew, once it says 2 the old ones and their index are what is left to be deleted. So a crash at any
//! moment costs time and nothing else.
//!
//! In format 1 a frame proves nothing, so none is looked for behind damage. What stands there is taken where the index names it:
//! blocks that have the hash that the index says, entries only with their writer's signature.

mod v1;

use super::{
    environment::{self, Environment},
    error::{OpenError, StoreError, failed},
    format,
    journal::{Found, Frames, Journal, Kind, Location, Offset, frame::MAX_PAYLOAD, records},
    keys::{self, Number},
    record::{Checkpoint, Indexed},
    tree::Tree,
};
use oplog::{Address, Entry, Hash, entry::Candidate};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};
use v1::Files;

/// What checkpoints of format 1 lack.
const NO_EPOCH: [u8; 8] = [0; 8];

/// Bytes that are written at a time.
const BATCH_BYTES: usize = 1 << 20;

/// Writes the journal of a store of format 1 anew, and switches to format 2.
pub(super) fn run(
    environment: &Environment,
    dir: &Path,
    open_index: impl FnOnce() -> Result<Tree, OpenError>,
) -> Result<(), OpenError> {
    let folder = dir.join("journal");
    let files = Files::in_folder(&*environment.disk, &folder);
    let index = if environment.has_index(dir) { Some(open_index()?) } else { None };
    if files.list()?.is_empty()
        && index.as_ref().is_some_and(|index| index.contains(keys::CHECKPOINT).is_ok_and(|it| it))
    {
        return Err(OpenError::NoJournal { dir: dir.to_owned() });
    }
    tracing::info!("writing the journal anew, in format 2; this is done once");
    discard_attempt(environment, &folder)?;
    let plan = Plan::make(&files, index.as_ref())?;
    let found = Found::at(&folder, environment)?;
    let mut copy = Copy {
        journal: found.continue_at(Offset::default(), Offset::default(), false)?,
        batch: Frames::default(),
    };
    plan.write(&files, index.as_ref(), &mut copy)?;
    copy.finish()?;
    format::mark(&*environment.disk, dir)?;
    if let Some(index) = index {
        drop(index);
        environment.engine.wait_until_closed(&environment::index_folder(dir));
    }
    finish(environment, dir)
}

/// Deletes what a migration left of format 1. Nothing happens when nothing is left.
pub(super) fn finish(environment: &Environment, dir: &Path) -> Result<(), OpenError> {
    let folder = dir.join("journal");
    let files = Files::in_folder(&*environment.disk, &folder);
    if files.list()?.is_empty() {
        return Ok(());
    }
    // The old index first: while old files are there, an index may be one of them.
    environment.remove_index(dir).map_err(failed("remove", &environment::index_folder(dir)))?;
    Ok(files.delete()?)
}

fn discard_attempt(environment: &Environment, folder: &Path) -> Result<(), StoreError> {
    let found = Found::at(folder, environment)?;
    for segment in found.segments().list()? {
        let path = found.segments().path(segment);
        environment.disk.remove(&path).map_err(StoreError::io("remove", &path))?;
    }
    Ok(())
}

/// What is taken over.
struct Plan {
    databases: HashMap<Address, Number>,
    /// Entries before these places belong to a database that was removed, even if it was added again.
    removed: HashMap<Address, Offset>,
}

impl Plan {
    fn make(files: &Files<'_>, index: Option<&Tree>) -> Result<Self, StoreError> {
        let mut databases = BTreeSet::new();
        let mut removed = HashMap::new();
        let mut end = Offset::default();
        for segment in files.list()? {
            let mut frames = files.frames(segment)?;
            for frame in frames.by_ref() {
                let frame = frame?;
                match frame.kind {
                    // Format 1 had one more byte, the type.
                    Kind::Registered => {
                        databases.extend(frame.payload.get(..32).and_then(records::read_database))
                    }
                    Kind::Removed => {
                        if let Some(address) = records::read_database(&frame.payload) {
                            databases.remove(&address);
                            removed.insert(address, frame.start);
                        }
                    }
                    _ => {}
                }
            }
            end = frames.offset();
        }
        let followed = match index {
            Some(index) => index
                .get(keys::CHECKPOINT)?
                .and_then(|value| Checkpoint::decode(&[&value[..], &NO_EPOCH].concat()).ok()),
            None => None,
        };
        let index_is_complete = followed.is_some_and(|it| it.followed >= end);
        if index_is_complete {
            // It knows of removals whose record a sweep of format 1 dropped.
            databases.clear();
        }
        for pair in index.into_iter().flat_map(|index| index.with_prefix(&[keys::DATABASE])) {
            // It may know of databases whose record is damaged, or not know yet that they were removed.
            let known = keys::hash_of(&pair?.0, 1).map(Address::from);
            databases.extend(known.filter(|it| index_is_complete || !removed.contains_key(it)));
        }
        let databases = databases.into_iter().zip((0..).map(Number)).collect();
        Ok(Self { databases, removed })
    }

    fn write(&self, files: &Files<'_>, index: Option<&Tree>, copy: &mut Copy) -> Result<(), StoreError> {
        let mut ordered: Vec<_> = self.databases.iter().collect();
        ordered.sort_unstable_by_key(|(_, number)| **number);
        ordered.into_iter().for_each(|(address, number)| copy.batch.registered(*number, address));
        for segment in files.list()? {
            let mut frames = files.frames(segment)?;
            for frame in frames.by_ref() {
                self.take(frame?, copy)?;
            }
            if frames.rest() > 0 {
                let (file, at, bytes) = (files.path(segment), frames.offset().at, frames.rest());
                tracing::warn!(file = %file.display(), at, bytes, "damage, or an unfinished end: taking what the index names");
                self.salvage(&frames, index, copy)?;
            }
        }
        Ok(())
    }

    fn take(&self, frame: v1::Frame, copy: &mut Copy) -> Result<(), StoreError> {
        let v1::Frame { kind, hash, payload, start } = frame;
        match kind {
            Kind::Block => copy.batch.block(&hash, &payload),
            Kind::Entry | Kind::Staged => {
                let address = Entry::decode(&payload).ok().and_then(|entry| entry.id.parse().ok());
                if let Some(number) = address.and_then(|address| self.number_at(&address, start)) {
                    copy.batch.add(kind, number, &hash, &payload);
                }
            }
            Kind::Commit => {
                if let Some((address, entries)) = records::read_commit(&payload)
                    && let Some(number) = self.number_at(&address, start)
                {
                    copy.batch.commit(number, &address, &entries);
                }
            }
            Kind::Registered | Kind::Removed | Kind::Retired | Kind::Swept | Kind::Synced => {}
        }
        copy.write_full()
    }

    /// The number of a database to which a frame at a place belongs.
    fn number_at(&self, address: &Address, place: Offset) -> Option<Number> {
        let since = self.removed.get(address).copied().unwrap_or_default();
        self.databases.get(address).copied().filter(|_| place >= since)
    }

    /// Takes what the index names behind the place up to which frames could be read, in the order of writing.
    fn salvage(&self, frames: &v1::Frames, index: Option<&Tree>, copy: &mut Copy) -> Result<(), StoreError> {
        let from = frames.offset();
        let behind = |at: &Location| at.segment == from.segment && at.at >= from.at + v1::HEADER as u64;
        let mut named: BTreeMap<u64, (u32, Hash, Kind)> = BTreeMap::new();
        for pair in index.into_iter().flat_map(|index| index.with_prefix(&[keys::INDEX])) {
            let (key, value) = pair?;
            let Some(hash) = keys::hash_of(&key, 1) else { continue };
            let Ok(indexed) = Indexed::decode(&value, &hash) else { continue };
            let kind = if matches!(indexed, Indexed::Entry(..)) { Kind::Entry } else { Kind::Block };
            let at = indexed.location();
            if behind(&at) {
                named.insert(at.at, (at.length, hash, kind));
            }
        }
        for pair in index.into_iter().flat_map(|index| index.with_prefix(&[keys::STAGED])) {
            let (key, value) = pair?;
            let (Some(hash), Ok(at)) = (keys::hash_of(&key, 5), Location::decode(&value)) else { continue };
            if behind(&at) {
                named.insert(at.at, (at.length, hash, Kind::Staged));
            }
        }
        for (at, (length, hash, kind)) in named {
            let Some(payload) = frames.block(at, length, &hash) else { continue };
            let signed =
                || Candidate::decode(payload.clone(), MAX_PAYLOAD).is_ok_and(|it| it.signed_by_own_key());
            if kind == Kind::Block || signed() {
                let start = Offset { at: at - v1::HEADER as u64, ..from };
                self.take(v1::Frame { kind, hash, payload, start }, copy)?;
            }
        }
        Ok(())
    }
}

/// The journal of format 2 as it is written.
struct Copy {
    journal: Journal,
    batch: Frames,
}

impl Copy {
    fn write_full(&mut self) -> Result<(), StoreError> {
        if self.batch.len() < BATCH_BYTES { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.journal.append(std::mem::take(&mut self.batch)).map(drop)
    }

    /// Brings everything to disk.
    fn finish(mut self) -> Result<(), StoreError> {
        self.write()?;
        self.journal.sync()
    }
}
