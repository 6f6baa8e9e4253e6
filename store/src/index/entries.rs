//! Rows of entries: where each is, where it stands in the order, and which are heads.

use super::secondary::{Rows, SecondaryIndexes, put_secondary};
use crate::{
    error::StoreError,
    journal::Location,
    keys::{self, Number},
    record::{Heads, Indexed},
    tree::Batch,
};
use oplog::{Hash, log::Commit, order::Position};
use std::collections::HashMap;

/// What a commit changes in the index. Made before anything is written, of what the index says then.
#[derive(Debug)]
pub(crate) struct CommitRows<'a> {
    commit: &'a Commit,
    number: Number,
    /// Those of its entries that are staged.
    staged: HashMap<Hash, Location>,
    /// Bytes of what stays staged.
    staged_after: u64,
    secondary: Batch,
}

impl<'a> CommitRows<'a> {
    /// `staged` says where those of the entries are that are staged, `staged_before` how many bytes all staged blocks have.
    pub(crate) fn of(
        rows: Rows<'_>,
        secondary: SecondaryIndexes,
        commit: &'a Commit,
        staged: HashMap<Hash, Location>,
        staged_before: u64,
    ) -> Result<Self, StoreError> {
        let mut batch = Batch::default();
        put_secondary(&mut batch, secondary, rows, commit)?;
        let mut made =
            Self { commit, number: rows.number, staged, staged_after: staged_before, secondary: batch };
        debug_assert!(made.unstaged_bytes() <= staged_before, "more is staged than the sum of it");
        made.staged_after = staged_before.saturating_sub(made.unstaged_bytes());
        Ok(made)
    }

    /// Where those of the entries are that are staged.
    pub(crate) fn staged(&self) -> &HashMap<Hash, Location> {
        &self.staged
    }

    /// Bytes that are staged no longer.
    pub(crate) fn unstaged_bytes(&self) -> u64 {
        self.staged.values().map(|location| u64::from(location.length)).sum()
    }

    /// Puts the rows. `locations` are those of the entries, one for each, in the commit's order.
    pub(crate) fn put(self, batch: &mut Batch, locations: &[Location]) {
        let Self { commit, number, staged, staged_after, secondary } = self;
        debug_assert_eq!(commit.added.len(), locations.len(), "every entry is somewhere");
        for (added, location) in commit.added.iter().zip(locations) {
            put_entry(batch, number, &added.position, *location);
        }
        for hash in staged.keys() {
            batch.remove(keys::staged(number, hash));
        }
        if !staged.is_empty() {
            put_staged_bytes(batch, number, staged_after);
        }
        batch.append(secondary);
        put_heads(batch, number, commit);
    }
}

/// An entry is here, and stands there.
pub(crate) fn put_entry(batch: &mut Batch, number: Number, position: &Position, location: Location) {
    let indexed = Indexed::Entry(location, number, position.clone());
    batch.put(keys::index(&position.hash), indexed.encode());
    batch.put(keys::order(number, position), []);
}

/// An entry is part of the log no more.
pub(crate) fn remove_entry(batch: &mut Batch, number: Number, position: &Position) {
    batch.remove(keys::order(number, position));
    batch.remove(keys::index(&position.hash));
}

/// A block that is no entry is here.
pub(crate) fn put_block(batch: &mut Batch, hash: &Hash, location: Location) {
    batch.put(keys::index(hash), Indexed::Other(location).encode());
}

/// Sets heads and count to those of a commit: the last of its rows, without which the others count for nothing.
pub(crate) fn put_heads(batch: &mut Batch, number: Number, commit: &Commit) {
    batch.put(keys::prefix(keys::HEADS, number), Heads::encode(&commit.heads, commit.len));
}

/// Sets the bytes of a database's staged blocks.
pub(crate) fn put_staged_bytes(batch: &mut Batch, number: Number, bytes: u64) {
    batch.put(keys::prefix(keys::STAGED_BYTES, number), bytes.to_be_bytes());
}
