//! What a user of the store would notice.

mod behind_damage;
mod disks;
mod flushing;
mod format;
mod full_disk;
mod healing;
mod hostile;
mod last_frame;
mod migrating;
mod migrating_cut;
mod opening;
mod power;
mod recovery;
mod secondary;
mod sim_disk;
mod space;
mod staging;
mod unreadable;
mod verifying;

use super::{
    OpenError, Store, StoreConfig,
    conformance::{self, Place, identity, writer},
    environment::Environment,
};
use bytes::Bytes;
use oplog::{Address, Hash, Value, view::Operation};
use std::{cell::RefCell, fs, io, ops::Deref, path::Path, sync::RwLock};
use tempfile::TempDir;

/// Held while a test starts a process.
pub(crate) static STARTING: RwLock<()> = RwLock::new(());

fn address(name: &str) -> Address {
    Hash::of(name.as_bytes()).into()
}

fn open(dir: &Path) -> Store {
    Store::open(dir, &StoreConfig::default()).unwrap()
}

/// A block that is no entry.
fn block(content: impl AsRef<[u8]>) -> (Hash, Bytes) {
    let block = Bytes::copy_from_slice(content.as_ref());
    (Hash::of(&block), block)
}

fn put(key: &str, value: &str) -> Operation {
    Operation::put(key.to_owned(), Value::from(value))
}

/// A directory of the machine's disk.
struct Directory {
    environment: RefCell<Environment>,
    dir: TempDir,
}

impl Directory {
    fn new_in(environment: Environment) -> Self {
        Self { environment: environment.into(), dir: TempDir::new().unwrap() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Deref for Directory {
    type Target = Path;

    fn deref(&self) -> &Path {
        self.path()
    }
}

impl Place for Directory {
    fn open(&self) -> Result<Store, OpenError> {
        Store::open_in(&self.environment.borrow(), self.path(), &StoreConfig::default())
    }

    fn lose_index(&self) -> io::Result<()> {
        fs::remove_dir_all(self.path().join("db"))
    }
}

type Replica = conformance::Replica<Directory>;

impl Replica {
    fn new() -> Self {
        Self::new_in(Environment::machine())
    }

    fn new_in(environment: Environment) -> Self {
        Self::at(Directory::new_in(environment))
    }
}
