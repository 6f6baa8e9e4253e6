//! Damage to the very last frame of the journal, which was acknowledged: it is told from the unfinished end of a write.

use super::{
    address, block,
    disks::{Machine, append, values},
    sim_disk::SimDisk,
};
use crate::{Healed, StoreError, tree::MemoryEngine};
use bytes::Bytes;
use oplog::Hash;

/// What is left of a store whose last acknowledged write was this block, and where its frame begins.
struct Left {
    disk: SimDisk,
    index: MemoryEngine,
    frame: std::ops::Range<usize>,
}

/// A store that ended, closed or killed, after a block was acknowledged.
async fn left(machine: &Machine, closed: bool, hash: &Hash, content: &Bytes) -> Left {
    let store = machine.open();
    append(&store, "db", "before").unwrap();
    store.put_blocks(&[(*hash, content.clone())]).unwrap();
    store.flushed().await.unwrap();
    let at = usize::try_from(store.indexed(hash).unwrap().unwrap().location().at).unwrap();
    let frame = at - 32..at + content.len();
    let store = Some(store).filter(|_| !closed);
    let left = Left { disk: machine.disk.copy(), index: machine.index.snapshot(), frame };
    drop(store);
    left
}

#[tokio::test]
async fn a_flipped_bit_of_the_last_acknowledged_frame_is_damage_and_nothing_is_cut_off() {
    let (hash, content) = block("an identity of some length");
    for closed in [true, false] {
        let mut machine = Machine::new();
        let Left { disk, index, frame } = left(&machine, closed, &hash, &content).await;
        let length = disk.bytes(&machine.file(0)).len();
        for index_lost in [false, true] {
            for bit in frame.start * 8..frame.end * 8 {
                let what = format!("closed: {closed}, index lost: {index_lost}, bit {bit}");
                machine.disk = disk.copy();
                machine.disk.edit(&machine.file(0), |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
                machine.index = if index_lost { MemoryEngine::default() } else { index.snapshot() };
                let store = machine.open();
                assert!(machine.disk.bytes(&machine.file(0)).len() >= length, "{what}: cut off");
                match store.block(&hash) {
                    Ok(Some(read)) => assert_eq!(read, content, "{what}"),
                    Ok(None) => assert!(index_lost && store.damage().parts == 1, "{what}: not shown"),
                    Err(StoreError::Corrupt(_)) => {
                        assert_eq!(store.damaged(), [hash], "{what}");
                        assert_eq!(store.heal(&hash, &content).unwrap(), Healed::Rewritten, "{what}");
                    }
                    Err(error) => panic!("{what}: {error}"),
                }
                store.put_blocks(&[(hash, content.clone())]).unwrap();
                assert_eq!(store.block(&hash).unwrap(), Some(content.clone()), "{what}");
                assert_eq!(values(&store, "db"), 1, "{what}");
            }
        }
    }
}

/// The index knows the entry, so it stays part of the log and is asked of peers by its hash.
#[tokio::test]
async fn a_damaged_last_entry_stays_a_head_and_is_healed() {
    for closed in [true, false] {
        let mut machine = Machine::new();
        let store = machine.open();
        append(&store, "db", "before").unwrap();
        let last = append(&store, "db", "last").unwrap();
        store.flushed().await.unwrap();
        let whole = store.block(&last).unwrap().unwrap();
        let place = store.indexed(&last).unwrap().unwrap().location();
        let store = Some(store).filter(|_| !closed);
        let left = (machine.disk.copy(), machine.index.snapshot());
        drop(store);
        (machine.disk, machine.index) = left;
        let at = usize::try_from(place.at).unwrap() + whole.len() / 2;
        machine.disk.edit(&machine.file(0), |bytes| bytes[at] ^= 1);

        let store = machine.open();
        let log = store.database(&address("db")).unwrap().open_log().unwrap();
        assert_eq!((log.len(), store.damaged()), (2, vec![last]), "closed: {closed}");
        assert_eq!(store.heal(&last, &whole).unwrap(), Healed::Rewritten);
        assert_eq!(values(&store, "db"), 2);
        drop(store);
        assert_eq!(values(&machine.open(), "db"), 2);
    }
}

#[tokio::test]
async fn the_unfinished_end_of_a_write_is_still_cut_off() {
    let mut machine = Machine::new();
    let store = machine.open();
    append(&store, "db", "acknowledged").unwrap();
    store.flushed().await.unwrap();
    let (index, length) = (machine.index.snapshot(), machine.disk.bytes(&machine.file(0)).len());
    append(&store, "db", "unfinished").unwrap();
    let last = store.database(&address("db")).unwrap().open_log().unwrap().heads()[0].hash;
    let place = store.indexed(&last).unwrap().unwrap().location();
    let disk = machine.disk.copy();
    drop(store);
    for end in (length..usize::try_from(place.at).unwrap() + place.length as usize).step_by(7) {
        (machine.disk, machine.index) = (disk.copy(), index.snapshot());
        machine.disk.edit(&machine.file(0), |bytes| bytes.truncate(end));
        let store = machine.open();
        assert_eq!(values(&store, "db"), 1, "cut at {end}");
        assert!(store.damage().is_none() && store.damaged().is_empty(), "cut at {end}");
    }
}

/// Marks take their place only where nothing else is written.
#[tokio::test]
async fn an_end_is_marked_once() {
    let machine = Machine::new();
    let store = machine.open();
    append(&store, "db", "one").unwrap();
    store.flushed().await.unwrap();
    let length = || machine.disk.bytes(&machine.file(0)).len();
    let marked = length();
    store.flushed().await.unwrap();
    assert_eq!(length(), marked);
    drop(store);
    assert_eq!(length(), marked, "closing finds it marked");
    for _ in 0..3 {
        drop(machine.open());
    }
    assert!(length() <= marked + 3 * 32);
}
