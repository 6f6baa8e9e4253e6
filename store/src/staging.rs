//! Entries that were fetched and verified and wait for their ancestors. They survive a restart, so that a long fetch goes on
//! where it was.

use super::{
    database::{DatabaseStore, until_error},
    error::{Corruption, StoreError},
    index::{Garbage, put_garbage, put_staged_bytes},
    journal::{Frames, Kind, Location},
    keys,
    record::decode_count,
    state::Store,
    tree::Value,
    writes::Writes,
};
use bytes::Bytes;
use oplog::{Hash, log::LogRead as _};
use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering,
};

/// The part of the room for staged blocks that one database cannot take from the others.
const RESERVED_PART: u64 = 4;

impl DatabaseStore {
    /// Keeps blocks that are not part of the log yet; the hashes must be those of the blocks. Those that are staged or
    /// committed already cost nothing.
    pub fn stage(&self, blocks: &[(Hash, Bytes)]) -> Result<(), StoreError> {
        let mut writes = self.store.writes()?;
        self.check_registered()?;
        let mut frames = Frames::default();
        let mut added = Vec::new();
        let mut seen = HashSet::new();
        for (hash, block) in blocks {
            if seen.insert(*hash) && !self.is_staged(hash)? && !self.contains(hash)? {
                frames.add(Kind::Staged, self.number, hash, block);
                added.push((*hash, block.len() as u64));
            }
        }
        if added.is_empty() {
            return Ok(());
        }
        let bytes = added.iter().map(|(_, size)| size).sum();
        let limit = self.store.inner.max_staged_bytes;
        let after = self.staged_bytes()? + bytes;
        let for_one = limit - limit / RESERVED_PART;
        if writes.staged_bytes + bytes > limit || after > for_one {
            return Err(StoreError::StagingFull { limit });
        }
        self.store.write(&mut writes, frames, |batch, locations| {
            for ((hash, _), location) in added.iter().zip(locations) {
                batch.put(keys::staged(self.number, hash), location.encode());
            }
            put_staged_bytes(batch, self.number, after);
        })?;
        self.store.count_staged(&mut writes, bytes, 0);
        Ok(())
    }

    /// A staged block.
    pub fn staged(&self, hash: &Hash) -> Result<Option<Bytes>, StoreError> {
        let mut at = self.staged_location(hash)?;
        while let Some(location) = at {
            match self.store.inner.segments.block(location, hash) {
                Err(StoreError::Corrupt(Corruption::MissingBlock(missing))) => {
                    // A sweep may have moved it.
                    at = self.staged_location(hash)?;
                    if at == Some(location) {
                        return Err(Corruption::MissingBlock(missing).into());
                    }
                }
                block => return block.map(Some),
            }
        }
        Ok(None)
    }

    /// Whether a block is staged.
    pub fn is_staged(&self, hash: &Hash) -> Result<bool, StoreError> {
        self.store.inner.tree.contains(keys::staged(self.number, hash))
    }

    /// The hashes of all staged blocks, in no order that means something.
    pub fn staged_hashes(&self) -> impl Iterator<Item = Result<Hash, StoreError>> + use<> {
        let prefix = keys::prefix(keys::STAGED, self.number);
        let hash = move |pair: Result<(Value, Value), StoreError>| {
            Ok(keys::hash_of(&pair?.0, prefix.len()).ok_or(Corruption::Record("staged"))?)
        };
        until_error(self.store.inner.tree.with_prefix(&prefix).map(hash))
    }

    /// Forgets staged blocks. The space comes back when the journal is next swept.
    pub fn unstage(&self, hashes: &[Hash]) -> Result<(), StoreError> {
        let mut writes = self.store.writes()?;
        self.check_registered()?;
        let staged = self.staged_locations(hashes.iter().copied())?;
        if staged.is_empty() {
            return Ok(());
        }
        let bytes = staged.values().map(super::database::size).sum();
        let after = self.staged_bytes()?.saturating_sub(bytes);
        let mut garbage = Garbage::default();
        staged.values().for_each(|location| garbage.add(*location));
        let garbage = garbage.resolve(&self.store.inner.tree)?;
        self.store.write(&mut writes, Frames::default(), |batch, _| {
            staged.keys().for_each(|hash| batch.remove(keys::staged(self.number, hash)));
            put_staged_bytes(batch, self.number, after);
            put_garbage(batch, &garbage);
        })?;
        self.store.count_staged(&mut writes, 0, bytes);
        Ok(())
    }

    /// Bytes of this database's staged blocks.
    pub fn staged_bytes(&self) -> Result<u64, StoreError> {
        let value = self.store.inner.tree.get(keys::prefix(keys::STAGED_BYTES, self.number))?;
        Ok(value.map_or(Ok(0), |value| decode_count(&value))?)
    }

    pub(super) fn staged_location(&self, hash: &Hash) -> Result<Option<Location>, StoreError> {
        let value = self.store.inner.tree.get(keys::staged(self.number, hash))?;
        Ok(value.map(|value| Location::decode(&value)).transpose()?)
    }

    /// Where those of the hashes that are staged are.
    pub(super) fn staged_locations(
        &self,
        hashes: impl Iterator<Item = Hash>,
    ) -> Result<HashMap<Hash, Location>, StoreError> {
        if self.staged_bytes()? == 0 {
            return Ok(HashMap::new());
        }
        let locate = |hash| Ok(self.staged_location(&hash)?.map(|location| (hash, location)));
        hashes.filter_map(|hash| locate(hash).transpose()).collect()
    }
}

impl Store {
    /// Counts blocks in and out of staging.
    pub(super) fn count_staged(&self, writes: &mut Writes, more: u64, less: u64) {
        // A rebuild while the store is opened comes before the count.
        debug_assert!(
            self.inner.access.get().is_none() || writes.staged_bytes + more >= less,
            "more goes out of staging than came in"
        );
        writes.staged_bytes = (writes.staged_bytes + more).saturating_sub(less);
        self.inner.counters.staged_bytes.store(writes.staged_bytes, Ordering::Relaxed);
    }
}
