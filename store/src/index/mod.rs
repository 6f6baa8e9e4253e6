//! Rows of the index: what entries make of them, whoever adds the entries.
//!
//! A commit reaches the index in three ways: when it is written, when the index follows the journal after a crash, and when an index
//! is built anew. All of them come here. [`entries`] has the rows that say where an entry is and where it stands; from the entries
//! follow those of each [`SecondaryIndex`], which is one file here and one line in [`SECONDARY`].

mod databases;
mod entries;
mod garbage;
mod secondary;
mod view;

pub(super) use databases::{put_registered, put_removed};
pub(super) use entries::{CommitRows, put_block, put_entry, put_heads, put_staged_bytes, remove_entry};
pub(super) use garbage::{Garbage, garbage_of, put_file, put_garbage};
#[cfg(test)]
pub(super) use secondary::EntryReader;
pub(super) use secondary::{Rows, SecondaryIndex, SecondaryIndexes, put_secondary};
#[cfg(test)]
pub(super) use view::View;
pub(super) use view::winner_of;

/// Those of every store.
pub(super) const SECONDARY: SecondaryIndexes = &[&view::View];
