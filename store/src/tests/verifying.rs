//! Verification: beside writers it finds nothing that is not there, and what is there it finds.

use super::{Replica, address, identity, put, writer};
use crate::Difference;
use bytes::Bytes;
use oplog::{
    Entry, Hash, Value, cbor,
    log::{Added, Log, LogRead as _},
    view::Operation,
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

fn with_identity() -> Replica {
    let replica = Replica::new();
    let block = identity(0).encode();
    replica.store.put_blocks(&[(Hash::of(&block), block)]).unwrap();
    replica
}

#[test]
fn a_verification_finds_nothing_wrong_while_entries_are_written_healed_and_moved() {
    const COMMITS: usize = 300;
    let mut replica = with_identity();
    replica.write((0..50).map(|n| put(&format!("{}", n % 7), &n.to_string())));
    let (store, database) = (replica.store.clone(), replica.database.clone());
    let written = AtomicBool::new(false);
    let runs = thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..COMMITS {
                let key = format!("{}", n % 5);
                let last = if n % 3 == 0 { Operation::del(key.clone()) } else { put(&key, "again") };
                replica.write([put(&key, &n.to_string()), put(&"long".repeat(400), &n.to_string()), last]);
            }
            written.store(true, Ordering::Release);
        });
        // Blocks move, too: what fills half of a file is removed.
        scope.spawn(|| {
            for round in 0.. {
                if written.load(Ordering::Acquire) {
                    return;
                }
                let name = format!("passing {round}");
                let passing = store.database(&address(&name)).unwrap();
                let big = Operation::add("z".repeat(2 << 20).into());
                let mut log = Log::empty(address(&name));
                let added = log.append(big, &writer(1)).unwrap();
                passing.apply(log.commit(vec![added], &passing).unwrap()).unwrap();
                store.remove_database(&address(&name)).unwrap();
            }
        });
        let mut runs = 0;
        while !written.load(Ordering::Acquire) {
            let report = database.verify_signatures(|_| {}).unwrap();
            assert_eq!(report.examples, [], "run {runs}");
            runs += 1;
        }
        runs
    });
    assert!(runs > 1, "{runs} verifications beside {COMMITS} commits");
    assert_eq!(replica.database.verify_signatures(|_| {}).unwrap().entries, 50 + 3 * COMMITS as u64);
    replica.check();
}

/// The entry with the signature of another one: its block has the hash that names it, and nobody signed it.
fn forged(entry: &Added, other: &Added) -> Added {
    let field = |added: &Added| cbor::decode(&added.block).unwrap();
    let (Value::Map(mut map), other) = (field(entry), field(other)) else { panic!("no map") };
    map.insert("sig", other.get("sig").unwrap().clone());
    let block = Bytes::from(cbor::encode(&Value::Map(map)));
    Added::of(Entry::decode(&block).unwrap(), block)
}

#[test]
fn a_stored_entry_with_a_wrong_signature_is_found() {
    let mut replica = with_identity();
    replica.write((0..5).map(|n| put("key", &n.to_string())));
    let [next, other] =
        ["next", "other"].map(|value| replica.log.clone().append(put("key", value), &writer(0)).unwrap());
    let forged = forged(&next, &other);
    replica.log.join([&forged]);
    let commit = replica.log.commit(vec![forged.clone()], &replica.database).unwrap();
    replica.database.apply(commit).unwrap();

    let found = |replica: &Replica| {
        // Without signatures all is well: the block is the one that its hash names.
        assert!(replica.database.verify(|_| {}).unwrap().is_clean());
        replica.database.verify_signatures(|_| {}).unwrap()
    };
    let report = found(&replica);
    assert_eq!(report.examples, [Difference::Signature(forged.position.hash)]);
    assert_eq!((report.entries, report.damaged), (6, vec![]), "no block is lost");
    // So it is when the index was built from the journal.
    let replica = replica.reopen_after(|dir| std::fs::remove_dir_all(dir.join("db")).unwrap());
    assert!(replica.database.contains(&forged.position.hash).unwrap());
    assert_eq!(found(&replica).examples, [Difference::Signature(forged.position.hash)]);
}
