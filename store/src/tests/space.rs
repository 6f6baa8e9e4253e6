//! Removing, and giving space back.

use super::{Replica, address, block, open, put};
use crate::{StoreError, keys, tree::Batch};
use oplog::{
    Hash,
    log::{Log, LogRead as _},
    view::Operation,
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

const BIG: usize = 3 << 20;

fn fill(replica: &mut Replica) {
    for n in 0..12 {
        replica.write([put(&format!("small {n}"), "value"), put(&format!("{n}"), &"x".repeat(BIG))]);
    }
}

#[test]
fn a_removed_database_gives_its_space_back() {
    let mut replica = Replica::new();
    let keep = replica.store.database(&address("keep")).unwrap();
    let mut log = keep.open_log().unwrap();
    let added = log.append(Operation::add("kept".into()), &super::writer(0)).unwrap();
    let kept = added.position.hash;
    keep.apply(log.commit(vec![added], &keep).unwrap()).unwrap();
    replica.store.put_blocks(&[block("kept too")]).unwrap();
    fill(&mut replica);
    let full = replica.store.stats().journal_bytes;
    assert!(full > 12 * BIG as u64);

    let report = replica.store.remove_database(&address("db")).unwrap();
    assert_eq!(report.entries, 24);
    assert!(matches!(
        replica.database.apply(log.commit(Vec::new(), &keep).unwrap()),
        Err(StoreError::Removed(_))
    ));
    assert!(report.bytes > 12 * BIG as u64, "{report:?}");
    assert!(replica.store.stats().journal_bytes < 1 << 20);
    assert_eq!(replica.store.stored_databases().unwrap(), [address("keep")]);
    let check = |store: &crate::Store| {
        let keep = store.database(&address("keep")).unwrap();
        assert!(keep.verify(|_| {}).unwrap().is_clean());
        assert_eq!(keep.open_log().unwrap().heads()[0].hash, kept);
        assert_eq!(store.block(&Hash::of(b"kept too")).unwrap().unwrap(), &b"kept too"[..]);
    };
    check(&replica.store);
    let Replica { place: dir, store, database, .. } = replica;
    drop((store, database, keep));
    check(&open(&dir));
    std::fs::remove_dir_all(dir.join("db")).unwrap();
    check(&open(&dir));
}

#[test]
fn a_database_that_is_removed_and_added_again_starts_afresh() {
    let mut replica = Replica::new();
    let first = replica.write((0..50).map(|n| put("key", &n.to_string())));
    replica.store.remove_database(&address("db")).unwrap();
    let database = replica.store.database(&address("db")).unwrap();
    assert!(database.open_log().unwrap().is_empty());
    assert_eq!(database.winner("key").unwrap(), None);
    assert!(!replica.store.has_block(&first[0]).unwrap());
    assert_eq!(replica.store.remove_database(&address("unknown")).unwrap(), Default::default());

    let log = database.open_log().unwrap();
    let Replica { place, store, database: stale, .. } = replica;
    drop(stale);
    let mut replica = Replica { place, store, database, log, memory: Default::default() }.reopen();
    replica.write([put("key", "again")]);
    replica.check();
    let replica = replica.reopen_after(|dir| std::fs::remove_dir_all(dir.join("db")).unwrap());
    replica.check();
}

#[test]
fn sweeping_moves_what_is_of_use_and_loses_nothing() {
    let mut replica = Replica::new();
    let other = replica.store.database(&address("other")).unwrap();
    let mut log = other.open_log().unwrap();
    let big = Operation::add("y".repeat(BIG).into());
    for _ in 0..24 {
        replica.write([put("key", "small"), put(&"long".repeat(400), "small")]);
        let staged = replica.append(put("staged", "small"));
        replica.database.stage(&[(staged.position.hash, staged.block.clone())]).unwrap();
        replica.commit(vec![staged]);
        let added = log.append(big.clone(), &super::writer(1)).unwrap();
        other.apply(log.commit(vec![added], &other).unwrap()).unwrap();
    }
    let full = replica.store.stats().journal_bytes;
    replica.store.remove_database(&address("other")).unwrap();
    let swept = replica.store.stats().journal_bytes;
    assert!(swept < full / 2, "{full} bytes, swept {swept}");
    replica.check();
    assert_eq!(replica.store.sweep().unwrap().files, 0);
    drop(other);
    let replica = replica.reopen();
    replica.check();
    replica.reopen_after(|dir| std::fs::remove_dir_all(dir.join("db")).unwrap()).check();
}

#[test]
fn blocks_can_be_read_while_a_sweep_moves_them() {
    let mut replica = Replica::new();
    let hashes = replica.write((0..200).map(|n| put(&format!("{n}"), "value")));
    let swept = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                while !swept.load(Ordering::Acquire) {
                    for hash in &hashes {
                        assert!(replica.database.entry_block(hash).unwrap().is_some());
                        assert!(replica.database.entry(hash).unwrap().is_some());
                    }
                    assert_eq!(replica.database.newest_first(None).count(), hashes.len());
                }
            })
        });
        for round in 0..8 {
            let name = format!("other {round}");
            let other = replica.store.database(&address(&name)).unwrap();
            let mut log = Log::empty(address(&name));
            let added = log.append(Operation::add("z".repeat(BIG).into()), &super::writer(1)).unwrap();
            other.apply(log.commit(vec![added], &other).unwrap()).unwrap();
            replica.store.remove_database(&address(&name)).unwrap();
        }
        swept.store(true, Ordering::Release);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert!(replica.store.stats().journal_bytes < 2 << 20);
    replica.check();
}

#[test]
fn an_interrupted_removal_is_finished() {
    let mut replica = Replica::new();
    let hashes = replica.write((0..50).map(|n| put(&format!("{n}"), "value")));
    let number = replica.database.number;
    let mut batch = Batch::default();
    batch.remove(keys::database(&address("db").manifest()));
    batch.put(keys::prefix(keys::REMOVED, number), []);
    replica.store.inner.tree.apply(batch).unwrap();
    let Replica { place: dir, store, database, .. } = replica;
    drop((store, database));

    let store = open(&dir);
    assert_eq!(store.stored_databases().unwrap(), []);
    assert!(hashes.iter().all(|hash| !store.has_block(hash).unwrap()));
    for kind in [keys::ORDER, keys::VIEW, keys::LIVE, keys::HEADS, keys::REMOVED] {
        assert_eq!(store.inner.tree.with_prefix(&keys::prefix(kind, number)).count(), 0);
    }
}
