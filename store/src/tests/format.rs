//! What is on disk stays readable: a fixture holds a small store as this version writes it.
//!
//! When the format changes on purpose, its number in `format.rs` changes too, the old fixture stays for the migration, and
//! `PAPERCLIP_WRITE_FIXTURE=1` writes a new one.

use super::{Replica, put, writer};
use crate::{
    environment::Environment,
    journal::{Frames, Kind},
    keys::Number,
};
use bytes::Bytes;
use oplog::{Hash, view::Operation};
use std::{fmt::Write as _, fs, path::PathBuf};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store-format-2").join(name)
}

/// One of everything.
fn replica() -> Replica {
    let random = |buffer: &mut [u8]| {
        buffer.fill(0x5e);
        Ok(())
    };
    let mut replica = Replica::new_in(Environment { random, ..Environment::machine() });
    let block = Bytes::from_static(b"\xa1no entry");
    replica.store.put_blocks(&[(Hash::of(&block), block)]).unwrap();
    replica.store.write(&mut replica.store.writes().unwrap(), retired(), |_, _| {}).unwrap();
    let mut other = replica.log.clone();
    replica.write([put("kept", "1"), put("deleted", "2"), Operation::del("deleted".to_owned())]);
    let theirs: Vec<_> = [put("theirs", "3"), put(&"long".repeat(400), "4")]
        .map(|it| other.append(it, &writer(1)).unwrap())
        .into();
    replica.database.stage(&[(theirs[1].position.hash, theirs[1].block.clone())]).unwrap();
    replica.log.join(&theirs);
    replica.commit(theirs);
    let waiting = other.append(put("waiting", "5"), &writer(1)).unwrap();
    replica.database.stage(&[(waiting.position.hash, waiting.block)]).unwrap();
    replica.store.database(&super::address("removed")).unwrap();
    replica.store.remove_database(&super::address("removed")).unwrap();
    replica
}

/// A frame as earlier versions wrote it for a small named value.
fn retired() -> Frames {
    let payload = b"\x00\x04namevalue";
    let mut frames = Frames::default();
    frames.add(Kind::Retired, Number(0), &Hash::of(payload), payload);
    frames
}

fn dump(replica: &Replica) -> String {
    let mut text = String::new();
    for pair in replica.store.inner.tree.with_prefix(&[]) {
        let (key, value) = pair.unwrap();
        writeln!(text, "{}{} {}", char::from(key[0]), hex(&key[1..]), hex(&value)).unwrap();
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn a_store_is_written_as_the_fixture_has_it() {
    let replica = replica();
    let journal = fs::read(replica.place.path().join("journal/00000000.journal")).unwrap();
    let keys = dump(&replica);
    if std::env::var_os("PAPERCLIP_WRITE_FIXTURE").is_some() {
        fs::create_dir_all(fixture("")).unwrap();
        fs::write(fixture("00000000.journal"), &journal).unwrap();
        fs::write(fixture("keys.txt"), &keys).unwrap();
    }
    assert!(
        fs::read(fixture("00000000.journal")).unwrap() == journal,
        "the journal differs from the fixture"
    );
    assert_eq!(fs::read_to_string(fixture("keys.txt")).unwrap(), keys);
}

#[test]
fn the_fixture_is_read() {
    let replica = replica().reopen_after(|dir| {
        fs::remove_dir_all(dir.join("db")).unwrap();
        fs::copy(fixture("00000000.journal"), dir.join("journal/00000000.journal")).unwrap();
    });
    // Without the index, a staged entry whose ancestors are there becomes part of the log.
    assert_eq!(replica.database.len().unwrap(), 6);
    assert_eq!(replica.database.live_newest_first(None).count(), 4);
    assert!(replica.database.verify(|_| {}).unwrap().is_clean());
    assert_eq!(replica.store.stored_databases().unwrap(), [super::address("db")]);
    assert!(replica.store.damage().is_none());
}

#[test]
fn a_retired_frame_is_passed_over_and_is_no_damage() {
    let mut replica = Replica::new();
    replica.write([put("before", "1")]);
    // The index has not followed it, as after a crash.
    replica.store.writes().unwrap().journal.append(retired()).unwrap();
    let mut replica = replica.reopen();
    replica.write([put("behind", "2")]);
    let replica = replica.reopen_after(|dir| fs::remove_dir_all(dir.join("db")).unwrap());
    replica.check();
    assert_eq!(replica.database.len().unwrap(), 2);
    assert!(replica.store.damage().is_none());
}
