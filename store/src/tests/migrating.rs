//! A store of format 1 becomes one of format 2, and what was forged in it stays what it was: bytes in a value.

use super::{Directory, address, put, writer};
use crate::{
    OpenError, Store, StoreConfig,
    conformance::{Place, check_store, with_seeds},
    environment::Environment,
    journal::{Found, Frame, Kind, Offset},
    tree::{Batch, OpenEngine as _, Sled, Tree},
};
use oplog::{
    Hash,
    log::{Added, Log, LogRead as _},
    view::Operation,
};
use std::{
    fs, io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

pub(super) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store-format-1").join(name)
}

/// A directory of format 1 with this journal.
fn old_directory(journal: &[u8]) -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("format"), "paperclip store 1\n").unwrap();
    fs::create_dir(dir.path().join("journal")).unwrap();
    fs::write(dir.path().join("journal/00000000.log"), journal).unwrap();
    dir
}

/// Puts the index of the fixture into a directory.
fn put_index(dir: &Path, lines: &str) {
    let tree = Tree::open(&Sled, &dir.join("db"), 1 << 20).unwrap();
    tree.apply(index_of(lines)).unwrap();
    tree.flush().unwrap();
    drop(tree);
    Sled.wait_until_closed(&dir.join("db"));
}

/// The keys of an index, as the fixture has them.
pub(super) fn index_of(lines: &str) -> Batch {
    let mut batch = Batch::default();
    for line in lines.lines() {
        let (key, value) = line.split_once(' ').unwrap();
        batch.put([&key.as_bytes()[..1], &unhex(&key[1..])].concat(), unhex(value));
    }
    batch
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn open(dir: &Path) -> Store {
    Store::open(dir, &StoreConfig::default()).unwrap()
}

/// A frame of format 1.
pub(super) fn frame(code: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let hash = Hash::of(payload);
    [&length[..], &[code, 0, 0, 0], &hash.digest()[..8], payload].concat()
}

pub(super) const ENTRY: u8 = 2;
pub(super) const REGISTERED: u8 = 5;
pub(super) const REMOVED: u8 = 6;

/// A directory whose journal is of format 1 whenever it is opened.
struct Old(Directory);

impl Place for Old {
    fn open(&self) -> Result<Store, OpenError> {
        if self.0.join("journal").exists() {
            downgrade(&self.0);
        }
        self.0.open()
    }

    fn lose_index(&self) -> io::Result<()> {
        self.0.lose_index()
    }
}

/// Writes a journal as format 1 had it, with nothing of an index.
fn downgrade(dir: &Path) {
    let found = Found::at(&dir.join("journal"), &Environment::machine()).unwrap();
    let mut journal = Vec::new();
    for read in found.scan(Offset::default()).unwrap() {
        let (_, Frame { kind, payload, .. }) = read.unwrap();
        match kind {
            Kind::Swept | Kind::Synced => {}
            // With a byte for the type.
            Kind::Registered => journal.extend(frame(kind.code(), &[&payload[..], &[0]].concat())),
            _ => journal.extend(frame(kind.code(), &payload)),
        }
    }
    for segment in found.segments().list().unwrap() {
        fs::remove_file(found.segments().path(segment)).unwrap();
    }
    match fs::remove_dir_all(dir.join("db")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{error}"),
        _ => {}
    }
    fs::write(dir.join("journal/00000000.log"), journal).unwrap();
    fs::write(dir.join("format"), "paperclip store 1\n").unwrap();
}

#[test]
fn a_store_that_is_migrated_time_and_again_agrees_with_the_log_in_memory() {
    with_seeds(8, |seed| check_store(Old(Directory::new_in(Environment::machine())), seed));
}

pub(super) fn check_fixture(store: &Store) {
    let database = store.database(&address("db")).unwrap();
    assert_eq!(database.len().unwrap(), 6);
    assert_eq!(database.live_newest_first(None).count(), 4);
    assert!(database.verify(|_| {}).unwrap().is_clean());
    assert_eq!(store.stored_databases().unwrap(), [address("db")]);
    // Its named value, of a kind that is retired, is none either.
    assert!(store.damage().is_none());
}

#[test]
fn the_fixture_of_format_1_is_migrated_with_and_without_its_index() {
    for with_index in [false, true] {
        let dir = old_directory(&fs::read(fixture("journal.log")).unwrap());
        if with_index {
            put_index(dir.path(), &fs::read_to_string(fixture("keys.txt")).unwrap());
        }
        check_fixture(&open(dir.path()));
        assert_eq!(fs::read_to_string(dir.path().join("format")).unwrap(), "paperclip store 2\n");
        let names: Vec<_> = fs::read_dir(dir.path().join("journal"))
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(names, ["00000000.journal"]);
        check_fixture(&open(dir.path()));
    }
}

/// Where the third frame begins: with a damaged header there, the rest of a journal of format 1 cannot be read.
pub(super) fn third_frame(journal: &[u8]) -> usize {
    let next = |at: usize| at + 16 + u32::from_be_bytes(journal[at..at + 4].try_into().unwrap()) as usize;
    next(next(0))
}

#[test]
fn what_the_index_names_behind_damage_is_taken_over() {
    let journal = fs::read(fixture("journal.log")).unwrap();
    let whole = old_directory(&journal);
    put_index(whole.path(), &fs::read_to_string(fixture("keys.txt")).unwrap());
    let third = third_frame(&journal);
    let file = fs::File::options().write(true).open(whole.path().join("journal/00000000.log")).unwrap();
    file.write_all_at(b"\xff", third as u64 + 5).unwrap();

    let store = open(whole.path());

    let database = store.database(&address("db")).unwrap();
    assert!(database.len().unwrap() >= 5, "{} entries", database.len().unwrap());
    assert!(database.verify(|_| {}).unwrap().is_clean());
    assert_eq!(store.stored_databases().unwrap(), [address("db")]);
}

pub(super) fn chain(name: &str, values: impl IntoIterator<Item = String>) -> Vec<Added> {
    let mut log = Log::empty(address(name));
    values.into_iter().map(|value| log.append(put("key", &value), &writer(0)).unwrap()).collect()
}

/// A journal with a database `victim`, and an entry of `open` that carries frames.
fn hostile_journal(forged: &[Vec<u8>]) -> (Vec<u8>, usize) {
    let registered = |name: &str| frame(REGISTERED, &[&address(name).manifest().digest()[..], &[0]].concat());
    let mut journal = [registered("victim"), registered("open")].concat();
    for added in chain("victim", (0..5).map(|n| n.to_string())) {
        journal.extend(frame(ENTRY, &added.block));
    }
    let mut log = Log::empty(address("open"));
    let value = oplog::Value::Bytes(forged.concat());
    let carrier = log.append(Operation::put("key", value), &writer(1)).unwrap();
    let start = journal.len();
    journal.extend(frame(ENTRY, &carrier.block));
    (journal, start)
}

#[test]
fn frames_forged_in_a_value_stay_bytes_wherever_the_journal_is_torn_or_damaged() {
    let forged_entry = chain("victim", ["forged".to_owned()]).remove(0);
    let forged = [
        frame(REMOVED, address("victim").manifest().digest()),
        frame(ENTRY, &forged_entry.block),
        frame(REGISTERED, &[&address("ghost").manifest().digest()[..], &[0]].concat()),
    ];
    let (journal, start) = hostile_journal(&forged);
    let end = journal.len();
    let torn = (start..end).step_by(41).map(|cut| journal[..cut].to_vec());
    let flipped = (start..end).step_by(41).map(|at| {
        let mut journal = journal.clone();
        journal[at] ^= 1;
        journal
    });
    for journal in torn.chain(flipped) {
        let dir = old_directory(&journal);
        let store = open(dir.path());
        let victim = store.database(&address("victim")).unwrap();
        assert_eq!(victim.len().unwrap(), 5);
        assert!(!victim.contains(&forged_entry.position.hash).unwrap());
        assert!(!store.stored_databases().unwrap().contains(&address("ghost")));
    }
}

#[test]
fn a_database_whose_removal_format_1_forgot_stays_removed() {
    // A sweep of format 1 dropped the record of the removal; an older file holds the database still.
    let secret = chain("secret", ["secret".to_owned()]).remove(0);
    let registered = |name: &str| frame(REGISTERED, &[&address(name).manifest().digest()[..], &[0]].concat());
    let journal = [registered("secret"), frame(ENTRY, &secret.block), registered("db")].concat();
    let dir = old_directory(&journal);
    let (end, digest) = (journal.len(), address("db").manifest());
    let digest: String = digest.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    put_index(dir.path(), &format!("c {:024x}{:024x}\nd{digest} 0000000100\n", end, 0));

    let store = open(dir.path());

    assert_eq!(store.stored_databases().unwrap(), [address("db")]);
    assert!(!store.has_block(&secret.position.hash).unwrap());
    assert!(store.database(&address("secret")).unwrap().is_empty().unwrap());
}

#[test]
fn a_migrated_store_is_written_on() {
    let dir = old_directory(&fs::read(fixture("journal.log")).unwrap());
    drop(open(dir.path()));
    let store = open(dir.path());
    let database = store.database(&address("db")).unwrap();
    let mut log = database.open_log().unwrap();
    let added = log.append(put("more", "1"), &writer(0)).unwrap();
    database.apply(log.commit(vec![added], &database).unwrap()).unwrap();
    drop((database, store));
    let store = open(dir.path());
    let database = store.database(&address("db")).unwrap();
    assert_eq!(database.len().unwrap(), 7);
    assert!(database.verify(|_| {}).unwrap().is_clean());
}
