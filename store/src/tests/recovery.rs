//! Damage, and what becomes of it.

use super::{Replica, address, put};
use crate::{Corruption, Difference, StoreError, keys, tree::Batch};
use oplog::log::LogRead as _;
use proptest::prelude::*;
use std::{fs, os::unix::fs::FileExt as _};

fn filled() -> Replica {
    let mut replica = Replica::new();
    for n in 0..40 {
        replica.write([put(&format!("{}", n % 7), &n.to_string()), put(&"long".repeat(400), &n.to_string())]);
    }
    replica
}

fn delete_keys(replica: &Replica, kind: u8, every: usize) {
    let tree = &replica.store.inner.tree;
    let keys: Vec<_> = tree.with_prefix(&[kind]).map(|pair| pair.unwrap().0).step_by(every).collect();
    assert!(!keys.is_empty());
    let mut batch = Batch::default();
    keys.iter().for_each(|key| batch.remove(key));
    tree.apply(batch).unwrap();
}

#[test]
fn indexes_that_lack_keys_are_rebuilt_from_the_blocks() {
    for kind in [keys::HEADS, keys::ORDER, keys::INDEX, keys::VIEW, keys::LIVE] {
        for every in [1, 3] {
            let replica = filled();
            delete_keys(&replica, kind, every);
            assert!(!replica.database.verify(|_| {}).unwrap().is_clean());
            let report = replica.database.rebuild().unwrap();
            assert_eq!((report.entries, report.dropped), (80, 0));
            replica.check();
        }
    }
}

#[test]
fn opening_a_log_notices_missing_heads_and_order() {
    for kind in [keys::HEADS, keys::ORDER, keys::INDEX] {
        let replica = filled();
        delete_keys(&replica, kind, 1);
        replica.database.open_log().unwrap();
        replica.check();
    }
}

#[test]
fn heads_that_cannot_be_read_are_rebuilt() {
    let replica = filled();
    let mut batch = Batch::default();
    batch.put(keys::prefix(keys::HEADS, replica.database.number), b"nonsense");
    replica.store.inner.tree.apply(batch).unwrap();
    replica.database.open_log().unwrap();
    replica.check();
}

/// Changes a byte in the middle of the block of an entry, as a failing disk would.
pub(super) fn damage(replica: &Replica, place: usize) -> oplog::Hash {
    let position = replica.database.oldest_first(None).nth(place).unwrap().unwrap();
    damage_block(replica, &position.hash);
    position.hash
}

pub(super) fn damage_block(replica: &Replica, hash: &oplog::Hash) {
    let at = replica.store.indexed(hash).unwrap().unwrap().location();
    let path = replica.place.path().join(format!("journal/{:08x}.journal", at.segment));
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(b"\xee", at.at + u64::from(at.length) / 2).unwrap();
}

#[test]
fn a_damaged_block_is_an_error_that_names_it() {
    let replica = filled();
    let hash = damage(&replica, 20);
    let named = |error| matches!(error, StoreError::Corrupt(Corruption::Block(named)) if named == hash);
    assert!(named(replica.store.block(&hash).unwrap_err()));
    assert!(named(replica.database.entry(&hash).unwrap_err()));
    let report = replica.database.verify(|_| {}).unwrap();
    assert!(report.examples.contains(&Difference::Block(Corruption::Block(hash))), "{:?}", report.examples);
}

#[test]
fn a_rebuild_leaves_a_damaged_entry_and_its_descendants_out() {
    let mut replica = filled();
    replica.write([put("last", "one")]);
    damage(&replica, 20);
    let report = replica.database.rebuild().unwrap();
    assert_eq!(report.entries, 20);
    assert!(replica.database.verify(|_| {}).unwrap().is_clean());
    assert_eq!(replica.database.open_log().unwrap().len(), 20);
}

#[test]
fn damage_in_the_middle_of_the_last_file_cuts_nothing_off() {
    for index_lost in [false, true] {
        let replica = filled();
        let hash = damage(&replica, 20);
        let path = |dir: &std::path::Path| dir.join("journal/00000000.journal");
        let length = fs::metadata(path(replica.place.path())).unwrap().len();
        let entries = replica.database.len().unwrap();
        let replica = replica.reopen_after(|dir| {
            if index_lost {
                fs::remove_dir_all(dir.join("db")).unwrap();
            }
        });
        let found = fs::metadata(path(replica.place.path())).unwrap().len();
        assert!(found >= length, "index lost: {index_lost}");
        assert!(matches!(replica.store.block(&hash), Err(_) | Ok(None)), "the damaged block is not served");
        if !index_lost {
            assert_eq!(replica.database.open_log().unwrap().len(), entries, "what was acknowledged is there");
        }
    }
}

#[test]
fn the_unfinished_end_of_a_write_is_cut_off() {
    let mut replica = filled();
    let whole = fs::read(replica.place.path().join("journal/00000000.journal")).unwrap();
    let before = replica.memory.clone();
    replica.write([put("cut", "off")]);
    let length = fs::metadata(replica.place.path().join("journal/00000000.journal")).unwrap().len();
    // The power went before the last frame was on disk, and the index was there already.
    replica.memory = before;
    let replica = replica.reopen_after(|dir| {
        let file = fs::File::options().write(true).open(dir.join("journal/00000000.journal")).unwrap();
        file.set_len(length - 40).unwrap();
    });
    replica.check();
    let found = fs::read(replica.place.path().join("journal/00000000.journal")).unwrap();
    // But for the epoch in the file's beginning, which is another one now.
    assert!(found[1024..whole.len()] == whole[1024..], "what stands before the cut was changed");
    assert_eq!(found.len(), whole.len() + 32, "what the file ends with was on disk, and it says so");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Wherever the journal ends after a power cut, the log is one that was: that of a part of the commits.
    #[test]
    fn a_journal_cut_off_anywhere_is_a_log_that_was(cut in 0.0..1.0_f64, index_lost in any::<bool>()) {
        let mut replica = Replica::new();
        let mut lengths = Vec::new();
        let journal = |dir: &std::path::Path| dir.join("journal/00000000.journal");
        for n in 0..12 {
            replica.write((0..3).map(|m| put(&format!("{}", m % 2), &n.to_string())));
            lengths.push(fs::metadata(journal(replica.place.path())).unwrap().len());
        }
        let start = lengths[0] - 1;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
        let cut = start + ((lengths[11] - start) as f64 * cut) as u64;
        // Less than the padding of a frame makes no difference.
        let cut = cut & !31;
        let whole = lengths.iter().filter(|length| **length <= cut).count() as u64;

        let replica = replica.reopen_after(|dir| {
            fs::File::options().write(true).open(journal(dir)).unwrap().set_len(cut).unwrap();
            if index_lost {
                fs::remove_dir_all(dir.join("db")).unwrap();
            }
        });

        let length = replica.log.len();
        prop_assert!(length >= whole * 3 && length < (whole + 1) * 3, "{length} entries of {whole} commits");
        let report = replica.database.verify(|_| ()).unwrap();
        prop_assert_eq!(report.examples, []);
    }
}

#[test]
fn an_index_that_lags_follows_the_journal() {
    let mut replica = filled();
    replica.store.inner.tree.flush().unwrap();
    let copy = tempfile::TempDir::new().unwrap();
    copy_folder(&replica.place.path().join("db"), copy.path());
    let other = replica.store.database(&address("other")).unwrap();
    let mut forked = replica.log.clone();
    let theirs: Vec<_> =
        (0..5).map(|n| forked.append(put("fork", &n.to_string()), &super::writer(1)).unwrap()).collect();
    replica.write([put("more", "1"), put("more", "2")]);
    let staged: Vec<_> = theirs.iter().map(|added| (added.position.hash, added.block.clone())).collect();
    replica.database.stage(&staged[1..4]).unwrap();
    replica.log.join(&theirs);
    replica.commit(theirs);
    replica.store.put_blocks(&[super::block("no entry")]).unwrap();
    let waiting = replica.log.clone().append(put("waiting", "1"), &super::writer(2)).unwrap();
    replica.database.stage(&[(waiting.position.hash, waiting.block.clone())]).unwrap();
    drop(other);

    // The index as it was before all that.
    let mut replica = replica.reopen_after(|dir| {
        fs::remove_dir_all(dir.join("db")).unwrap();
        fs::create_dir(dir.join("db")).unwrap();
        copy_folder(copy.path(), &dir.join("db"));
    });

    replica.check();
    let (hash, block) = super::block("no entry");
    assert_eq!(replica.store.block(&hash).unwrap(), Some(block));
    assert_eq!(replica.store.stored_databases().unwrap().len(), 2);
    assert_eq!(replica.database.staged(&waiting.position.hash).unwrap(), Some(waiting.block.clone()));
    assert_eq!(replica.store.stats().staged_bytes, waiting.block.len() as u64);
    replica.write([put("and", "on")]);
    replica.check();
    replica.reopen().check();
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_dir() {
            fs::create_dir_all(to.join(file.file_name())).unwrap();
            copy_folder(&file.path(), &to.join(file.file_name()));
        } else {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}
