//! The power goes during a migration from format 1, at every operation of the disk, and a disk that cannot read a sector of what is
//! to be migrated. `PAPERCLIP_SEED` repeats what chance left.

use super::{
    address,
    migrating::{ENTRY, REGISTERED, REMOVED, chain, check_fixture, fixture, frame, index_of, third_frame},
    sim_disk::SimDisk,
};
use crate::{
    OpenError, Store, StoreConfig,
    conformance::with_seeds,
    environment::Environment,
    tree::{MemoryEngine, Tree},
};
use oplog::{Hash, log::LogRead as _};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::{fs, path::PathBuf, sync::Arc};
use tempfile::TempDir;

/// What chance may leave after a cut is tried so often.
const OUTCOMES: usize = 4;

/// A store of format 1 on a disk in memory.
struct Old {
    dir: TempDir,
    disk: SimDisk,
    index: MemoryEngine,
}

impl Old {
    /// With the journal's files, and the index in the form of the fixture.
    fn new(journal: &[Vec<u8>], index: Option<&str>) -> Self {
        let old =
            Self { dir: TempDir::new().unwrap(), disk: SimDisk::default(), index: MemoryEngine::default() };
        old.disk.put(&old.dir.path().join("format"), b"paperclip store 1\n");
        for (number, bytes) in journal.iter().enumerate() {
            old.disk.put(&old.file(number), bytes);
        }
        if let Some(lines) = index {
            Tree::open(&old.index, old.dir.path(), 0).unwrap().apply(index_of(lines)).unwrap();
        }
        old
    }

    fn of_fixture() -> Self {
        let index = fs::read_to_string(fixture("keys.txt")).unwrap();
        Self::new(&[fs::read(fixture("journal.log")).unwrap()], Some(&index))
    }

    fn file(&self, number: usize) -> PathBuf {
        self.dir.path().join(format!("journal/{number:08x}.log"))
    }

    fn open(&self, disk: &SimDisk, index: &MemoryEngine) -> Result<Store, OpenError> {
        let environment = Environment {
            disk: Arc::new(disk.clone()),
            segment_bytes: 1 << 20,
            engine: Arc::new(index.clone()),
            ..Environment::machine()
        };
        Store::open_in(&environment, self.dir.path(), &StoreConfig::default())
    }

    /// Migrates, with a power cut at every operation, and another one while the next start goes on.
    fn cut_everywhere(&self, random: &mut StdRng, check: impl Fn(&Store)) {
        let operations = {
            let disk = self.disk.after_power_cut(random);
            drop(self.open(&disk, &self.index.snapshot()).unwrap());
            disk.operations()
        };
        assert!(operations > 10, "{operations} operations");
        for cut in 1..=operations {
            for _ in 0..OUTCOMES {
                let mut disk = self.disk.after_power_cut(random);
                let mut index = self.index.snapshot();
                for last in [cut, random.random_range(1..=operations)] {
                    let before = index.snapshot();
                    disk.cut_power_at(last);
                    drop(self.open(&disk, &index));
                    disk = disk.after_power_cut(random);
                    // Whether the old index has been removed or not, and whether the new one is on disk.
                    index = match random.random_range(0..3) {
                        0 if !self.is_old(&disk) => MemoryEngine::default(),
                        1 if self.is_old(&disk) => before,
                        _ => index.snapshot(),
                    };
                }
                for _ in 0..2 {
                    check(&self.open(&disk, &index).unwrap());
                    assert!(!self.is_old(&disk), "cut at {cut}: an old file is left");
                }
                check(&self.open(&disk, &MemoryEngine::default()).unwrap());
            }
        }
    }

    /// Whether there are files of format 1.
    fn is_old(&self, disk: &SimDisk) -> bool {
        disk.paths().iter().any(|path| path.extension().is_some_and(|it| it == "log"))
    }
}

/// Runs a test with a seed, which is printed if it fails.
fn with_seed(test: impl Fn(&mut StdRng)) {
    with_seeds(1, |seed| test(&mut StdRng::seed_from_u64(seed)));
}

#[test]
fn a_power_cut_at_any_operation_of_a_migration_loses_nothing() {
    with_seed(|random| Old::of_fixture().cut_everywhere(random, check_fixture));
}

#[test]
fn nor_does_it_lose_what_only_the_old_index_names() {
    let mut journal = fs::read(fixture("journal.log")).unwrap();
    let third = third_frame(&journal);
    journal[third + 5] ^= 1;
    let index = fs::read_to_string(fixture("keys.txt")).unwrap();
    let old = Old::new(&[journal], Some(&index));
    // As many as there are after a migration without a cut.
    let entries = {
        let store = old.open(&old.disk.after_power_cut(&mut StdRng::seed_from_u64(1)), &old.index.snapshot());
        store.unwrap().database(&address("db")).unwrap().len().unwrap()
    };
    assert!(entries >= 5);
    with_seed(|random| {
        old.cut_everywhere(random, |store| {
            let database = store.database(&address("db")).unwrap();
            assert_eq!(database.len().unwrap(), entries);
            assert_eq!(database.verify(|_| {}).unwrap().examples, []);
        });
    });
}

#[test]
fn nor_does_it_bring_removed_databases_back_or_invent_entries() {
    let record = |code, name: &str| frame(code, &[&address(name).manifest().digest()[..], &[0]].concat());
    let secret = chain("secret", ["secret".to_owned()]).remove(0);
    // So much that the new journal is written in several pieces, and in several files.
    let kept = chain("kept", (0..5).map(|number| number.to_string().repeat(400_000)));
    let mut files = vec![[record(REGISTERED, "secret"), frame(ENTRY, &secret.block)].concat()];
    files[0].extend(record(REGISTERED, "kept"));
    files[0].extend(kept[..2].iter().flat_map(|added| frame(ENTRY, &added.block)));
    files.push(kept[2..].iter().flat_map(|added| frame(ENTRY, &added.block)).collect());
    files[1].extend(frame(REMOVED, address("secret").manifest().digest()));
    let expected: Vec<Hash> = kept.iter().map(|added| added.position.hash).collect();
    let old = Old::new(&files, None);
    with_seed(|random| {
        old.cut_everywhere(random, |store| {
            assert_eq!(store.stored_databases().unwrap(), [address("kept")]);
            let database = store.database(&address("kept")).unwrap();
            let found: Vec<Hash> =
                database.oldest_first(None).map(|position| position.unwrap().hash).collect();
            assert_eq!(found, expected);
            assert!(!store.has_block(&secret.position.hash).unwrap());
        });
    });
}

#[test]
fn what_cannot_be_read_of_format_1_is_damage() {
    let old = Old::of_fixture();
    let journal = old.disk.bytes(&old.file(0));
    for place in (0..journal.len()).step_by(97) {
        let disk = old.disk.after_power_cut(&mut StdRng::seed_from_u64(1));
        disk.spoil(&old.file(0), place as u64);
        let store = old.open(&disk, &old.index.snapshot()).unwrap();
        assert_eq!(store.stored_databases().unwrap(), [address("db")], "{place}");
        let database = store.database(&address("db")).unwrap();
        assert_eq!(database.verify(|_| {}).unwrap().examples, [], "{place}");
    }
}
