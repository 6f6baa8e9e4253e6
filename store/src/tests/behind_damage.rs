//! Entries behind a damaged one, on a node alone whose index is built anew: they were acknowledged, and wait for what is missing.

use super::{
    Replica, address,
    disks::{Machine, append, values},
    put,
    recovery::damage,
    writer,
};
use crate::{Store, conformance::Place as _, tree::MemoryEngine};
use bytes::Bytes;
use oplog::{
    Entry, Hash,
    log::{Added, Log},
    view::Operation,
};
use std::collections::BTreeSet;

const ENTRIES: usize = 30;

/// Which of the entries is damaged.
const DAMAGED: usize = 4;

fn filled() -> (Replica, Vec<Hash>) {
    let mut replica = Replica::new();
    let hashes =
        (0..ENTRIES).flat_map(|n| replica.write([put(&format!("{}", n % 7), &n.to_string())])).collect();
    (replica, hashes)
}

fn waiting(replica: &Replica) -> BTreeSet<Hash> {
    replica.database.staged_hashes().map(Result::unwrap).collect()
}

/// What the joiner does once it has the block that is missing.
fn join_what_waits(replica: &mut Replica, missing: &[Added], hashes: &[Hash]) {
    let mut added = missing.to_vec();
    for hash in hashes {
        let block = replica.database.staged(hash).unwrap().unwrap();
        added.push(read(block));
    }
    replica.log.join(&added);
    let commit = replica.log.commit(added, &replica.database).unwrap();
    replica.database.apply(commit).unwrap();
}

/// An entry as its block says.
fn read(block: Bytes) -> Added {
    Added::of(Entry::decode(&block).unwrap(), block)
}

#[test]
fn intact_entries_behind_damage_wait_for_what_is_missing_and_survive_sweeps() {
    let (replica, hashes) = filled();
    let missing = replica.memory.block(&hashes[DAMAGED]).unwrap().clone();
    assert_eq!(damage(&replica, DAMAGED), hashes[DAMAGED]);
    let behind: BTreeSet<Hash> = hashes[DAMAGED + 1..].iter().copied().collect();

    let mut replica = replica.reopen_without_index();
    assert_eq!(replica.log.len(), DAMAGED as u64);
    assert_eq!(waiting(&replica), behind);
    // Sweeps move them, and throw none of them away.
    for round in 0..4 {
        fill_and_remove(&replica.store, round);
        assert_eq!(waiting(&replica), behind, "sweep {round}");
        assert!(behind.iter().all(|hash| replica.database.staged(hash).unwrap().is_some()), "sweep {round}");
    }
    // So do restarts, with an index and without.
    for index_lost in [false, true] {
        replica = replica.reopen_after(|dir| {
            if index_lost {
                dir.lose_index().unwrap()
            }
        });
        assert_eq!(waiting(&replica), behind, "index lost: {index_lost}");
    }
    join_what_waits(&mut replica, &[read(missing)], &hashes[DAMAGED + 1..]);
    replica.check();
    assert_eq!((waiting(&replica), replica.store.stats().staged_bytes), (BTreeSet::new(), 0));
    replica.reopen_without_index().check();
}

/// Makes the file that is written mostly garbage, so that it is swept.
fn fill_and_remove(store: &Store, round: usize) {
    let name = format!("passing {round}");
    let database = store.database(&address(&name)).unwrap();
    let mut log = Log::empty(address(&name));
    let added = log.append(Operation::add("z".repeat(3 << 20).into()), &writer(1)).unwrap();
    database.apply(log.commit(vec![added], &database).unwrap()).unwrap();
    store.remove_database(&address(&name)).unwrap();
    assert!(store.stats().journal_bytes < 2 << 20, "it was swept");
}

#[test]
fn a_rebuild_of_one_database_has_them_wait_too() {
    let (replica, hashes) = filled();
    damage(&replica, DAMAGED);
    let report = replica.database.rebuild().unwrap();
    assert_eq!((report.entries, report.dropped, report.waiting), (4, 0, 25));
    assert_eq!(waiting(&replica), hashes[DAMAGED + 1..].iter().copied().collect());
    assert!(replica.database.verify(|_| {}).unwrap().is_clean());
    let bytes = hashes[DAMAGED + 1..].iter().map(|hash| replica.memory.block(hash).unwrap().len() as u64);
    assert_eq!(replica.store.stats().staged_bytes, bytes.sum::<u64>());
}

#[test]
fn what_was_fetched_and_committed_waits_and_what_was_not_is_fetched_again() {
    let (mut replica, hashes) = filled();
    // A long fetch: these were staged before they were committed, and one is staged and not committed yet.
    let fetched: Vec<Added> = (0..4).map(|n| replica.append(put("fetched", &n.to_string()))).collect();
    let staged: Vec<_> = fetched.iter().map(|added| (added.position.hash, added.block.clone())).collect();
    replica.database.stage(&staged).unwrap();
    replica.commit(fetched[..3].to_vec());
    damage(&replica, DAMAGED);

    let mut replica = replica.reopen_without_index();

    let mut behind: BTreeSet<Hash> = hashes[DAMAGED + 1..].iter().copied().collect();
    behind.extend(staged[..3].iter().map(|(hash, _)| *hash));
    assert_eq!(waiting(&replica), behind);
    // A sweep moves them, and the record that they were committed.
    for round in 0..2 {
        fill_and_remove(&replica.store, round);
        replica = replica.reopen_without_index();
        assert_eq!(waiting(&replica), behind, "sweep {round}");
    }
}

#[test]
fn a_removed_database_does_not_wait() {
    let (replica, hashes) = filled();
    damage(&replica, DAMAGED);
    let replica = replica.reopen_without_index();
    replica.store.remove_database(&address("db")).unwrap();
    let Replica { place, store, database, .. } = replica;
    drop((store, database));
    place.lose_index().unwrap();
    let store = place.open().unwrap();
    assert_eq!(store.stored_databases().unwrap(), []);
    let database = store.database(&address("db")).unwrap();
    assert_eq!(database.staged_hashes().count(), 0);
    assert!(hashes.iter().all(|hash| !store.has_block(hash).unwrap()));
}

#[test]
fn a_database_whose_registration_is_damaged_is_known_by_its_entries() {
    for index_lost in [true, false] {
        let machine = Machine::new();
        append(&machine.open(), "other", "value").unwrap();
        let behind = machine.index.snapshot();
        let store = machine.open();
        let registration = usize::try_from(store.inner.writes.lock().unwrap().journal.end().at).unwrap();
        for value in ["first", "second"] {
            append(&store, "db", value).unwrap();
        }
        append(&store, "removed", "value").unwrap();
        store.remove_database(&address("removed")).unwrap();
        drop(store);
        machine.disk.edit(&machine.file(0), |bytes| bytes[registration] ^= 1);
        let index = if index_lost { MemoryEngine::default() } else { behind };
        let store = Machine { index, ..machine }.open();
        assert_eq!(store.damage().parts, 1, "index lost: {index_lost}");
        let mut databases = store.stored_databases().unwrap();
        databases.sort_by_key(|it| *it != address("db"));
        assert_eq!(databases, [address("db"), address("other")], "index lost: {index_lost}");
        assert_eq!((values(&store, "db"), values(&store, "other")), (2, 1));
        assert!(
            store.database(&address("new")).unwrap().number > store.database(&address("db")).unwrap().number
        );
    }
}
