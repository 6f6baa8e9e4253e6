//! The tree follows the journal: frames that it does not know yet change it as their writing would have.

use super::{
    database::DatabaseStore,
    error::StoreError,
    index::{Garbage, put_block, put_garbage, put_registered, put_removed, put_staged_bytes},
    journal::{Frame, Kind, Location, Offset, records},
    keys::{self, Number},
    record::{Checkpoint, Indexed, Registration},
    state::Store,
    tree::Batch,
};
use oplog::{
    Address, Entry, Hash,
    log::{Added, Log, LogRead as _},
};
use std::collections::{HashMap, hash_map::Entry as Slot};

impl Store {
    /// Takes in what the journal has from `from` on.
    pub(super) fn follow(&self, from: Offset) -> Result<(), StoreError> {
        let mut frames = self.writes()?.journal.scan(from)?;
        let mut logs = HashMap::new();
        let mut count = 0_u64;
        while let Some(frame) = frames.next() {
            let (location, frame) = frame?;
            let mut batch = Batch::default();
            self.replay(location, &frame, &mut batch, &mut logs)?;
            let followed = frames.offset();
            let checkpoint = Checkpoint {
                followed,
                synced: followed.min(self.inner.flusher.synced()),
                epoch: frames.epoch(),
            };
            debug_assert!(checkpoint.synced <= followed, "on disk is what was written");
            batch.put(keys::CHECKPOINT, checkpoint.encode());
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
        let Frame { kind, number, hash, payload } = frame;
        match kind {
            Kind::Block => self.replay_block(location, hash, batch)?,
            Kind::Registered => {
                if let Some(address) = records::read_database(payload)
                    && self.registration(&address)?.is_none()
                {
                    self.replay_registration(&address, *number, batch)?;
                }
            }
            Kind::Removed => {
                if let Some(address) = records::read_database(payload)
                    && self.number_of(&address)? == Some(*number)
                {
                    put_removed(batch, &address, *number);
                    logs.remove(number);
                }
            }
            Kind::Entry | Kind::Staged => {
                let Ok(entry) = Entry::decode(payload) else { return Ok(()) };
                let Ok(address) = entry.id.parse() else { return Ok(()) };
                if *number >= self.next_number()? && self.registration(&address)?.is_none() {
                    // The record of the registration is damaged; an entry tells as much.
                    let mut registered = Batch::default();
                    self.replay_registration(&address, *number, &mut registered)?;
                    self.inner.tree.apply(registered)?;
                }
                if let Some((database, log)) = self.opened(address, *number, logs)? {
                    match kind {
                        Kind::Entry => {
                            database.promote_ancestors(log, &entry)?;
                            database.replay_entry(log, entry, payload.clone(), location, batch)?;
                        }
                        _ => database.replay_staged(hash, location, batch)?,
                    }
                }
            }
            Kind::Commit => self.replay_commit(payload, *number, logs)?,
            Kind::Retired | Kind::Swept | Kind::Synced => {}
        }
        Ok(())
    }

    fn replay_registration(
        &self,
        address: &Address,
        number: Number,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let next = self.next_number()?.max(Number(number.0.saturating_add(1)));
        put_registered(batch, address, Registration { number }, next);
        Ok(())
    }

    fn replay_block(&self, location: Location, hash: &Hash, batch: &mut Batch) -> Result<(), StoreError> {
        match self.indexed(hash)? {
            None => put_block(batch, hash, location),
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

    fn replay_commit(&self, payload: &[u8], number: Number, logs: &mut Logs) -> Result<(), StoreError> {
        let Some((address, hashes)) = records::read_commit(payload) else { return Ok(()) };
        let Some((database, log)) = self.opened(address, number, logs)? else { return Ok(()) };
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

    /// The database of a frame, unless it was removed.
    fn opened<'a>(
        &self,
        address: Address,
        number: Number,
        logs: &'a mut Logs,
    ) -> Result<Option<(&'a DatabaseStore, &'a mut Log)>, StoreError> {
        let (database, log) = match logs.entry(number) {
            Slot::Occupied(opened) => opened.into_mut(),
            Slot::Vacant(slot) => {
                let registration = self.registration(&address)?;
                let Some(registration) = registration.filter(|it| it.number == number) else {
                    return Ok(None);
                };
                let database = DatabaseStore::new(self.clone(), registration, address);
                let log = database.open_log()?;
                slot.insert((database, log))
            }
        };
        Ok(Some((database, log)))
    }
}

/// The databases that a replay came across.
type Logs = HashMap<Number, (DatabaseStore, Log)>;

impl DatabaseStore {
    /// An entry that was committed shows that its ancestors were. Those that are staged here became part of the log with an index
    /// that was built anew and lost again.
    fn promote_ancestors(&self, log: &mut Log, entry: &Entry) -> Result<(), StoreError> {
        let mut wanted = self.missing_links(entry)?;
        while let Some(hash) = wanted.last().copied() {
            if self.contains(&hash)? {
                wanted.pop();
                continue;
            }
            let Some(location) = self.staged_location(&hash)? else { return Ok(()) };
            let block = self.store.inner.segments.block(location, &hash)?;
            let Ok(ancestor) = Entry::decode(&block) else { return Ok(()) };
            let missing = self.missing_links(&ancestor)?;
            if missing.is_empty() {
                let mut batch = Batch::default();
                self.replay_entry(log, ancestor, block, location, &mut batch)?;
                self.store.inner.tree.apply(batch)?;
            } else {
                wanted.extend(missing);
            }
        }
        Ok(())
    }

    fn missing_links(&self, entry: &Entry) -> Result<Vec<Hash>, StoreError> {
        let links = entry.next.iter().chain(&entry.refs);
        let missing = |hash: &Hash| Ok(if self.contains(hash)? { None } else { Some(*hash) });
        links.filter_map(|hash| missing(hash).transpose()).collect()
    }

    fn replay_entry(
        &self,
        log: &mut Log,
        entry: Entry,
        block: bytes::Bytes,
        location: Location,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let hash = entry.hash;
        if let Some(Indexed::Entry(old, number, position)) = self.store.indexed(&hash)?
            && number == self.number
        {
            return self.store.replay_move(old, &Indexed::Entry(location, number, position), &hash, batch);
        }
        if let [missing, ..] = self.missing_links(&entry)?[..] {
            // Lost to damage before it. The joiner goes on from what is staged, and peers have the rest.
            tracing::warn!(database = %self.address, entry = %hash, %missing, "left out of the log");
            return self.replay_staged(&hash, location, batch);
        }
        let added = Added::of(entry, block);
        log.join([&added]);
        let commit = log.commit(vec![added], self)?;
        self.commit_rows(&commit)?.put(batch, &[location]);
        Ok(())
    }

    fn replay_staged(&self, hash: &Hash, location: Location, batch: &mut Batch) -> Result<(), StoreError> {
        if !self.contains(hash)? && !self.is_staged(hash)? {
            batch.put(keys::staged(self.number, hash), location.encode());
            put_staged_bytes(batch, self.number, self.staged_bytes()? + u64::from(location.length));
        }
        Ok(())
    }
}
