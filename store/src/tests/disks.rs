//! Disks that fail, lie, run full and lose files.

use super::{address, block, put, sim_disk::SimDisk, writer};
use crate::{
    Corruption, Healed, OpenError, Poison, Store, StoreConfig, StoreError,
    disk::{Disk as _, RealDisk},
    environment::Environment,
    tree::MemoryEngine,
};
use oplog::{Hash, log::LogRead as _};
use rand::{SeedableRng as _, rngs::StdRng};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

/// A store on a disk in memory, that is opened and closed as one likes.
pub(super) struct Machine {
    pub(super) dir: TempDir,
    pub(super) disk: SimDisk,
    pub(super) index: MemoryEngine,
}

impl Machine {
    pub(super) fn new() -> Self {
        let (dir, disk) = (TempDir::new().unwrap(), SimDisk::default());
        Self { dir, disk, index: MemoryEngine::default() }
    }

    pub(super) fn try_open(&self) -> Result<Store, OpenError> {
        let environment = Environment {
            disk: Arc::new(self.disk.clone()),
            segment_bytes: 8 << 10,
            engine: Arc::new(self.index.clone()),
            ..Environment::machine()
        };
        Store::open_in(&environment, self.dir.path(), &StoreConfig::default())
    }

    pub(super) fn open(&self) -> Store {
        self.try_open().unwrap()
    }

    pub(super) fn file(&self, number: u32) -> PathBuf {
        self.dir.path().join(format!("journal/{number:08x}.journal"))
    }

    /// The power goes and comes back.
    pub(super) fn lose_power(&mut self) {
        self.disk = self.disk.after_power_cut(&mut StdRng::seed_from_u64(1));
    }
}

pub(super) fn append(store: &Store, name: &str, value: &str) -> Result<Hash, StoreError> {
    let database = store.database(&address(name))?;
    let mut log = database.open_log()?;
    let added = log.append(put("key", value), &writer(0)).unwrap();
    let hash = added.position.hash;
    database.apply(log.commit(vec![added], &database)?)?;
    Ok(hash)
}

pub(super) fn values(store: &Store, name: &str) -> usize {
    let database = store.database(&address(name)).unwrap();
    assert_eq!(database.verify(|_| {}).unwrap().examples, []);
    database.newest_first(None).count()
}

#[tokio::test]
async fn after_a_failed_flush_nothing_is_acknowledged_and_the_restart_writes_what_the_disk_may_not_have() {
    for index_lost in [false, true] {
        let mut machine = Machine::new();
        let store = machine.open();
        append(&store, "db", "before").unwrap();
        store.flushed().await.unwrap();
        // The system takes the pages for clean although the disk has not got them, and shows them from its cache.
        machine.disk.fail_sync(0);
        append(&store, "db", "failed").unwrap();
        let error = store.flushed().await.unwrap_err();
        assert!(matches!(error, StoreError::Poisoned(Poison::Sync(_))), "{error}");
        assert!(append(&store, "db", "refused").unwrap_err().is_poisoned());
        assert!(store.flushed().await.unwrap_err().is_poisoned());
        drop(store);

        let store = machine.open();
        let acknowledged = append(&store, "db", "after").unwrap();
        store.flushed().await.unwrap();
        assert_eq!(values(&store, "db"), 3);
        drop(store);
        machine.lose_power();
        if index_lost {
            machine.index = MemoryEngine::default();
        }
        let store = machine.open();
        assert!(store.database(&address("db")).unwrap().contains(&acknowledged).unwrap());
        assert_eq!(values(&store, "db"), 3, "index lost: {index_lost}");
    }
}

/// An index that knew of a write which a power cut took may be found again after the next cut, when what was written instead has
/// the same length.
#[tokio::test]
async fn an_index_that_knew_of_lost_writes_is_not_believed_later_either() {
    let mut machine = Machine::new();
    let store = machine.open();
    append(&store, "db", "before").unwrap();
    store.flushed().await.unwrap();
    let synced = machine.disk.bytes(&machine.file(0)).len();
    append(&store, "db", "lost").unwrap();
    let ahead = machine.index.snapshot();
    drop(store);
    machine.disk.edit(&machine.file(0), |bytes| bytes.truncate(synced));
    machine.index = ahead.snapshot();

    let store = machine.open();
    let acknowledged = [append(&store, "db", "kept").unwrap(), append(&store, "db", "too").unwrap()];
    store.flushed().await.unwrap();
    drop(store);
    machine.index = ahead;
    let store = machine.open();
    let database = store.database(&address("db")).unwrap();
    for hash in acknowledged {
        assert!(database.contains(&hash).unwrap(), "acknowledged, and lost");
    }
    assert_eq!(values(&store, "db"), 3);
}

#[tokio::test]
async fn a_failed_sync_at_the_end_of_a_file_stops_all_writing() {
    let machine = Machine::new();
    let store = machine.open();
    append(&store, "db", "before").unwrap();
    store.flushed().await.unwrap();
    append(&store, "db", &"x".repeat(6000)).unwrap();
    machine.disk.fail_sync(0);
    append(&store, "db", &"y".repeat(6000)).unwrap_err();
    assert!(append(&store, "db", "z").unwrap_err().is_poisoned());
    assert!(store.flushed().await.unwrap_err().is_poisoned());
}

#[tokio::test]
async fn a_journal_file_that_is_lost_or_emptied_keeps_the_store_from_opening() {
    for number in [0, 2] {
        for emptied in [false, true] {
            let machine = Machine::new();
            let store = machine.open();
            while store.inner.writes.lock().unwrap().journal.end().segment < 2 {
                append(&store, "db", &"x".repeat(3000)).unwrap();
            }
            append(&store, "db", "last").unwrap();
            store.flushed().await.unwrap();
            drop(store);
            let whole = machine.disk.bytes(&machine.file(number));
            if emptied {
                machine.disk.edit(&machine.file(number), Vec::clear);
            } else {
                machine.disk.lose(&machine.file(number));
            }
            let error = machine.try_open().unwrap_err();
            assert!(
                matches!(&error, OpenError::NoJournalFile { file } if *file == machine.file(number)),
                "{number} {emptied}: {error}"
            );
            // Put back, everything is there.
            machine.disk.put(&machine.file(number), &whole);
            let store = machine.open();
            assert!(store.damage().is_none());
            assert!(values(&store, "db") > 2);
        }
    }
}

#[tokio::test]
async fn a_lost_journal_file_is_told_of_without_an_index_too() {
    let mut machine = Machine::new();
    let store = machine.open();
    while store.inner.writes.lock().unwrap().journal.end().segment < 2 {
        append(&store, "db", &"x".repeat(3000)).unwrap();
    }
    drop(store);
    machine.disk.lose(&machine.file(1));
    machine.index = MemoryEngine::default();
    assert_eq!(machine.open().damage().files, 1);
}

#[tokio::test]
async fn a_journal_file_that_became_shorter_is_told_of() {
    let machine = Machine::new();
    let store = machine.open();
    while store.inner.writes.lock().unwrap().journal.end().segment < 1 {
        append(&store, "db", &"x".repeat(1000)).unwrap();
    }
    drop(store);
    machine.disk.edit(&machine.file(0), |bytes| bytes.truncate(bytes.len() / 2));
    assert_eq!(machine.open().damage().files, 1);
}

#[tokio::test]
async fn a_removed_database_stays_removed_though_sweeps_move_the_record_and_the_index_is_lost() {
    let mut machine = Machine::new();
    let store = machine.open();
    // The secret database stands in a file that is not swept, as others fill it.
    let secret = append(&store, "secret", "secret").unwrap();
    for _ in 0..3 {
        append(&store, "kept", &"x".repeat(1500)).unwrap();
    }
    for round in 0..6 {
        let passing = format!("passing {round}");
        append(&store, &passing, &"y".repeat(5000)).unwrap();
        if round == 1 {
            store.remove_database(&address("secret")).unwrap();
        }
        store.remove_database(&address(&passing)).unwrap();
    }
    assert!(machine.disk.paths().contains(&machine.file(0)), "the file with the secret is still there");
    assert!(!machine.disk.paths().contains(&machine.file(1)), "and later ones were swept");
    let again = append(&store, "secret", "again").unwrap();
    store.flushed().await.unwrap();
    drop(store);
    machine.index = MemoryEngine::default();
    let store = machine.open();
    assert!(!store.has_block(&secret).unwrap());
    assert!(store.has_block(&again).unwrap());
    assert_eq!(values(&store, "secret"), 1);
    assert_eq!(values(&store, "kept"), 3);
}

#[tokio::test]
async fn a_file_with_damage_is_not_swept_while_the_index_needs_it() {
    let machine = Machine::new();
    let store = machine.open();
    let kept = append(&store, "kept", "kept").unwrap();
    let place = store.indexed(&kept).unwrap().unwrap().location();
    append(&store, "passing", &"y".repeat(5000)).unwrap();
    append(&store, "kept", &"x".repeat(5000)).unwrap();
    store.flushed().await.unwrap();
    // The header of a frame whose payload is whole: the index reads it, a scan does not.
    let at = usize::try_from(place.at).unwrap() - 1;
    machine.disk.edit(&machine.file(0), |bytes| bytes[at] ^= 1);
    store.remove_database(&address("passing")).unwrap();
    assert_eq!(store.damage().parts, 1);
    assert!(store.block(&kept).unwrap().is_some());
}

#[tokio::test]
async fn a_write_that_finds_the_disk_full_is_taken_back() {
    let machine = Machine::new();
    let store = machine.open();
    append(&store, "db", "before").unwrap();
    machine.disk.set_room(Some(300));
    let error = append(&store, "db", "without room").unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    machine.disk.set_room(None);
    append(&store, "db", "after").unwrap();
    store.flushed().await.unwrap();
    assert_eq!(values(&store, "db"), 2);
    drop(store);
    assert_eq!(values(&machine.open(), "db"), 2);
}

/// A machine that stopped uncleanly, and how many entries it acknowledged: the index lags, and a frame at the journal's end is
/// not whole.
async fn stopped() -> (Machine, usize) {
    let mut machine = Machine::new();
    let store = machine.open();
    store.put_blocks(&[block("a manifest")]).unwrap();
    append(&store, "db", "known to the index").unwrap();
    let index = machine.index.snapshot();
    while store.inner.writes.lock().unwrap().journal.end().segment < 2 {
        append(&store, "db", &"x".repeat(3000)).unwrap();
    }
    store.put_blocks(&[block("an identity")]).unwrap();
    append(&store, "db", "last").unwrap();
    store.flushed().await.unwrap();
    let acknowledged = values(&store, "db");
    drop(store);
    machine.index = index;
    machine.disk.edit(&machine.file(2), |bytes| bytes.extend([7; 100]));
    (machine, acknowledged)
}

#[tokio::test]
async fn a_store_that_finds_no_room_when_it_is_opened_is_read_only_and_loses_nothing() {
    let (machine, acknowledged) = stopped().await;
    machine.disk.set_room(Some(0));
    let bytes = |path: PathBuf| (machine.disk.bytes(&path), path);
    let files = || machine.disk.paths().into_iter().map(bytes).collect::<Vec<_>>();
    let before = files();
    let store = machine.open();
    assert!(store.stats().read_only && !store.stats().poisoned);
    assert_eq!(values(&store, "db"), acknowledged);
    assert!(store.has_block(&Hash::of(b"an identity")).unwrap());
    assert_eq!(store.stored_databases().unwrap(), [address("db")]);
    store.put_blocks(&[block("a manifest")]).unwrap();
    for refused in [
        append(&store, "db", "more").map(drop),
        append(&store, "new", "more").map(drop),
        store.put_blocks(&[block("new")]),
        store.remove_database(&address("db")).map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly) && error.to_string().contains("make room"), "{error}");
    }
    store.flushed().await.unwrap();
    assert_eq!(values(&store, "db"), acknowledged);
    drop(store);
    assert_eq!(files(), before, "no file was changed");

    machine.disk.set_room(None);
    let store = machine.open();
    assert!(!store.stats().read_only);
    assert_eq!(values(&store, "db"), acknowledged);
    append(&store, "db", "more").unwrap();
    store.flushed().await.unwrap();
    drop(store);
    assert_eq!(values(&machine.open(), "db"), acknowledged + 1);
}

#[tokio::test]
async fn a_sector_that_the_disk_cannot_read_is_damage_and_is_healed() {
    let machine = Machine::new();
    let store = machine.open();
    let first = append(&store, "db", "first").unwrap();
    append(&store, "db", "second").unwrap();
    let block = store.block(&first).unwrap().unwrap();
    let location = store.indexed(&first).unwrap().unwrap().location();
    machine.disk.spoil(&machine.file(location.segment), location.at);

    let error = store.block(&first).unwrap_err();
    assert!(
        matches!(error, StoreError::Corrupt(Corruption::UnreadableBlock(hash)) if hash == first),
        "{error}"
    );
    let database = store.database(&address("db")).unwrap();
    assert_eq!(database.verify(|_| {}).unwrap().damaged, [first]);
    assert_eq!(store.damaged(), [first]);
    assert_eq!(store.heal(&first, &block).unwrap(), Healed::Rewritten);
    assert_eq!(store.block(&first).unwrap(), Some(block));
    assert_eq!((store.damaged(), values(&store, "db")), (vec![], 2));
}

#[tokio::test]
async fn an_index_that_could_not_follow_the_journal_to_its_end_follows_at_the_next_start() {
    let (mut machine, acknowledged) = stopped().await;
    let behind = machine.index.snapshot();
    for index in [behind, MemoryEngine::default()] {
        for read in 0.. {
            machine.index = index.snapshot();
            machine.disk.fail_read(read);
            let opened = machine.try_open();
            if !machine.disk.has_failed_read() {
                assert!(opened.is_ok() && read > 10);
                break;
            }
            drop(opened);
            let store = machine.open();
            assert_eq!(values(&store, "db"), acknowledged, "read {read} failed");
            assert!(store.has_block(&Hash::of(b"an identity")).unwrap(), "read {read} failed");
        }
    }
}

#[test]
fn a_new_directory_on_a_full_disk_is_refused() {
    let machine = Machine::new();
    machine.disk.set_room(Some(0));
    let error = machine.try_open().unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }) && error.is_disk_full(), "{error}");
}

/// What Linux refuses to sync tells that it was asked to.
#[test]
fn the_machine_s_disk_is_asked_to_sync_files_and_folders() {
    let is_refusal = |error: io::Error| error.kind() == io::ErrorKind::InvalidInput;
    let file = RealDisk.append_to(Path::new("/dev/null")).unwrap();
    assert!(file.sync().is_err_and(is_refusal));
    assert!(RealDisk.sync_folder(Path::new("/proc")).is_err_and(is_refusal));
}
