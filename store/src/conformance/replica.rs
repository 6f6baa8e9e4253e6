//! A database in a store, beside a log in memory.

use crate::{DatabaseStore, OpenError, Store};
use oplog::{
    Address, Hash,
    identity::Identity,
    keys::SigningKey,
    log::{Added, Log, LogRead as _, Writer},
    memory::MemoryLog,
    order::Position,
    view::Operation,
};
use std::{fmt, io};

/// Where a store is, from one opening to the next.
pub trait Place {
    /// Opens the store. Nobody else has it open.
    fn open(&self) -> Result<Store, OpenError>;

    /// Loses the index. Nobody has the store open.
    fn lose_index(&self) -> io::Result<()>;
}

/// One of several writers, the same each time.
pub fn writer(number: u8) -> Writer {
    Writer::new(identity(number), keys(number)[1].clone())
}

/// The identity of a writer.
pub fn identity(number: u8) -> Identity {
    let [root, signing] = keys(number);
    Identity::create(&root, &signing)
}

fn keys(number: u8) -> [SigningKey; 2] {
    [[100; 32], [number + 1; 32]].map(|bytes| SigningKey::from_bytes(bytes).unwrap())
}

/// A database in a store of its own, with a log in memory that is given the same commits.
#[derive(Debug)]
pub struct Replica<P> {
    /// Where the store is.
    pub place: P,
    /// The store.
    pub store: Store,
    /// The database.
    pub database: DatabaseStore,
    /// Its log.
    pub log: Log,
    /// What the store is compared with.
    pub memory: MemoryLog,
}

impl<P: Place> Replica<P> {
    /// A database in a store that is new.
    pub fn at(place: P) -> Self {
        Self::open(place, MemoryLog::default())
    }

    fn open(place: P, memory: MemoryLog) -> Self {
        let store = place.open().unwrap();
        let database = store.database(&address()).unwrap();
        let log = database.open_log().unwrap();
        Self { place, store, database, log, memory }
    }

    /// Signs an entry on top of the log.
    pub fn append(&mut self, operation: Operation) -> Added {
        self.log.append(operation, &writer(0)).unwrap()
    }

    /// Appends and commits.
    pub fn write(&mut self, operations: impl IntoIterator<Item = Operation>) -> Vec<Hash> {
        let added: Vec<Added> = operations.into_iter().map(|operation| self.append(operation)).collect();
        let hashes = added.iter().map(|added| added.position.hash).collect();
        self.commit(added);
        hashes
    }

    /// Commits what the log has taken in, to the store and to the log in memory.
    pub fn commit(&mut self, added: Vec<Added>) {
        let commit = self.log.commit(added, &self.database).unwrap();
        let Ok(expected) = self.log.commit(commit.added.clone(), &self.memory);
        assert_eq!(commit.view, expected.view, "views are planned alike");
        self.memory.apply(expected);
        self.database.apply(commit).unwrap();
    }

    /// Closes the store and does something to its files before it is opened again.
    pub fn reopen_after(self, meanwhile: impl FnOnce(&P)) -> Self {
        let Self { place, store, database, log, memory } = self;
        drop((store, database, log));
        meanwhile(&place);
        Self::open(place, memory)
    }

    /// Closes the store and opens it again.
    pub fn reopen(self) -> Self {
        self.reopen_after(|_| {})
    }

    /// Closes the store and opens it without its index.
    pub fn reopen_without_index(self) -> Self {
        self.reopen_after(|place| place.lose_index().unwrap())
    }

    /// Everything that can be read is what the log in memory says.
    pub fn check(&self) {
        let Self { database, memory, log, .. } = self;
        let newest: Vec<Position> = positions(memory.newest_first(None));
        let oldest: Vec<Position> = newest.iter().rev().cloned().collect();
        assert_eq!(database.open_log().unwrap().heads(), memory.heads());
        assert_eq!(log.heads(), memory.heads());
        assert_eq!(database.len().unwrap(), memory.len() as u64);
        assert_eq!(positions(database.newest_first(None)), newest);
        assert_eq!(positions(database.oldest_first(None)), oldest);
        if let Some(middle) = newest.get(newest.len() / 2) {
            assert_eq!(
                positions(database.newest_first(Some(middle))),
                positions(memory.newest_first(Some(middle)))
            );
            assert_eq!(
                positions(database.oldest_first(Some(middle))),
                positions(memory.oldest_first(Some(middle)))
            );
        }
        for position in &newest {
            let hash = &position.hash;
            assert!(database.contains(hash).unwrap());
            assert_eq!(database.position(hash).unwrap().as_ref(), Some(position));
            assert_eq!(database.entry_block(hash).unwrap().as_ref(), memory.block(hash));
            let Ok(entry) = memory.entry(hash);
            assert_eq!(database.entry(hash).unwrap(), entry);
        }
        self.check_view();
        let report = database.verify(|_| {}).unwrap();
        assert!(report.is_clean(), "{:?}", report.examples);
        assert_eq!(report.entries, memory.len() as u64);
    }

    fn check_view(&self) {
        let Self { database, memory, .. } = self;
        for (key, winner) in memory.winners() {
            assert_eq!(database.winner(key).unwrap().as_ref(), Some(winner), "{key:.40}");
        }
        assert_eq!(database.winner("never set").unwrap(), None);
        let live: Vec<(Position, String)> = database.live_newest_first(None).map(Result::unwrap).collect();
        assert_eq!(live.iter().map(|(position, _)| position).collect::<Vec<_>>(), memory.live_newest_first());
        for (position, key) in &live {
            let Ok(entry) = memory.entry(&position.hash);
            assert_eq!(&Operation::of(entry.unwrap().payload).property_key(), key);
        }
        let middle = live.get(live.len() / 2);
        let older: Vec<_> =
            database.live_newest_first(middle.map(|(at, _)| at)).map(Result::unwrap).collect();
        let newer: Vec<_> =
            database.live_oldest_first(middle.map(|(at, _)| at)).map(Result::unwrap).collect();
        if let Some(middle) = middle {
            let rejoined: Vec<_> = newer.iter().rev().chain([middle]).chain(&older).cloned().collect();
            assert_eq!(rejoined, live);
        }
    }
}

fn address() -> Address {
    Hash::of(b"db").into()
}

fn positions<E: fmt::Debug>(items: impl Iterator<Item = Result<Position, E>>) -> Vec<Position> {
    items.map(Result::unwrap).collect()
}
