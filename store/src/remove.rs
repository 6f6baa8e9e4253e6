//! Removing a database.

use super::{
    error::{Corruption, StoreError},
    index::{Garbage, put_garbage, put_removed},
    journal::{Frames, Location},
    keys::{self, Number},
    rebuild::CHUNK,
    record::Indexed,
    state::Store,
    tree::Batch,
    writes::Writes,
};
use oplog::Address;

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemovedReport {
    /// Entries.
    pub entries: u64,
    /// Staged blocks.
    pub staged: u64,
    /// Bytes of both. The journal gives them back where they make up half of one of its files or more.
    pub bytes: u64,
}

impl Store {
    /// Removes a database: its entries, indexes and staged blocks. Blocks that are no entries stay, since databases share
    /// them. It is gone when the first batch is written; the rest follows in bounded batches between which others write, then
    /// a [`sweep`](Self::sweep) gives the space back. What a crash interrupts the next start finishes. Nothing happens when
    /// there is no such database.
    pub fn remove_database(&self, address: &Address) -> Result<RemovedReport, StoreError> {
        let number = {
            let mut writes = self.writes()?;
            let Some(number) = self.number_of(address)? else { return Ok(RemovedReport::default()) };
            let mut frames = Frames::default();
            frames.removed(number, address);
            self.write(&mut writes, frames, |batch, _| put_removed(batch, address, number))?;
            number
        };
        let report = self.finish_removal(number)?;
        self.sweep()?;
        Ok(report)
    }

    /// Finishes the removals that a crash interrupted.
    pub(super) fn finish_removals(&self) -> Result<(), StoreError> {
        let pending: Vec<Number> = self
            .inner
            .tree
            .with_prefix(&[keys::REMOVED])
            .map(|pair| Ok(keys::number_of(&pair?.0).ok_or(Corruption::Record("removal"))?))
            .collect::<Result<_, StoreError>>()?;
        for number in pending {
            let RemovedReport { entries, .. } = self.finish_removal(number)?;
            tracing::info!(entries, "finished an interrupted removal");
        }
        Ok(())
    }

    fn finish_removal(&self, number: Number) -> Result<RemovedReport, StoreError> {
        let mut report = RemovedReport::default();
        while self.remove_entries(number, &mut report)? {}
        while self.remove_staged(number, &mut report)? {}
        self.delete_secondary(number)?;
        for kind in [keys::HEADS, keys::STAGED_BYTES, keys::REMOVED] {
            self.delete_prefix(&keys::prefix(kind, number))?;
        }
        Ok(report)
    }

    /// Removes some entries; whether there may be more.
    fn remove_entries(&self, number: Number, report: &mut RemovedReport) -> Result<bool, StoreError> {
        let mut writes = self.writes()?;
        let mut gone = Gone::default();
        for pair in self.inner.tree.with_prefix(&keys::prefix(keys::ORDER, number)).take(CHUNK) {
            let (key, _) = pair?;
            let position = keys::position_of(&key).ok_or(Corruption::Record("order"))?;
            gone.keys.push(key.to_vec());
            // The entry may have been fetched again for a database that was added anew.
            if let Some(Indexed::Entry(location, owner, _)) = self.indexed(&position.hash)?
                && owner == number
            {
                gone.keys.push(keys::index(&position.hash).to_vec());
                gone.blocks.push(location);
            }
        }
        report.entries += gone.blocks.len() as u64;
        self.remove_keys(&mut writes, gone, report)
    }

    fn remove_staged(&self, number: Number, report: &mut RemovedReport) -> Result<bool, StoreError> {
        let mut writes = self.writes()?;
        let mut gone = Gone::default();
        for pair in self.inner.tree.with_prefix(&keys::prefix(keys::STAGED, number)).take(CHUNK) {
            let (key, value) = pair?;
            gone.keys.push(key.to_vec());
            gone.blocks.push(Location::decode(&value)?);
        }
        let bytes = gone.blocks.iter().map(super::database::size).sum();
        report.staged += gone.blocks.len() as u64;
        let more = self.remove_keys(&mut writes, gone, report)?;
        self.count_staged(&mut writes, 0, bytes);
        Ok(more)
    }

    fn remove_keys(
        &self,
        writes: &mut Writes,
        gone: Gone,
        report: &mut RemovedReport,
    ) -> Result<bool, StoreError> {
        if gone.keys.is_empty() {
            return Ok(false);
        }
        let mut garbage = Garbage::default();
        gone.blocks.iter().for_each(|location| garbage.add(*location));
        report.bytes += gone.blocks.iter().map(super::database::size).sum::<u64>();
        let garbage = garbage.resolve(&self.inner.tree)?;
        self.write(writes, Frames::default(), |batch: &mut Batch, _| {
            gone.keys.iter().for_each(|key| batch.remove(key));
            put_garbage(batch, &garbage);
        })?;
        Ok(true)
    }
}

/// Keys to be deleted, and the blocks that nothing refers to then.
#[derive(Default)]
struct Gone {
    keys: Vec<Vec<u8>>,
    blocks: Vec<Location>,
}
