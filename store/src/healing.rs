//! Damaged blocks: remembered by whoever reads them, and rewritten when somebody has them whole.

use super::{
    database::DatabaseStore,
    error::{Corruption, StoreError},
    index::{Garbage, put_garbage},
    journal::{Frames, Kind},
    keys,
    record::Indexed,
    state::Store,
    writes::Writes,
};
use bytes::Bytes;
use oplog::Hash;
use std::sync::atomic::Ordering;
use tokio::sync::watch;

/// What became of a block that was to heal a damaged one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Healed {
    /// It was written, and is read from there.
    Rewritten,
    /// The store has it whole.
    Whole,
    /// No index names it.
    Unknown,
}

/// What a part of a scrub found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// Blocks read.
    pub blocks: u64,
    /// Those that are damaged.
    pub damaged: u64,
}

impl Store {
    /// Hashes of the blocks that are known to be damaged or missing, at most [`MAX_DAMAGED_LISTED`](super::MAX_DAMAGED_LISTED). Reads, verifications and
    /// scrubs make them known.
    pub fn damaged(&self) -> Vec<Hash> {
        self.inner.damaged.listed().keys().copied().collect()
    }

    /// How many of them there are, now and whenever one is found or healed.
    pub fn damaged_count(&self) -> watch::Receiver<usize> {
        self.inner.damaged.count.subscribe()
    }

    /// Blocks that were healed since the store was opened.
    pub fn healed(&self) -> u64 {
        self.inner.damaged.healed.load(Ordering::Relaxed)
    }

    /// Writes the block that `hash` names anew, if the one in the store is damaged. It is on disk after the next
    /// [`flushed`](Self::flushed).
    ///
    /// # Errors
    /// [`Corruption::Block`] when `block` is not the one that `hash` names.
    pub fn heal(&self, hash: &Hash, block: &Bytes) -> Result<Healed, StoreError> {
        if Hash::of(block) != *hash {
            return Err(Corruption::Block(*hash).into());
        }
        let mut writes = self.writes()?;
        let healed = match self.indexed(hash)? {
            None => Healed::Unknown,
            Some(indexed) if self.inner.segments.block(indexed.location(), hash).is_ok() => Healed::Whole,
            Some(indexed) => {
                self.rewrite(&mut writes, indexed, hash, block)?;
                Healed::Rewritten
            }
        };
        self.inner.damaged.remove(hash);
        Ok(healed)
    }

    /// A committed block, if it is there and whole: for whoever can get it elsewhere.
    pub fn whole_block(&self, hash: &Hash) -> Result<Option<Bytes>, StoreError> {
        absent_if_damaged(self.block(hash))
    }

    /// Reads every indexed block whose digest begins with eight bytes between `from` and `to`, both included as numbers of
    /// which the first byte counts most, and notes those that are damaged. Takes time by their number and size.
    pub fn scrub(&self, from: u64, to: u64) -> Result<ScrubReport, StoreError> {
        let edge = |digest: u64| [&[keys::INDEX][..], &digest.to_be_bytes()].concat();
        let above = from.checked_sub(1).map(|before| [edge(before), vec![0xff; 25]].concat());
        let below = to.checked_add(1).map(edge);
        let mut report = ScrubReport::default();
        for pair in self.inner.tree.range(&[keys::INDEX], above, below) {
            let (key, _) = pair?;
            let hash = keys::hash_of(&key, 1).ok_or(Corruption::Record("index"))?;
            report.blocks += 1;
            match self.block(&hash) {
                Err(StoreError::Corrupt(_)) => report.damaged += 1,
                read => drop(read?),
            }
        }
        Ok(report)
    }

    /// Notes what a read met.
    pub(super) fn note_damage<T>(&self, hash: &Hash, read: &Result<T, StoreError>) {
        if let Err(StoreError::Corrupt(corruption)) = read
            && corruption.is_loss()
        {
            let database = match self.indexed(hash) {
                Ok(Some(Indexed::Entry(_, number, _))) => Some(number),
                _ => None,
            };
            if self.inner.damaged.add(*hash, database) {
                tracing::error!(%corruption, "damage found; the block is asked of peers");
            }
        }
    }

    fn rewrite(
        &self,
        writes: &mut Writes,
        indexed: Indexed,
        hash: &Hash,
        block: &Bytes,
    ) -> Result<(), StoreError> {
        let mut garbage = Garbage::default();
        garbage.add(indexed.location());
        let garbage = garbage.resolve(&self.inner.tree)?;
        let mut frames = Frames::default();
        match &indexed {
            Indexed::Entry(_, number, _) => frames.add(Kind::Entry, *number, hash, block),
            Indexed::Other(_) => frames.block(hash, block),
        }
        self.write(writes, frames, |batch, locations| {
            for location in locations {
                batch.put(keys::index(hash), indexed.moved_to(*location).encode());
            }
            put_garbage(batch, &garbage);
        })?;
        self.inner.damaged.healed.fetch_add(1, Ordering::Relaxed);
        tracing::info!(%hash, "damaged block healed");
        Ok(())
    }
}

/// A damaged block is as good as none.
fn absent_if_damaged<T>(read: Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(error) if error.damaged().is_some() => Ok(None),
        read => read,
    }
}

impl DatabaseStore {
    /// A staged block, if it is there and whole. One that is damaged is staged no longer: it is fetched anew when it is
    /// offered again.
    pub fn whole_staged(&self, hash: &Hash) -> Result<Option<Bytes>, StoreError> {
        let staged = self.staged(hash);
        if let Err(StoreError::Corrupt(corruption)) = &staged {
            tracing::warn!(database = %self.address, %corruption, "staged block dropped");
            self.unstage(&[*hash])?;
        }
        absent_if_damaged(staged)
    }

    /// Hashes of this database's entries that are known to be damaged or missing.
    pub fn damaged(&self) -> Vec<Hash> {
        let listed = self.store.inner.damaged.listed();
        let own = listed.iter().filter(|(_, database)| **database == Some(self.number));
        own.map(|(hash, _)| *hash).collect()
    }
}
