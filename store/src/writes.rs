//! The writing end of a store: the journal, and what is counted beside it. One at a time has it.

use super::{
    error::StoreError,
    journal::{Journal, Offset},
    keys::Number,
    record::Checkpoint,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What only one writer at a time may touch.
#[derive(Debug)]
pub(super) struct Writes {
    pub(super) journal: Journal,
    pub(super) next_number: Number,
    pub(super) staged_bytes: u64,
}

impl Writes {
    /// Of a store whose tree has not followed the journal yet.
    pub(super) fn new(journal: Journal) -> Self {
        Self { journal, next_number: Number(0), staged_bytes: 0 }
    }

    /// That the tree has followed the journal to its end.
    pub(super) fn checkpoint(&self, synced: Offset) -> Checkpoint {
        let followed = self.journal.end();
        debug_assert!(synced <= followed, "on disk is what was written: {synced:?} of {followed:?}");
        Checkpoint { followed, synced, epoch: self.journal.epoch() }
    }

    /// Notes at the journal's end that everything is on disk, if what is `synced` is everything.
    pub(super) fn mark_synced(&mut self, synced: Offset) -> Result<(), StoreError> {
        if synced == self.journal.written() { self.journal.mark_synced() } else { Ok(()) }
    }
}

/// The right to write. Whoever held it before may have panicked: what the journal holds is whole all the same.
pub(super) fn lock(writes: &Mutex<Writes>) -> MutexGuard<'_, Writes> {
    writes.lock().unwrap_or_else(PoisonError::into_inner)
}
