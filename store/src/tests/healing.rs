//! Damage that is found, listed and healed.

use super::{Replica, put, recovery::damage};
use crate::{Healed, StoreError};
use bytes::Bytes;
use oplog::{Hash, log::LogRead as _};

fn filled() -> Replica {
    let mut replica = Replica::new();
    for n in 0..40 {
        replica.write([put(&format!("{}", n % 7), &n.to_string())]);
    }
    replica
}

#[test]
fn a_damaged_block_is_listed_until_it_is_healed() {
    let replica = filled();
    let hash = damage(&replica, 20);
    let count = replica.store.damaged_count();
    assert_eq!(replica.store.damaged(), [], "nobody has read it");
    assert!(replica.database.entry(&hash).is_err());
    assert_eq!((replica.store.damaged(), replica.database.damaged()), (vec![hash], vec![hash]));
    assert_eq!(*count.borrow(), 1);

    let whole = replica.memory.block(&hash).unwrap().clone();
    let other = replica.store.heal(&hash, &Bytes::from_static(b"another block"));
    assert!(matches!(other, Err(StoreError::Corrupt(_))), "{other:?}");
    assert_eq!(replica.store.heal(&hash, &whole).unwrap(), Healed::Rewritten);
    assert_eq!(replica.store.heal(&hash, &whole).unwrap(), Healed::Whole);
    assert_eq!(replica.store.heal(&Hash::of(b"new"), &Bytes::from_static(b"new")).unwrap(), Healed::Unknown);
    assert_eq!((replica.store.damaged(), replica.store.healed()), (vec![], 1));
    replica.check();
    replica.reopen().check();
}

#[test]
fn healed_blocks_survive_the_loss_of_the_index() {
    let replica = filled();
    for place in [0, 7, 8, 39] {
        let hash = damage(&replica, place);
        replica.store.heal(&hash, replica.memory.block(&hash).unwrap()).unwrap();
    }
    let replica = replica.reopen_after(|dir| std::fs::remove_dir_all(dir.join("db")).unwrap());
    replica.check();
}

#[test]
fn blocks_that_are_no_entries_are_healed_by_whoever_puts_them_again() {
    let replica = Replica::new();
    let block = Bytes::from_static(b"an identity, as far as the store knows");
    let hash = Hash::of(&block);
    replica.store.put_blocks(&[(hash, block.clone())]).unwrap();
    super::recovery::damage_block(&replica, &hash);
    assert!(replica.store.block(&hash).is_err());
    replica.store.put_blocks(&[(hash, block.clone())]).unwrap();
    assert_eq!(replica.store.block(&hash).unwrap(), Some(block));
    assert_eq!(replica.store.damaged(), []);
}

#[test]
fn a_scrub_finds_each_damaged_block_once() {
    let replica = filled();
    let hashes = [damage(&replica, 3), damage(&replica, 33)];
    let (mut blocks, mut damaged) = (0, 0);
    let quarter = u64::MAX / 4;
    for (from, to) in [(0, quarter), (quarter + 1, 3 * quarter), (3 * quarter + 1, u64::MAX)] {
        let report = replica.store.scrub(from, to).unwrap();
        blocks += report.blocks;
        damaged += report.damaged;
    }
    assert_eq!((blocks, damaged), (40, 2));
    let mut listed = replica.store.damaged();
    listed.sort_by_key(|hash| *hash != hashes[0]);
    assert_eq!(listed, hashes);
}

#[test]
fn a_damaged_head_stays_a_head() {
    let replica = filled();
    replica.store.put_blocks(&[super::block("after it")]).unwrap();
    let head = damage(&replica, 39);
    let replica = replica.reopen();
    assert_eq!(replica.log.heads()[0].hash, head);
    assert_eq!(replica.log.len(), 40);
    assert_eq!(replica.database.damaged(), [head]);
}
