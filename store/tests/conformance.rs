//! The engines pass the conformance kit, alone and under a store. One that is to take sled's place is named here.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{cell::RefCell, fs, io, sync::Arc};
use store::{
    MemoryEngine, OpenEngine, OpenError, Sled, Store, StoreConfig,
    conformance::{Place, check_engine, check_store, with_seeds},
};
use tempfile::TempDir;

/// Runs of one test.
const RUNS: u64 = 16;

/// A directory, and what keeps its index there.
struct Directory<E> {
    dir: TempDir,
    engine: RefCell<E>,
}

impl<E: OpenEngine + Default> Directory<E> {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), engine: RefCell::default() }
    }
}

impl<E: OpenEngine + Clone + Default + 'static> Place for Directory<E> {
    fn open(&self) -> Result<Store, OpenError> {
        let engine = Arc::new(self.engine.borrow().clone());
        Store::open_with(self.dir.path(), &StoreConfig::default(), engine)
    }

    fn lose_index(&self) -> io::Result<()> {
        self.engine.replace(E::default());
        match fs::remove_dir_all(self.dir.path().join("db")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn check<E: OpenEngine + Clone + Default + 'static>() {
    with_seeds(RUNS, |seed| check_engine(&E::default(), &TempDir::new().unwrap().path().join("db"), seed));
    with_seeds(RUNS, |seed| check_store(Directory::<E>::new(), seed));
}

#[test]
fn sled_conforms() {
    check::<Sled>();
}

#[test]
fn the_engine_in_memory_conforms() {
    check::<MemoryEngine>();
}
