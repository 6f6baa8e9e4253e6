//! Rows of the index: what entries make of them, whoever adds the entries.
//!
//! A commit reaches the index in three ways: when it is written, when the index follows the journal after a crash, and when an index
//! is built anew. All of them come here. [`entries`] has the rows that say where an entry is and where it stands; from the entries
//! follow those of each [`SecondaryIndex`], which is one file here and one line in [`SECONDARY`].

mod databases;
mod entries;
mod garbage;
mod view;

pub(super) use databases::{put_registered, put_removed};
pub(super) use entries::{CommitRows, put_block, put_entry, put_heads, put_staged_bytes, remove_entry};
pub(super) use garbage::{Garbage, garbage_of, put_file, put_garbage};
#[cfg(test)]
pub(super) use view::View;

use super::{database::DatabaseStore, error::StoreError, tree::Batch, verify::VerifyReport};
use oplog::{Entry, log::Commit, order::Position};
use std::fmt;

/// Rows that follow from a database's entries, so that some question about them needs no reading of them all.
///
/// They follow from the entries alone, in whatever order these are committed: ancestors come before descendants, and that is all. An
/// index that a store was written without is there once its `db` folder was built anew.
pub(super) trait SecondaryIndex: fmt::Debug + Send + Sync {
    /// What its keys begin with; the database's number follows. Removing a database, and deriving it anew, deletes them.
    fn kinds(&self) -> &'static [u8];

    /// Puts what a commit changes. The rows are those before the commit; its entries may be there already.
    fn put(&self, batch: &mut Batch, database: &DatabaseStore, commit: &Commit) -> Result<(), StoreError>;

    /// Reports what the rows do not say of an entry, or say wrongly.
    fn verify_entry(
        &self,
        database: &DatabaseStore,
        position: &Position,
        entry: &Entry,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError>;

    /// Reports rows that no entry makes.
    fn verify_rows(&self, database: &DatabaseStore, report: &mut VerifyReport) -> Result<(), StoreError>;
}

/// The secondary indexes of a store.
pub(super) type SecondaryIndexes = &'static [&'static dyn SecondaryIndex];

/// Those of every store.
pub(super) const SECONDARY: SecondaryIndexes = &[&view::View];

/// Puts what a commit changes in the secondary indexes.
pub(super) fn put_secondary(
    batch: &mut Batch,
    database: &DatabaseStore,
    commit: &Commit,
) -> Result<(), StoreError> {
    database.store.inner.secondary.iter().try_for_each(|index| index.put(batch, database, commit))
}
