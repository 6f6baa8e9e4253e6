//! The damaged blocks that are known.

use super::keys::Number;
use oplog::Hash;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
};
use tokio::sync::watch;

/// Damaged blocks that are remembered. More are found again when they are next read, once some of these are healed.
pub const MAX_DAMAGED_LISTED: usize = 65_536;

/// What is known to be damaged.
#[derive(Debug)]
pub(super) struct DamagedBlocks {
    /// Hashes, and the database of those that are entries. Never held across a read or a write of a file.
    listed: Mutex<BTreeMap<Hash, Option<Number>>>,
    pub(super) count: watch::Sender<usize>,
    pub(super) healed: AtomicU64,
}

impl Default for DamagedBlocks {
    fn default() -> Self {
        Self { listed: Mutex::default(), count: watch::Sender::new(0), healed: AtomicU64::new(0) }
    }
}

impl DamagedBlocks {
    /// Notes a block. Whether it is news.
    pub(super) fn add(&self, hash: Hash, database: Option<Number>) -> bool {
        let mut listed = self.listed();
        let new = listed.len() < MAX_DAMAGED_LISTED && listed.insert(hash, database).is_none();
        if new {
            self.count.send_replace(listed.len());
        }
        new
    }

    pub(super) fn remove(&self, hash: &Hash) {
        let mut listed = self.listed();
        if listed.remove(hash).is_some() {
            self.count.send_replace(listed.len());
        }
    }

    /// Every change of the list is one insertion or removal, so it stays whole whoever panicked while holding it.
    pub(super) fn listed(&self) -> MutexGuard<'_, BTreeMap<Hash, Option<Number>>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
