//! Deriving a database's keys from the journal.

use super::{
    database::DatabaseStore,
    error::{Corruption, StoreError},
    index::{self, Garbage, put_block, put_entry, put_garbage, put_heads, put_secondary, put_staged_bytes},
    journal::{Frame, Kind, Location, Offset, Scan, records},
    keys::{self, Number},
    record::Indexed,
    state::Store,
    tree::Batch,
};
use oplog::{
    Address, Entry, Hash,
    log::{Added, Log, LogRead as _},
    order::Position,
};
use std::collections::{HashMap, HashSet};

/// How many keys change in one batch.
pub(super) const CHUNK: usize = 1024;

/// What a rebuild came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RebuildReport {
    /// Entries in the log afterwards.
    pub entries: u64,
    /// Entries left out because they are damaged, or were never part of the log and lack ancestors. Peers that have them will
    /// offer them again.
    pub dropped: u64,
    /// Entries of the log whose ancestors are damaged or missing. They are staged until these are there.
    pub waiting: u64,
}

/// What becomes of a block that the order names.
enum Standing {
    /// It is part of the log.
    Whole(Added),
    /// Ancestors of it are missing.
    Behind(Location),
    /// It is damaged, or no entry.
    Lost(Location),
    /// The index does not say where it is.
    Unknown,
}

impl DatabaseStore {
    /// Derives order, heads and view anew from the blocks in the journal. Nobody may write the database meanwhile; other
    /// writers wait. Takes time by the size of the whole journal. A crash in the middle has the next
    /// [`open_log`](Self::open_log) start over.
    pub fn rebuild(&self) -> Result<RebuildReport, StoreError> {
        let mut writes = self.store.writes()?;
        self.check_registered()?;
        self.store.delete_prefix(&keys::prefix(keys::HEADS, self.number))?;
        self.store.delete_secondary(self.number)?;
        self.store.delete_prefix(&keys::prefix(keys::ORDER, self.number))?;
        let databases = HashMap::from([(self.number, self.clone())]);
        let frames = writes.journal.scan(Offset::default())?;
        let uncommitted = self.store.index_frames(frames, &databases, Scope::Database)?;
        self.drop_unordered()?;
        let before = self.staged_bytes()?;
        let report = self.derive(&uncommitted)?;
        self.store.count_staged(&mut writes, self.staged_bytes()?, before);
        Ok(report)
    }

    /// Heads and view from the order index, leaving out entries that are damaged or lack ancestors. Of the latter those that were
    /// committed, which are not `uncommitted`, are staged: they were acknowledged, and only what is missing has to be fetched.
    pub(super) fn derive(&self, uncommitted: &HashSet<Hash>) -> Result<RebuildReport, StoreError> {
        let tree = &self.store.inner.tree;
        let mut log = Log::empty(self.address);
        let (mut dropped, mut waiting) = (0, 0);
        let mut last = None;
        loop {
            let chunk: Vec<Position> =
                self.oldest_first(last.as_ref()).take(CHUNK).collect::<Result<_, _>>()?;
            let [start, ..] = &chunk[..] else { break };
            let start = start.clone();
            last = chunk.last().cloned();
            let mut batch = Batch::default();
            let mut garbage = Garbage::default();
            let mut added: Vec<Added> = Vec::with_capacity(chunk.len());
            let mut known = HashSet::with_capacity(chunk.len());
            for position in chunk {
                let standing = self.standing(&position, &start, &known)?;
                if !matches!(standing, Standing::Whole(_)) {
                    index::remove_entry(&mut batch, self.number, &position);
                }
                match standing {
                    Standing::Whole(entry) => {
                        known.insert(position.hash);
                        added.push(entry);
                    }
                    Standing::Behind(location) if !uncommitted.contains(&position.hash) => {
                        batch.put(keys::staged(self.number, &position.hash), location.encode());
                        waiting += 1;
                    }
                    Standing::Behind(location) | Standing::Lost(location) => {
                        garbage.add(location);
                        dropped += 1;
                    }
                    Standing::Unknown => dropped += 1,
                }
            }
            log.join(&added);
            let commit = log.commit(added, self)?;
            put_secondary(&mut batch, self.store.inner.secondary, self.rows(), &commit)?;
            put_garbage(&mut batch, &garbage.resolve(tree)?);
            tree.apply(batch)?;
        }
        let mut batch = Batch::default();
        put_heads(&mut batch, self.number, &log.commit(Vec::new(), self)?);
        tree.apply(batch)?;
        self.recount_staged()?;
        let report = RebuildReport { entries: log.len(), dropped, waiting };
        tracing::info!(database = %self.address, entries = report.entries, dropped, waiting, "indexes rebuilt");
        Ok(report)
    }

    /// What the entry at a position is: part of the log if it is whole, and its ancestors are among those known of its chunk, or
    /// before the chunk's start.
    fn standing(
        &self,
        position: &Position,
        start: &Position,
        known: &HashSet<Hash>,
    ) -> Result<Standing, StoreError> {
        let Some(indexed) = self.store.indexed(&position.hash)? else { return Ok(Standing::Unknown) };
        let location = indexed.location();
        let block = match self.store.block(&position.hash) {
            Err(StoreError::Corrupt(error)) => {
                tracing::warn!(database = %self.address, %error, "left out of the log");
                return Ok(Standing::Lost(location));
            }
            block => block?,
        };
        let Some((entry, block)) = block.and_then(|block| Some((Entry::decode(&block).ok()?, block))) else {
            return Ok(Standing::Lost(location));
        };
        for link in entry.next.iter().chain(&entry.refs) {
            if !known.contains(link) && !self.holds_before(link, start)? {
                return Ok(Standing::Behind(location));
            }
        }
        Ok(Standing::Whole(Added::of(entry, block)))
    }

    fn holds_before(&self, hash: &Hash, position: &Position) -> Result<bool, StoreError> {
        match self.position(hash)? {
            Some(link) if link < *position => self.store.inner.tree.contains(keys::order(self.number, &link)),
            _ => Ok(false),
        }
    }

    /// Forgets entries that the index names and the journal does not have.
    fn drop_unordered(&self) -> Result<(), StoreError> {
        let tree = &self.store.inner.tree;
        for pair in tree.with_prefix(&[keys::INDEX]) {
            let (key, value) = pair?;
            if Indexed::number(&value) != Some(self.number) {
                continue;
            }
            let hash = keys::hash_of(&key, 1).ok_or(Corruption::Record("index"))?;
            let ordered = match Indexed::decode(&value, &hash) {
                Ok(Indexed::Entry(_, _, position)) => tree.contains(keys::order(self.number, &position))?,
                _ => false,
            };
            if !ordered {
                let mut batch = Batch::default();
                batch.remove(&key);
                tree.apply(batch)?;
            }
        }
        Ok(())
    }

    /// Staged entries that turned out to be part of the log are staged no more.
    fn recount_staged(&self) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        let mut bytes = 0;
        for pair in self.store.inner.tree.with_prefix(&keys::prefix(keys::STAGED, self.number)) {
            let (key, value) = pair?;
            let hash = keys::hash_of(&key, 5).ok_or(Corruption::Record("staged"))?;
            if self.contains(&hash)? {
                batch.remove(&key);
            } else {
                bytes += u64::from(Location::decode(&value)?.length);
            }
        }
        put_staged_bytes(&mut batch, self.number, bytes);
        Ok(self.store.inner.tree.apply(batch)?)
    }
}

/// Which frames are to be indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those of given databases; what is staged stays staged.
    Database,
    /// All of them, into an empty tree. Staged entries whose ancestors are there become part of the log.
    Everything,
}

impl Store {
    /// Puts the blocks of frames into index and order, and gives the entries that were staged and never committed. Heads and views
    /// are not touched.
    pub(super) fn index_frames(
        &self,
        frames: Scan,
        databases: &HashMap<Number, DatabaseStore>,
        scope: Scope,
    ) -> Result<HashSet<Hash>, StoreError> {
        let mut batch = Batch::default();
        let mut count = 0;
        let mut fetched = Fetched::default();
        for frame in frames {
            let (location, frame) = frame?;
            match frame.kind {
                Kind::Entry | Kind::Staged => {
                    let Some((database, position)) = entry_in(&frame, databases) else { continue };
                    if frame.kind == Kind::Staged && database.staged_location(&frame.hash)? == Some(location)
                    {
                        continue;
                    }
                    put_entry(&mut batch, database.number, &position, location);
                    fetched.note(&frame);
                }
                Kind::Commit => fetched.note(&frame),
                Kind::Block if scope == Scope::Everything => {
                    put_block(&mut batch, &frame.hash, location);
                }
                Kind::Block
                | Kind::Registered
                | Kind::Removed
                | Kind::Retired
                | Kind::Swept
                | Kind::Synced => {}
            }
            count += 1;
            if count % CHUNK == 0 {
                self.inner.tree.apply(std::mem::take(&mut batch))?;
            }
        }
        self.inner.tree.apply(batch)?;
        Ok(fetched.uncommitted)
    }

    /// Deletes the rows of a database that follow from its entries.
    pub(super) fn delete_secondary(&self, number: Number) -> Result<(), StoreError> {
        let mut kinds = self.inner.secondary.iter().flat_map(|index| index.kinds());
        kinds.try_for_each(|kind| self.delete_prefix(&keys::prefix(*kind, number)))
    }

    /// Deletes all keys with a prefix.
    pub(super) fn delete_prefix(&self, prefix: &[u8]) -> Result<(), StoreError> {
        loop {
            let mut batch = Batch::default();
            let mut count = 0;
            for pair in self.inner.tree.with_prefix(prefix).take(CHUNK) {
                batch.remove(pair?.0);
                count += 1;
            }
            self.inner.tree.apply(batch)?;
            if count < CHUNK {
                return Ok(());
            }
        }
    }

    /// The number of a registered database.
    pub(super) fn number_of(&self, address: &Address) -> Result<Option<Number>, StoreError> {
        Ok(self.registration(address)?.map(|registration| registration.number))
    }
}

/// Which of the entries that were staged have been committed since, as the journal tells it.
#[derive(Default)]
struct Fetched {
    uncommitted: HashSet<Hash>,
    /// Those whose record of it stands before them: a sweep has moved them behind it.
    committed: HashSet<Hash>,
}

impl Fetched {
    fn note(&mut self, frame: &Frame) {
        match frame.kind {
            Kind::Staged if !self.committed.contains(&frame.hash) => {
                self.uncommitted.insert(frame.hash);
            }
            Kind::Entry => {
                self.uncommitted.remove(&frame.hash);
            }
            Kind::Commit => {
                let entries = records::read_commit(&frame.payload).map(|(_, entries)| entries);
                for hash in entries.unwrap_or_default() {
                    if !self.uncommitted.remove(&hash) {
                        self.committed.insert(hash);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Which of the databases an entry frame belongs to, and where it stands there.
fn entry_in<'a>(
    frame: &Frame,
    databases: &'a HashMap<Number, DatabaseStore>,
) -> Option<(&'a DatabaseStore, Position)> {
    let database = databases.get(&frame.number)?;
    let entry = Entry::decode(&frame.payload).ok()?;
    (entry.id.parse() == Ok(database.address)).then(|| (database, entry.position()))
}
