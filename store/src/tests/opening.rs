//! Opening, and refusing to open.

use super::{address, block, open};
use crate::{OpenError, Store, StoreConfig};
use oplog::Hash;
use std::{fs, os::unix::fs::PermissionsExt as _};
use tempfile::TempDir;

fn refusal(dir: &TempDir) -> OpenError {
    Store::open(dir.path(), &StoreConfig::default()).unwrap_err()
}

#[test]
fn a_directory_has_one_node_at_a_time() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let message = refusal(&dir).to_string();
    assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    drop(store);
    open(dir.path());
}

#[test]
fn directories_and_files_are_for_the_nodes_user_alone() {
    let dir = TempDir::new().unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for left_open in [false, true] {
        let data = dir.path().join("data");
        if left_open {
            fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
        }
        open(&data).database(&address("db")).unwrap();
        assert_eq!(mode(&data), 0o700, "left open before: {left_open}");
        assert_eq!(mode(&data.join("journal")), 0o700);
        for file in ["lock", "format", "journal/00000000.journal"] {
            assert_eq!(mode(&data.join(file)), 0o600, "{file}");
        }
    }
}

#[test]
fn an_unknown_format_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()));
    let marker = dir.path().join("format");
    assert_eq!(fs::read_to_string(&marker).unwrap(), "paperclip store 2\n");
    fs::write(&marker, "paperclip store 3\nwith much more\n").unwrap();
    let journal = fs::read(dir.path().join("journal/00000000.journal")).unwrap();

    let error = refusal(&dir);

    assert!(matches!(&error, OpenError::Format { found, .. } if found == "paperclip store 3"), "{error}");
    assert!(fs::read_to_string(&marker).unwrap().starts_with("paperclip store 3"));
    assert_eq!(fs::read(dir.path().join("journal/00000000.journal")).unwrap(), journal);
    fs::remove_file(&marker).unwrap();
    assert!(matches!(refusal(&dir), OpenError::NoFormat { .. }));
}

#[test]
fn an_index_that_does_not_open_is_named_and_left_alone() {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()));
    let damaged = dir.path().join("db/snap.FFFFFFFFFFFFFFFF");
    fs::write(&damaged, "nothing that has a checksum").unwrap();

    let message = refusal(&dir).to_string();

    assert!(message.contains("Move that folder away") && message.contains("db"), "{message}");
    assert!(damaged.exists());
    fs::rename(dir.path().join("db"), dir.path().join("db.damaged")).unwrap();
    open(dir.path());
}

#[test]
fn an_unfinished_snapshot_is_named_and_left_alone() {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()));
    let leftover = dir.path().join("db/snap.FFFFFFFFFFFFFFFF.generating");
    fs::write(&leftover, "cut off").unwrap();

    let error = refusal(&dir);

    assert!(
        matches!(&error, OpenError::LeftoverSnapshot { leftover: named, .. } if *named == leftover),
        "{error}"
    );
    assert!(leftover.exists());
    fs::remove_file(&leftover).unwrap();
    open(dir.path());
}

#[test]
fn an_index_without_its_journal_is_refused() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    store.put_blocks(&[block("kept")]).unwrap();
    drop(store);
    let (journal, elsewhere) = (dir.path().join("journal"), dir.path().join("elsewhere"));
    fs::rename(&journal, &elsewhere).unwrap();
    assert!(matches!(refusal(&dir), OpenError::NoJournal { .. }));
    fs::remove_dir_all(&journal).unwrap();
    fs::rename(&elsewhere, &journal).unwrap();
    assert!(open(dir.path()).has_block(&Hash::of(b"kept")).unwrap());
}

#[test]
fn databases_and_blocks_are_there_again() {
    let dir = TempDir::new().unwrap();
    let blocks: Vec<_> = [1_usize, 100, 3 << 20].map(|size| block(vec![7; size])).into();
    let store = open(dir.path());
    store.put_blocks(&blocks).unwrap();
    store.put_blocks(&blocks).unwrap();
    store.database(&address("one")).unwrap();
    store.database(&address("two")).unwrap();
    drop(store);
    let check = |store: &Store| {
        for (hash, block) in &blocks {
            assert_eq!(store.block(hash).unwrap().as_ref(), Some(block));
            assert!(store.has_block(hash).unwrap());
        }
        assert_eq!(store.block(&Hash::of(b"other")).unwrap(), None);
        let mut stored = store.stored_databases().unwrap();
        stored.sort_unstable();
        let mut expected = [address("one"), address("two")];
        expected.sort_unstable();
        assert_eq!(stored, expected);
    };
    check(&open(dir.path()));
    fs::remove_dir_all(dir.path().join("db")).unwrap();
    check(&open(dir.path()));
}
