//! What is on disk stays readable: a fixture holds a small store as this version writes it, another one the same store as the
//! first version wrote it, which gave every database a type.
//!
//! When the format changes on purpose, its number in `lock.rs` changes too, and `PAPERCLIP_WRITE_FIXTURE=1` writes the
//! fixture of this version anew.

use super::{Replica, put, writer};
use bytes::Bytes;
use oplog::{Hash, view::Operation};
use std::{fmt::Write as _, fs, path::PathBuf};

/// As this version writes it.
const WRITTEN: &str = "store-format-1-untyped";
/// As the first version wrote it.
const TYPED: &str = "store-format-1";

fn fixture(of: &str, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(of).join(name)
}

/// One of everything.
fn replica() -> Replica {
    let mut replica = Replica::new();
    let block = Bytes::from_static(b"\xa1no entry");
    replica.store.put_blocks(&[(Hash::of(&block), block)]).unwrap();
    replica.store.set_meta("name", b"value").unwrap();
    let mut other = replica.log.clone();
    replica.write([put("kept", "1"), put("deleted", "2"), Operation::Del("deleted".to_owned())]);
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
    let journal = fs::read(replica.dir.path().join("journal/00000000.log")).unwrap();
    let keys = dump(&replica);
    if std::env::var_os("PAPERCLIP_WRITE_FIXTURE").is_some() {
        fs::create_dir_all(fixture(WRITTEN, "")).unwrap();
        fs::write(fixture(WRITTEN, "journal.log"), &journal).unwrap();
        fs::write(fixture(WRITTEN, "keys.txt"), &keys).unwrap();
    }
    assert!(
        fs::read(fixture(WRITTEN, "journal.log")).unwrap() == journal,
        "the journal differs from the fixture"
    );
    assert_eq!(fs::read_to_string(fixture(WRITTEN, "keys.txt")).unwrap(), keys);
}

#[test]
fn the_fixtures_are_read() {
    for of in [WRITTEN, TYPED] {
        let replica = replica().reopen_after(|dir| {
            fs::remove_dir_all(dir.join("db")).unwrap();
            fs::remove_dir_all(dir.join("journal")).unwrap();
            fs::create_dir(dir.join("journal")).unwrap();
            fs::copy(fixture(of, "journal.log"), dir.join("journal/00000000.log")).unwrap();
        });
        // Without the index, a staged entry whose ancestors are there becomes part of the log.
        assert_eq!(replica.database.len().unwrap(), 6);
        assert_eq!(replica.database.live_newest_first(None).count(), 4);
        assert!(replica.database.verify(|_| {}).unwrap().is_clean());
        assert_eq!(replica.store.meta("name").unwrap().unwrap(), &b"value"[..]);
        assert_eq!(replica.store.stored_databases().unwrap(), [super::address("db")]);
    }
}
