//! Power cuts by the thousand, on a disk in memory.
//!
//! Each run is several lives of a store. In each it writes, removes, sweeps and acknowledges until the power goes, at any operation
//! of the disk; then the disk has what it promised and of the rest what chance left, and the index is as it was, as it was some
//! time before, or lost. `PAPERCLIP_SEED` repeats a run.

use super::{address, block, put, sim_disk::SimDisk, writer};
use crate::{
    DatabaseStore, Store, StoreConfig, StoreError, conformance::with_seeds, environment::Environment,
    tree::MemoryEngine,
};
use oplog::{Hash, log::LogRead as _};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Runs of one test; each has several power cuts.
const RUNS: u64 = 84;

/// Power cuts of one run.
const CUTS: usize = 3;

/// What chance may leave after a cut is tried so often.
const OUTCOMES: usize = 4;

/// Small files, so that new ones are begun and old ones swept.
const SEGMENT_BYTES: u64 = 8 << 10;

/// The entries of a database.
#[derive(Debug, Default, Clone)]
struct Entries {
    /// Have to be there.
    acknowledged: BTreeSet<Hash>,
    /// May be there.
    written: BTreeSet<Hash>,
    /// Were written before a power cut and not acknowledged: on disk, staged and not committed, or gone.
    doubtful: BTreeSet<Hash>,
}

/// Blocks that are no entries: databases share them, and no removal takes them away.
#[derive(Debug, Default, Clone)]
struct Blocks {
    acknowledged: BTreeSet<Hash>,
    written: BTreeSet<Hash>,
}

/// What must be there, and what may be there.
#[derive(Debug, Default, Clone)]
struct Promised {
    entries: BTreeMap<String, Entries>,
    /// Blocks that are no entries.
    blocks: Blocks,
    /// Entries of databases whose removal was acknowledged.
    removed: BTreeSet<Hash>,
    /// Databases whose removal was written and not acknowledged, with their entries.
    removing: BTreeMap<String, BTreeSet<Hash>>,
}

impl Promised {
    /// Everything that was written is acknowledged.
    fn acknowledge(&mut self) {
        for Entries { acknowledged, written, .. } in self.entries.values_mut() {
            acknowledged.append(written);
        }
        self.blocks.acknowledged.append(&mut self.blocks.written);
        self.removed.extend(std::mem::take(&mut self.removing).into_values().flatten());
    }

    /// After a power cut.
    fn check(&mut self, store: &Store) {
        for (name, Entries { acknowledged, written, doubtful }) in &mut self.entries {
            let database = store.database(&address(name)).unwrap();
            for hash in acknowledged.iter() {
                assert!(database.contains(hash).unwrap(), "{name}: acknowledged, and lost: {hash}");
            }
            let found: BTreeSet<Hash> = hashes(&database);
            doubtful.append(written);
            assert!(
                found.difference(acknowledged).all(|hash| doubtful.contains(hash)),
                "{name}: nobody wrote that"
            );
            let report = database.verify(|_| {}).unwrap();
            assert_eq!(report.examples, [], "{name}");
        }
        self.blocks.written.clear();
        for hash in &self.blocks.acknowledged {
            assert!(store.block(hash).unwrap().is_some(), "acknowledged, and lost: {hash}");
        }
        for (name, entries) in std::mem::take(&mut self.removing) {
            if store.stored_databases().unwrap().contains(&address(&name)) {
                // Not removed, after all.
                store.remove_database(&address(&name)).unwrap();
                self.removing.insert(name, entries);
            } else {
                self.removed.extend(entries);
            }
        }
        for hash in &self.removed {
            assert!(!store.has_block(hash).unwrap(), "removed, and there again: {hash}");
        }
        assert_eq!(store.damage().files, 0, "a power cut takes no file away");
    }
}

fn hashes(database: &DatabaseStore) -> BTreeSet<Hash> {
    database.newest_first(None).map(|position| position.unwrap().hash).collect()
}

/// A store that lives several times.
struct Machine {
    dir: TempDir,
    disk: SimDisk,
    index: MemoryEngine,
    /// The index at some moments before.
    earlier: Vec<MemoryEngine>,
    random: StdRng,
    runtime: Runtime,
    promised: Promised,
    names: u32,
}

impl Machine {
    fn new(seed: u64) -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            disk: SimDisk::default(),
            index: MemoryEngine::default(),
            earlier: Vec::new(),
            random: StdRng::seed_from_u64(seed),
            runtime: Builder::new_current_thread().enable_time().build().unwrap(),
            promised: Promised::default(),
            names: 0,
        }
    }

    fn open(&self) -> Store {
        let environment = Environment {
            disk: Arc::new(self.disk.clone()),
            segment_bytes: SEGMENT_BYTES,
            engine: Arc::new(self.index.clone()),
            ..Environment::machine()
        };
        Store::open_in(&environment, self.dir.path(), &StoreConfig::default()).unwrap()
    }

    /// Writes until the disk does not answer any more.
    fn live(&mut self, store: &Store) -> Result<(), StoreError> {
        loop {
            match self.random.random_range(0..20) {
                0 => self.remove(store)?,
                1 => store.sweep().map(drop)?,
                2 => {
                    let (hash, block) = block(self.random.random::<u64>().to_be_bytes());
                    self.promised.blocks.written.insert(hash);
                    store.put_blocks(&[(hash, block)])?;
                }
                3..7 => self.append(store, "kept", true)?,
                7..10 => self.append(store, "also kept", false)?,
                10 => self.earlier.push(self.index.snapshot()),
                _ => {
                    let name = format!("passing {}", self.names);
                    self.append(store, &name, false)?;
                }
            }
            if self.random.random_bool(0.4) {
                self.runtime.block_on(async { store.flushed().await })?;
                self.promised.acknowledge();
            }
        }
    }

    fn append(&mut self, store: &Store, name: &str, staged: bool) -> Result<(), StoreError> {
        let database = store.database(&address(name))?;
        let mut log = database.open_log()?;
        let amount = self.random.random_range(1..4);
        let size = if self.random.random_bool(0.1) { 6000 } else { self.random.random_range(0..400) };
        let added: Vec<_> = (0..amount)
            .map(|_| {
                log.append(put(&format!("{}", self.random.random_range(0..9)), &"v".repeat(size)), &writer(0))
                    .unwrap()
            })
            .collect();
        let written = added.iter().map(|added| added.position.hash);
        self.promised.entries.entry(name.to_owned()).or_default().written.extend(written);
        if staged && self.random.random_bool(0.5) {
            let blocks: Vec<_> =
                added.iter().map(|added| (added.position.hash, added.block.clone())).collect();
            database.stage(&blocks)?;
        }
        database.apply(log.commit(added, &database)?)
    }

    /// Removes the database that is written and removed, if there is one, and has the next one begin.
    fn remove(&mut self, store: &Store) -> Result<(), StoreError> {
        let name = format!("passing {}", self.names);
        if let Some(Entries { acknowledged, written, doubtful }) = self.promised.entries.remove(&name) {
            self.names += 1;
            let entries = [acknowledged, written, doubtful].into_iter().flatten().collect();
            self.promised.removing.insert(name.clone(), entries);
            store.remove_database(&address(&name))?;
        }
        Ok(())
    }

    /// What may be found when the power is back: the disk, the index, and as what the index may be found after another cut.
    fn outcome(&mut self) -> (SimDisk, MemoryEngine, Vec<MemoryEngine>) {
        let mut earlier = self.earlier.clone();
        let index = match self.random.random_range(0..4) {
            0 => {
                earlier.clear();
                MemoryEngine::default()
            }
            1 if !earlier.is_empty() => {
                earlier.truncate(self.random.random_range(0..earlier.len()) + 1);
                earlier[earlier.len() - 1].snapshot()
            }
            _ => self.index.snapshot(),
        };
        // What opening makes of it may be lost as well.
        earlier.push(index.snapshot());
        (self.disk.after_power_cut(&mut self.random), index, earlier)
    }
}

fn run(seed: u64) {
    let mut machine = Machine::new(seed);
    let mut store = machine.open();
    for _ in 0..CUTS {
        machine.disk.cut_power_at(machine.disk.operations() + machine.random.random_range(1..60));
        machine.live(&store).unwrap_err();
        let outcomes: Vec<_> = (0..OUTCOMES).map(|_| machine.outcome()).collect();
        let promised = machine.promised.clone();
        for (disk, index, earlier) in outcomes {
            drop(store);
            (machine.disk, machine.index, machine.promised) = (disk, index, promised.clone());
            machine.earlier = earlier;
            store = machine.open();
            machine.promised.check(&store);
        }
    }
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_at_any_moment() {
    with_seeds(RUNS, run);
}
