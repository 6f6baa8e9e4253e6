//! Rows of journal files: how much of each nothing refers to, and which are finished.

use crate::{
    error::StoreError,
    journal::{Location, Offset, frame::frame_bytes},
    keys, record,
    tree::{Batch, Tree},
};
use std::collections::HashMap;

/// Bytes of journal files that nothing refers to any more, to be added to what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Garbage(HashMap<u32, u64>);

impl Garbage {
    /// A frame's payload is no longer referred to.
    pub(crate) fn add(&mut self, location: Location) {
        *self.0.entry(location.segment).or_default() += frame_bytes(location.length.into());
    }

    /// The changes, as what the counters shall be.
    pub(crate) fn resolve(self, tree: &Tree) -> Result<Vec<(u32, u64)>, StoreError> {
        let add = |(segment, bytes)| Ok((segment, garbage_of(tree, segment)? + bytes));
        self.0.into_iter().map(add).collect()
    }
}

/// Puts resolved garbage counters.
pub(crate) fn put_garbage(batch: &mut Batch, counters: &[(u32, u64)]) {
    for (segment, bytes) in counters {
        batch.put(keys::garbage(*segment), bytes.to_be_bytes());
    }
}

/// Notes that a journal file was finished and synced at this length.
pub(crate) fn put_file(batch: &mut Batch, end: Offset) {
    batch.put(keys::file(end.segment), end.at.to_be_bytes());
}

/// Bytes of a journal file that nothing refers to.
pub(crate) fn garbage_of(tree: &Tree, segment: u32) -> Result<u64, StoreError> {
    let value = tree.get(keys::garbage(segment))?;
    Ok(value.map_or(Ok(0), |value| record::decode_count(&value))?)
}
