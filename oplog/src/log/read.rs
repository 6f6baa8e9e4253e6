//! What the log asks of a store.

use crate::{entry::Entry, hash::Hash, order::Position, view::Winner};

/// Reads of one log's committed entries. A store implements it; the log never changes a store but by a
/// [`Commit`](super::Commit).
pub trait LogRead {
    /// What can fail below.
    type Error;

    /// The entry with this hash, if it is in the log.
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, Self::Error>;

    /// Where the entry with this hash stands, if it is in the log.
    fn position(&self, hash: &Hash) -> Result<Option<Position>, Self::Error> {
        Ok(self.entry(hash)?.map(|entry| entry.position()))
    }

    /// Whether the log has the entry. Cheaper than [`position`](Self::position) in most stores.
    fn contains(&self, hash: &Hash) -> Result<bool, Self::Error> {
        Ok(self.position(hash)?.is_some())
    }

    /// Positions from the newest down, all of them or those before `below`. The iterator borrows
    /// the store, not the bound.
    fn newest_first<'a>(
        &'a self,
        below: Option<&Position>,
    ) -> impl Iterator<Item = Result<Position, Self::Error>> + use<'a, Self>;

    /// Positions from the oldest up, all of them or those after `above`.
    fn oldest_first<'a>(
        &'a self,
        above: Option<&Position>,
    ) -> impl Iterator<Item = Result<Position, Self::Error>> + use<'a, Self>;

    /// The entry that decides what `key` shows.
    fn winner(&self, key: &str) -> Result<Option<Winner>, Self::Error>;
}
