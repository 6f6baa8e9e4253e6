//! What a user of the store would notice.

mod behind_damage;
mod conformance;
mod disks;
mod flushing;
mod format;
mod full_disk;
mod healing;
mod hostile;
mod migrating;
mod migrating_cut;
mod opening;
mod power;
mod recovery;
mod secondary;
mod sim_disk;
mod space;
mod staging;
mod unreadable;
mod verifying;

use super::{DatabaseStore, Store, StoreConfig, environment::Environment};
use bytes::Bytes;
use oplog::{
    Address, Hash, Value,
    identity::Identity,
    keys::SigningKey,
    log::{Added, Log, LogRead as _, Writer},
    memory::MemoryLog,
    order::Position,
    view::Operation,
};
use std::path::Path;
use tempfile::TempDir;

/// One of several writers, the same each time.
fn writer(number: u8) -> Writer {
    Writer::new(identity(number), keys(number)[1].clone())
}

/// The identity of a writer.
fn identity(number: u8) -> Identity {
    let [root, signing] = keys(number);
    Identity::create(&root, &signing)
}

fn keys(number: u8) -> [SigningKey; 2] {
    [[100; 32], [number + 1; 32]].map(|bytes| SigningKey::from_bytes(bytes).unwrap())
}

fn address(name: &str) -> Address {
    Hash::of(name.as_bytes()).into()
}

fn open(dir: &Path) -> Store {
    Store::open(dir, &StoreConfig::default()).unwrap()
}

/// A block that is no entry.
fn block(content: impl AsRef<[u8]>) -> (Hash, Bytes) {
    let block = Bytes::copy_from_slice(content.as_ref());
    (Hash::of(&block), block)
}

fn put(key: &str, value: &str) -> Operation {
    Operation::put(key.to_owned(), Value::from(value))
}

/// A database in a store of its own, with a log in memory that is given the same commits.
struct Replica {
    environment: Environment,
    dir: TempDir,
    store: Store,
    database: DatabaseStore,
    log: Log,
    memory: MemoryLog,
}

impl Replica {
    fn new() -> Self {
        Self::new_in(Environment::machine())
    }

    fn new_in(environment: Environment) -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::open_in(&environment, dir.path(), &StoreConfig::default()).unwrap();
        let database = store.database(&address("db")).unwrap();
        let log = database.open_log().unwrap();
        Self { environment, dir, store, database, log, memory: MemoryLog::default() }
    }

    fn append(&mut self, operation: Operation) -> Added {
        self.log.append(operation, &writer(0)).unwrap()
    }

    /// Appends and commits.
    fn write(&mut self, operations: impl IntoIterator<Item = Operation>) -> Vec<Hash> {
        let added: Vec<Added> = operations.into_iter().map(|operation| self.append(operation)).collect();
        let hashes = added.iter().map(|added| added.position.hash).collect();
        self.commit(added);
        hashes
    }

    fn commit(&mut self, added: Vec<Added>) {
        let commit = self.log.commit(added, &self.database).unwrap();
        let expected = self.log.commit(commit.added.clone(), &self.memory).unwrap();
        assert_eq!(commit.view, expected.view, "views are planned alike");
        self.memory.apply(expected);
        self.database.apply(commit).unwrap();
    }

    /// Closes the store and does something to its files before it is opened again.
    fn reopen_after(self, meanwhile: impl FnOnce(&Path)) -> Self {
        let Self { environment, dir, store, database, log, memory } = self;
        drop((store, database, log));
        meanwhile(dir.path());
        let store = Store::open_in(&environment, dir.path(), &StoreConfig::default()).unwrap();
        let database = store.database(&address("db")).unwrap();
        let log = database.open_log().unwrap();
        Self { environment, dir, store, database, log, memory }
    }

    fn reopen(self) -> Self {
        self.reopen_after(|_| {})
    }

    /// Everything that can be read is what the log in memory says.
    fn check(&self) {
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
            assert_eq!(database.entry(hash).unwrap(), memory.entry(hash).unwrap());
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
            let entry = memory.entry(&position.hash).unwrap().unwrap();
            assert_eq!(Operation::of(entry.payload).keyed().map(|op| op.key).as_ref(), Some(key));
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

fn positions<E: std::fmt::Debug>(items: impl Iterator<Item = Result<Position, E>>) -> Vec<Position> {
    items.map(Result::unwrap).collect()
}
