//! What a commit changes in the tree.

use super::error::StoreError;
use super::{
    journal::{Location, Offset, frame::frame_bytes},
    keys::{self, Number},
    record::{self, Heads, Indexed},
    tree::{Batch, Tree},
};
use oplog::{log::Commit, order::Position, view::ViewChange};
use std::collections::HashMap;

/// Indexes an entry.
pub(super) fn put_entry(batch: &mut Batch, number: Number, position: &Position, location: Location) {
    let indexed = Indexed::Entry(location, number, position.clone());
    batch.put(keys::index(&position.hash), indexed.encode());
    batch.put(keys::order(number, position), []);
}

/// Changes a view.
pub(super) fn put_view(batch: &mut Batch, number: Number, changes: &[ViewChange]) {
    for ViewChange { key, winner, replaced } in changes {
        if let Some(replaced) = replaced.as_ref().filter(|replaced| !replaced.deleted) {
            batch.remove(keys::live(number, &replaced.position));
        }
        if !winner.deleted {
            batch.put(keys::live(number, &winner.position), record::encode_live(key));
        }
        batch.put(keys::view(number, key), record::encode_winner(winner));
    }
}

/// Sets heads and count to those of a commit.
pub(super) fn put_heads(batch: &mut Batch, number: Number, commit: &Commit) {
    batch.put(keys::prefix(keys::HEADS, number), Heads::encode(&commit.heads, commit.len));
}

/// Bytes of journal files that nothing refers to any more, to be added to what is known of them.
#[derive(Debug, Default)]
pub(super) struct Garbage(HashMap<u32, u64>);

impl Garbage {
    /// A frame's payload is no longer referred to.
    pub(super) fn add(&mut self, location: Location) {
        *self.0.entry(location.segment).or_default() += frame_bytes(location.length.into());
    }

    /// The changes, as what the counters shall be.
    pub(super) fn resolve(self, tree: &Tree) -> Result<Vec<(u32, u64)>, StoreError> {
        let add = |(segment, bytes)| Ok((segment, garbage_of(tree, segment)? + bytes));
        self.0.into_iter().map(add).collect()
    }
}

/// Puts resolved garbage counters.
pub(super) fn put_garbage(batch: &mut Batch, counters: &[(u32, u64)]) {
    for (segment, bytes) in counters {
        batch.put(keys::garbage(*segment), bytes.to_be_bytes());
    }
}

/// Notes that a journal file was finished and synced at this length.
pub(super) fn put_file(batch: &mut Batch, end: Offset) {
    batch.put(keys::file(end.segment), end.at.to_be_bytes());
}

/// Bytes of a journal file that nothing refers to.
pub(super) fn garbage_of(tree: &Tree, segment: u32) -> Result<u64, StoreError> {
    let value = tree.get(keys::garbage(segment))?;
    Ok(value.map_or(Ok(0), |value| record::decode_count(&value))?)
}
