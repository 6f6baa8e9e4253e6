//! What a secondary index is, and what it sees of the store.

use crate::{
    differences::VerifyReport,
    error::StoreError,
    keys::Number,
    tree::{Batch, Tree},
};
use oplog::{Entry, Hash, log::Commit, order::Position};
use std::fmt;

/// The rows of one database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) number: Number,
}

/// Reads an entry of the database; nothing when the log has none with this hash.
pub(crate) type EntryReader<'a> = &'a dyn Fn(&Hash) -> Result<Option<Entry>, StoreError>;

/// Rows that follow from a database's entries, so that some question about them needs no reading of them all.
///
/// They follow from the entries alone, in whatever order these are committed: ancestors come before descendants, and that is all. An
/// index that a store was written without is derived when the store is next opened.
pub(crate) trait SecondaryIndex: fmt::Debug + Send + Sync {
    /// What its keys begin with; the database's number follows. Removing a database, and deriving it anew, deletes them.
    fn kinds(&self) -> &'static [u8];

    /// Raised when the same entries make other rows than before: stores that have the old ones derive the index anew.
    fn version(&self) -> u8 {
        1
    }

    /// Puts what a commit changes. The rows are those before the commit; its entries may be there already. Where this index is
    /// derived alone, the view is there already, and the commit changes nothing of it.
    fn put(&self, batch: &mut Batch, rows: Rows<'_>, commit: &Commit) -> Result<(), StoreError>;

    /// Reports what the rows do not say of an entry, or say wrongly.
    fn verify_entry(
        &self,
        rows: Rows<'_>,
        position: &Position,
        entry: &Entry,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError>;

    /// Reports rows that no entry makes.
    fn verify_rows(
        &self,
        rows: Rows<'_>,
        entry: EntryReader<'_>,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError>;
}

/// The secondary indexes of a store.
pub(crate) type SecondaryIndexes = &'static [&'static dyn SecondaryIndex];

/// Puts what a commit changes in the secondary indexes.
pub(crate) fn put_secondary(
    batch: &mut Batch,
    secondary: &[&'static dyn SecondaryIndex],
    rows: Rows<'_>,
    commit: &Commit,
) -> Result<(), StoreError> {
    secondary.iter().try_for_each(|index| index.put(batch, rows, commit))
}
