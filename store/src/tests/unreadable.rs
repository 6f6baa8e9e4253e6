//! Sectors that the disk cannot read while a store is opened: damage, and no reason not to start.

use super::{
    address,
    disks::{Machine, append, values},
    put,
    sim_disk::SimDisk,
    writer,
};
use crate::{
    Corruption, Healed, Store, StoreError,
    environment::Environment,
    journal::{Found, Frames, Kind, Offset},
    keys::Number,
    tree::MemoryEngine,
};
use bytes::Bytes;
use oplog::{
    Hash,
    log::{Added, LogRead as _},
};
use std::{path::Path, sync::Arc};

/// What is lost with a place that cannot be read.
const PAGE: u64 = 4096;

/// A store that was closed, with a chain of entries in one file.
fn closed(entries: usize) -> (Machine, Vec<Added>, Vec<Bytes>) {
    let machine = Machine::new();
    let store = machine.open();
    let database = store.database(&address("db")).unwrap();
    let mut log = database.open_log().unwrap();
    let chain: Vec<Added> = (0..entries)
        .map(|number| log.append(put("key", &format!("{number:-<9000}")), &writer(0)).unwrap())
        .collect();
    database.apply(log.commit(chain.clone(), &database).unwrap()).unwrap();
    let blocks = chain.iter().map(|added| added.block.clone()).collect();
    (machine, chain, blocks)
}

/// Pages of the second file that hold nothing but a part of one of the entries, which are too many for the first.
fn places(machine: &Machine, chain: &[Added]) -> Vec<u64> {
    let store = machine.open();
    let location = |added: &Added| store.indexed(&added.position.hash).unwrap().unwrap().location();
    assert!(chain.iter().all(|added| location(added).segment == 1));
    chain.iter().map(|added| location(added).at.next_multiple_of(PAGE)).collect()
}

fn length(store: &Store) -> usize {
    store.database(&address("db")).unwrap().newest_first(None).count()
}

#[test]
fn a_store_starts_and_the_index_still_names_what_cannot_be_read() {
    let (machine, chain, blocks) = closed(6);
    for (number, place) in places(&machine, &chain).into_iter().enumerate() {
        let hash = chain[number].position.hash;
        machine.disk.spoil(&machine.file(1), place);
        let store = machine.open();
        let database = store.database(&address("db")).unwrap();
        assert_eq!(database.verify(|_| {}).unwrap().damaged, [hash], "entry {number}");
        assert!(matches!(
            store.block(&hash).unwrap_err(),
            StoreError::Corrupt(Corruption::UnreadableBlock(_))
        ));
        assert_eq!(store.heal(&hash, &blocks[number]).unwrap(), Healed::Rewritten);
        assert_eq!(values(&store, "db"), 6);
        machine.disk.unspoil();
    }
}

#[test]
fn without_an_index_what_cannot_be_read_is_noted_and_what_stands_behind_it_is_read() {
    let (mut machine, chain, _) = closed(6);
    store_another(&machine);
    for (number, place) in places(&machine, &chain).into_iter().enumerate() {
        machine.disk.spoil(&machine.file(1), place);
        machine.index = MemoryEngine::default();
        let store = machine.open();
        assert_eq!(store.damage().parts, 1, "entry {number}");
        assert_eq!(length(&store), number, "entry {number}");
        assert_eq!(values(&store, "other"), 1);
        drop(store);
        machine.disk.unspoil();
        machine.index = MemoryEngine::default();
        assert_eq!(values(&machine.open(), "db"), 6, "nothing was changed");
    }
}

/// Puts something behind the entries.
fn store_another(machine: &Machine) {
    append(&machine.open(), "other", "value").unwrap();
}

#[test]
fn the_end_of_the_journal_is_not_cut_off_because_it_cannot_be_read() {
    let (mut machine, chain, _) = closed(3);
    let place = places(&machine, &chain)[2];
    let before = machine.disk.bytes(&machine.file(1));
    machine.disk.spoil(&machine.file(1), place);
    for opened in 0..3 {
        machine.index = MemoryEngine::default();
        let store = machine.open();
        assert_eq!((store.damage().parts, length(&store)), (1, 2));
        append(&store, "other", "written on").unwrap();
        assert_eq!(values(&store, "other"), opened + 1);
    }
    assert_eq!(machine.disk.bytes(&machine.file(1)), before);
    machine.disk.unspoil();
    machine.index = MemoryEngine::default();
    let store = machine.open();
    assert!(store.damage().is_none());
    assert_eq!((values(&store, "db"), values(&store, "other")), (3, 3));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_as_a_whole_is_not_replaced_by_a_copy_after_a_hard_stop() {
    let (mut machine, chain, _) = closed(3);
    let place = places(&machine, &chain)[0];
    machine.disk.edit(&machine.file(1), |bytes| bytes.extend([7; 100]));
    machine.disk.spoil(&machine.file(1), place);
    let before = machine.disk.bytes(&machine.file(1));
    let store = machine.open();
    assert_eq!(machine.disk.bytes(&machine.file(1)), before);
    let acknowledged = append(&store, "other", "written on").unwrap();
    store.flushed().await.unwrap();
    drop(store);
    machine.lose_power();
    assert!(machine.open().has_block(&acknowledged).unwrap());
}

#[test]
fn a_copy_of_a_file_s_beginning_that_cannot_be_read_has_another_beside_it() {
    for (unreadable, parts) in [(&[0][..], 0), (&[512], 0), (&[0, 512], 1)] {
        let (mut machine, _, _) = closed(3);
        for at in unreadable {
            machine.disk.spoil(&machine.file(0), *at);
        }
        machine.index = MemoryEngine::default();
        let store = machine.open();
        assert_eq!(store.damage().parts, parts, "{unreadable:?}");
        // The entries are in another file, and tell that they are registered.
        assert_eq!(length(&store), 3, "{unreadable:?}");
        append(&store, "other", "written on").unwrap();
        drop(store);
        assert_eq!(values(&machine.open(), "other"), 1);
    }
}

#[test]
fn wherever_a_long_file_cannot_be_read_all_other_frames_are() {
    let disk = SimDisk::default();
    let environment = Environment { disk: Arc::new(disk.clone()), ..Environment::machine() };
    let folder = Path::new("/journal");
    let mut journal = Found::at(folder, &environment)
        .unwrap()
        .continue_at(Offset::default(), Offset::default(), false)
        .unwrap();
    // More than is read at a time, and one payload that is.
    let sizes = (0..90).map(|number| if number == 40 { 400_000 } else { 10_000 });
    let mut ends = Vec::new();
    for (number, size) in sizes.enumerate() {
        let payload = vec![u8::try_from(number + 1).unwrap(); size];
        let mut frames = Frames::default();
        frames.add(Kind::Entry, Number(1), &Hash::of(&payload), &payload);
        journal.append(frames).unwrap();
        ends.push(journal.end().at);
    }
    let path = folder.join("00000000.journal");
    let end = *ends.last().unwrap();
    for place in (1024..end).step_by(9973) {
        disk.unspoil();
        disk.spoil(&path, place);
        let found = Found::at(folder, &environment).unwrap();
        let read: Vec<u8> =
            found.scan(Offset::default()).unwrap().map(|frame| frame.unwrap().1.payload[0]).collect();
        // The page around the place is lost, and the frames that have a part in it.
        let page = (place / PAGE * PAGE, place / PAGE * PAGE + PAGE);
        let is_lost = |number: usize| {
            let start = number.checked_sub(1).map_or(1024, |before| ends[before]);
            start < page.1 && ends[number] > page.0
        };
        let expected: Vec<u8> =
            (0..90).filter(|it| !is_lost(*it)).map(|number| u8::try_from(number + 1).unwrap()).collect();
        assert_eq!(read, expected, "{place}");
        assert_eq!(found.segments().damaged().total().parts, 1, "{place}");
    }
}
