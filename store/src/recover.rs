//! Opening a store: bringing the tree up to where the journal is.

use super::{
    Counters, Inner, Store, Writes,
    config::StoreConfig,
    database::DatabaseStore,
    error::{OpenError, StoreError},
    flush::Flusher,
    index::{Garbage, put_entry, put_garbage, put_heads, put_view},
    journal::{Journal, Kind, Location, Offset, Scan, frame},
    keys::{self, Number},
    lock::DirectoryLock,
    rebuild::Scope,
    record::{Checkpoint, Indexed, Registration, decode_count},
    tree::{Batch, Tree},
};
use frame::Frame;
use oplog::{
    Address, Entry, Hash,
    log::{Added, Log, LogRead as _},
    view::KeyedOp,
};
use std::{
    collections::{HashMap, HashSet, hash_map::Entry as Slot},
    path::Path,
    sync::{Arc, Mutex, atomic::Ordering},
};

/// What the tree lacks.
enum Lag {
    /// What the journal has from here on.
    Since(Offset),
    /// Everything. These are the databases that the journal registers.
    Everything(HashSet<Address>),
}

/// Opens the journal, cuts off the unfinished end of a write that a crash interrupted, and has the tree follow.
pub(super) fn open(
    dir: &Path,
    tree: Tree,
    lock: DirectoryLock,
    config: &StoreConfig,
) -> Result<Store, OpenError> {
    let found = super::journal::Found::at(&dir.join("journal"))?;
    let checkpoint = tree.get(keys::CHECKPOINT)?.and_then(|value| {
        let unreadable = |error| tracing::warn!(%error, "how far the index followed is unknown");
        Checkpoint::decode(&value).map_err(unreadable).ok()
    });
    let last = found.last_byte()?;
    if found.is_empty()? && checkpoint.is_some_and(|it| it.followed > Offset::default()) {
        return Err(OpenError::NoJournal { dir: dir.to_owned() });
    }
    let (lag, end) = match checkpoint {
        Some(Checkpoint { followed, synced }) => match whole_until(found.scan(synced)?, |_| {})? {
            end if end >= followed => (Lag::Since(followed), end),
            end => {
                tracing::warn!(?end, ?followed, "the index is ahead of the journal");
                everything(found.scan(Offset::default())?)?
            }
        },
        None => everything(found.scan(Offset::default())?)?,
    };
    if end < last {
        tracing::warn!(?end, ?last, "cutting off the unfinished end of the journal");
    }
    let store = assemble(found.continue_at(end)?, tree, lock, config)?;
    match lag {
        Lag::Since(followed) => store.follow(followed)?,
        Lag::Everything(databases) => store.recover(databases)?,
    }
    store.load_counters()?;
    store.finish_removals()?;
    Ok(store)
}

fn everything(frames: Scan) -> Result<(Lag, Offset), StoreError> {
    let mut databases = HashSet::new();
    let end = whole_until(frames, |frame| match frame.kind {
        Kind::Registered => databases.extend(frame::read_registered(&frame.payload)),
        Kind::Removed => {
            frame::read_removed(&frame.payload).map(|address| databases.remove(&address));
        }
        _ => {}
    })?;
    Ok((Lag::Everything(databases), end))
}

/// Reads frames to the end of the last whole one.
fn whole_until(mut frames: Scan, mut each: impl FnMut(&Frame)) -> Result<Offset, StoreError> {
    for frame in frames.by_ref() {
        each(&frame?.1);
    }
    Ok(frames.offset())
}

fn assemble(
    journal: Journal,
    tree: Tree,
    lock: DirectoryLock,
    config: &StoreConfig,
) -> Result<Store, OpenError> {
    let inner = Inner {
        flusher: Flusher::start(&journal, config).map_err(OpenError::Thread)?,
        tree,
        segments: Arc::clone(journal.segments()),
        writes: Mutex::new(Writes { journal, next_number: Number(0), staged_bytes: 0 }),
        max_staged_bytes: config.max_staged_bytes,
        counters: Counters::default(),
        _lock: lock,
    };
    Ok(Store { inner: Arc::new(inner) })
}

impl Store {
    fn load_counters(&self) -> Result<(), StoreError> {
        let mut writes = self.writes()?;
        if let Some(next) = self.inner.tree.get(keys::NEXT_NUMBER)? {
            writes.next_number = keys::number_of(&[b"n", &next[..]].concat()).unwrap_or(writes.next_number);
        }
        let mut staged = 0;
        for pair in self.inner.tree.with_prefix(&[keys::STAGED_BYTES]) {
            staged += decode_count(&pair?.1)?;
        }
        self.count_staged(&mut writes, staged, 0);
        self.inner.counters.journal_bytes.store(writes.journal.bytes(), Ordering::Relaxed);
        Ok(())
    }

    /// Builds the tree from nothing.
    fn recover(&self, databases: HashSet<Address>) -> Result<(), StoreError> {
        self.delete_prefix(&[])?;
        let (journal_end, frames) = {
            let writes = self.writes()?;
            (writes.journal.end(), writes.journal.scan(Offset::default())?)
        };
        if journal_end > Offset::default() {
            tracing::warn!(databases = databases.len(), "building the index from the journal");
        }
        let mut batch = Batch::default();
        let mut stores = HashMap::new();
        for (address, number) in databases.into_iter().zip(0..) {
            let registration = Registration { number: Number(number) };
            batch.put(keys::database(&address.manifest()), registration.encode());
            batch.put(keys::NEXT_NUMBER, (number + 1).to_be_bytes());
            stores.insert(address, DatabaseStore::new(self.clone(), registration, address));
        }
        self.inner.tree.apply(batch)?;
        self.index_frames(frames, &stores, Scope::Everything)?;
        for store in stores.values() {
            store.derive()?;
        }
        let mut batch = Batch::default();
        put_checkpoint(&mut batch, journal_end, journal_end);
        Ok(self.inner.tree.apply(batch)?)
    }

    /// Takes in what the journal has from `from` on.
    fn follow(&self, from: Offset) -> Result<(), StoreError> {
        let mut frames = self.writes()?.journal.scan(from)?;
        let mut logs = HashMap::new();
        let mut count = 0_u64;
        while let Some(frame) = frames.next() {
            let (location, frame) = frame?;
            let mut batch = Batch::default();
            self.replay(location, &frame, &mut batch, &mut logs)?;
            put_checkpoint(&mut batch, frames.offset(), self.inner.flusher.synced());
            self.inner.tree.apply(batch)?;
            count += 1;
        }
        if count > 0 {
            tracing::info!(frames = count, "the index followed the journal");
        }
        Ok(())
    }

    fn replay(
        &self,
        location: Location,
        frame: &Frame,
        batch: &mut Batch,
        logs: &mut Logs,
    ) -> Result<(), StoreError> {
        let Frame { kind, hash, payload } = frame;
        match kind {
            Kind::Block => self.replay_block(location, hash, batch)?,
            Kind::Registered => {
                if let Some(address) = frame::read_registered(payload)
                    && self.registration(&address)?.is_none()
                {
                    let next = self.inner.tree.get(keys::NEXT_NUMBER)?;
                    let number = next.and_then(|next| keys::number_of(&[b"n", &next[..]].concat()));
                    let registration = Registration { number: number.unwrap_or(Number(0)) };
                    batch.put(keys::database(&address.manifest()), registration.encode());
                    batch.put(keys::NEXT_NUMBER, (registration.number.0 + 1).to_be_bytes());
                }
            }
            Kind::Removed => {
                if let Some(address) = frame::read_removed(payload)
                    && let Some(number) = self.number_of(&address)?
                {
                    batch.remove(keys::database(&address.manifest()));
                    batch.put(keys::prefix(keys::REMOVED, number), []);
                    logs.remove(&address);
                }
            }
            Kind::Meta => {
                if let Some((name, value)) = frame::read_meta(payload) {
                    batch.put(keys::meta(name), value);
                }
            }
            Kind::Entry | Kind::Staged => {
                let Ok(entry) = Entry::decode(payload) else { return Ok(()) };
                if let Ok(address) = entry.id.parse()
                    && let Some((database, log)) = self.opened(address, logs)?
                {
                    match kind {
                        Kind::Entry => database.replay_entry(log, entry, payload.clone(), location, batch)?,
                        _ => database.replay_staged(hash, location, batch)?,
                    }
                }
            }
            Kind::Commit => self.replay_commit(payload, logs)?,
        }
        Ok(())
    }

    fn replay_block(&self, location: Location, hash: &Hash, batch: &mut Batch) -> Result<(), StoreError> {
        match self.indexed(hash)? {
            None => batch.put(keys::index(hash), Indexed::Other(location).encode()),
            Some(Indexed::Other(old)) => self.replay_move(old, &Indexed::Other(location), hash, batch)?,
            Some(Indexed::Entry(..)) => {}
        }
        Ok(())
    }

    /// A block that is there already was moved by a sweep.
    fn replay_move(
        &self,
        old: Location,
        indexed: &Indexed,
        hash: &Hash,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        if old != indexed.location() {
            batch.put(keys::index(hash), indexed.encode());
            let mut garbage = Garbage::default();
            garbage.add(old);
            put_garbage(batch, &garbage.resolve(&self.inner.tree)?);
        }
        Ok(())
    }

    fn replay_commit(&self, payload: &[u8], logs: &mut Logs) -> Result<(), StoreError> {
        let Some((address, hashes)) = frame::read_commit(payload) else { return Ok(()) };
        let Some((database, log)) = self.opened(address, logs)? else { return Ok(()) };
        for hash in hashes {
            let Some(location) = database.staged_location(&hash)? else { continue };
            let block = self.inner.segments.block(location, &hash)?;
            let Ok(entry) = Entry::decode(&block) else { continue };
            let mut batch = Batch::default();
            database.replay_entry(log, entry, block, location, &mut batch)?;
            self.inner.tree.apply(batch)?;
        }
        Ok(())
    }

    fn opened<'a>(
        &self,
        address: Address,
        logs: &'a mut Logs,
    ) -> Result<Option<(&'a DatabaseStore, &'a mut Log)>, StoreError> {
        let (database, log) = match logs.entry(address) {
            Slot::Occupied(opened) => opened.into_mut(),
            Slot::Vacant(slot) => {
                let Some(registration) = self.registration(&address)? else { return Ok(None) };
                let database = DatabaseStore::new(self.clone(), registration, address);
                let log = database.open_log()?;
                slot.insert((database, log))
            }
        };
        Ok(Some((database, log)))
    }
}

/// The databases that a replay came across.
type Logs = HashMap<Address, (DatabaseStore, Log)>;

impl DatabaseStore {
    fn replay_entry(
        &self,
        log: &mut Log,
        entry: Entry,
        block: bytes::Bytes,
        location: Location,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let (position, hash) = (entry.position(), entry.hash);
        if let Some(Indexed::Entry(old, number, position)) = self.store.indexed(&hash)?
            && number == self.number
        {
            return self.store.replay_move(old, &Indexed::Entry(location, number, position), &hash, batch);
        }
        for link in entry.next.iter().chain(&entry.refs) {
            if !self.contains(link)? {
                // Lost to damage before it. The joiner goes on from what is staged, and peers have the rest.
                tracing::warn!(database = %self.address, entry = %hash, missing = %link, "left out of the log");
                return self.replay_staged(&hash, location, batch);
            }
        }
        let added = Added { position, block, keyed: KeyedOp::of(&entry.payload), next: entry.next };
        log.join([&added]);
        put_entry(batch, self.number, &added.position, location);
        if let Some(staged) = self.staged_location(&hash)? {
            batch.remove(keys::staged(self.number, &hash));
            self.put_staged_bytes(batch, self.staged_bytes()?.saturating_sub(staged.length.into()));
        }
        let commit = log.commit(vec![added], self)?;
        put_view(batch, self.number, &commit.view);
        put_heads(batch, self.number, &commit);
        Ok(())
    }

    fn replay_staged(&self, hash: &Hash, location: Location, batch: &mut Batch) -> Result<(), StoreError> {
        if !self.contains(hash)? && !self.is_staged(hash)? {
            batch.put(keys::staged(self.number, hash), location.encode());
            self.put_staged_bytes(batch, self.staged_bytes()? + u64::from(location.length));
        }
        Ok(())
    }
}

fn put_checkpoint(batch: &mut Batch, followed: Offset, synced: Offset) {
    batch.put(keys::CHECKPOINT, Checkpoint { followed, synced }.encode());
}
