//! What the handles of an open store share, and how it is read and written.

use super::{
    damaged::DamagedBlocks,
    error::{Corruption, Poison, StoreError},
    flush::Flusher,
    index::{self, SecondaryIndexes},
    journal::{Frames, Location, Offset, Segments},
    keys,
    lock::DirectoryLock,
    record::Indexed,
    tree::{Batch, Tree},
    writes::{self, Writes},
};
use oplog::Hash;
use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// The blocks and databases of one node. A clone is another handle to the same store; the last one that goes closes it.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) inner: Arc<Inner>,
}

/// The order of the fields is that of closing: first the flusher stops, last the directory is given free.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) flusher: Flusher,
    /// Shared with the flusher's thread, which marks what it has brought to disk.
    pub(super) writes: Arc<Mutex<Writes>>,
    pub(super) tree: Tree,
    pub(super) secondary: SecondaryIndexes,
    pub(super) segments: Arc<Segments>,
    pub(super) max_staged_bytes: u64,
    pub(super) counters: Counters,
    pub(super) damaged: DamagedBlocks,
    /// Set once the tree has followed the journal.
    pub(super) access: OnceLock<Access>,
    pub(super) _lock: Arc<DirectoryLock>,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) batches: AtomicU64,
    pub(super) entries: AtomicU64,
    pub(super) staged_bytes: AtomicU64,
    pub(super) journal_bytes: AtomicU64,
}

/// What an open store may do with its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everything.
    Full,
    /// Nothing but read them: the disk is full.
    ReadOnly,
}

impl Store {
    /// Reads something at the place that the index gives. Should the block move meanwhile, reads it where it is then.
    pub(super) fn read_indexed<T>(
        &self,
        hash: &Hash,
        read: impl Fn(&Indexed) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut at = self.indexed(hash)?;
        while let Some(indexed) = at {
            match read(&indexed) {
                Err(StoreError::Corrupt(Corruption::MissingBlock(missing))) => {
                    at = self.indexed(hash)?;
                    if at.as_ref() == Some(&indexed) {
                        return Err(Corruption::MissingBlock(missing).into());
                    }
                }
                result => return result.map(Some),
            }
        }
        Ok(None)
    }

    pub(super) fn indexed(&self, hash: &Hash) -> Result<Option<Indexed>, StoreError> {
        let value = self.inner.tree.get(keys::index(hash))?;
        Ok(value.map(|value| Indexed::decode(&value, hash)).transpose()?)
    }

    /// The right to write, unless writing has stopped.
    pub(super) fn writes(&self) -> Result<MutexGuard<'_, Writes>, StoreError> {
        if self.inner.access.get() == Some(&Access::ReadOnly) {
            return Err(StoreError::ReadOnly);
        }
        let writes = writes::lock(&self.inner.writes);
        self.inner.flusher.check()?;
        Ok(writes)
    }

    /// Appends frames to the journal, then makes the changes that `change` puts into a batch, given where the payloads are.
    pub(super) fn write(
        &self,
        writes: &mut Writes,
        frames: Frames,
        change: impl FnOnce(&mut Batch, &[Location]),
    ) -> Result<(), StoreError> {
        let Inner { flusher, counters, tree, .. } = &*self.inner;
        let before = writes.journal.end();
        let appended = writes.journal.append(frames);
        if writes.journal.is_broken() {
            flusher.poison(Poison::Journal);
        }
        let locations = appended?;
        debug_assert!(before <= writes.journal.end(), "the journal only grows");
        let mut batch = Batch::default();
        change(&mut batch, &locations);
        if before.segment < writes.journal.end().segment {
            index::put_file(&mut batch, before);
        }
        let checkpoint = writes.checkpoint(flusher.synced());
        batch.put(keys::CHECKPOINT, checkpoint.encode());
        tree.apply(batch).map_err(|poison| flusher.poison(poison))?;
        flusher.written(&writes.journal);
        counters.batches.fetch_add(1, Ordering::Relaxed);
        counters.journal_bytes.store(writes.journal.bytes(), Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Inner {
    /// Notes that everything is on disk, so that the next start need not doubt the journal's end. Not where opening ended
    /// early: the tree has not followed then.
    fn drop(&mut self) {
        self.flusher.stop();
        if self.access.get() != Some(&Access::Full) || self.flusher.check().is_err() {
            return;
        }
        let mut writes = writes::lock(&self.writes);
        if self.flusher.synced() >= writes.journal.written()
            && let Err(error) = close(&mut writes, &self.tree, self.flusher.synced())
        {
            tracing::warn!(%error, "the store was not closed properly; the next start checks it");
        }
    }
}

/// Notes in journal and tree that everything is on disk.
fn close(writes: &mut Writes, tree: &Tree, synced: Offset) -> Result<(), StoreError> {
    writes.journal.mark_synced()?;
    let end = writes.journal.end();
    if synced < end {
        writes.journal.sync()?;
    }
    let mut batch = Batch::default();
    batch.put(keys::CHECKPOINT, writes.checkpoint(end).encode());
    tree.apply(batch)?;
    Ok(tree.flush()?)
}
