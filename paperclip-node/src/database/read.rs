//! Reads. They go straight to the store, at any time and from any number of readers; an entry that is being written shows
//! as soon as it is in the store, which may be a moment before it is acknowledged.

use super::handle::Database;
use oplog::{
    Entry, Hash, Value,
    log::{IterateError, LogRead as _, Range, iterate},
    order::Position,
    view::Operation,
};
use store::{Corruption, DatabaseStore, StoreError};

/// Why a read gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A bound names an entry that the log does not have.
    #[error("the log has no entry {0}")]
    UnknownEntry(Hash),
    /// The store failed, or an entry's block is corrupt.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The read was cut off because the node is shutting down.
    #[error("the node is shutting down")]
    Stopping,
}

impl From<IterateError<StoreError>> for ReadError {
    fn from(error: IterateError<StoreError>) -> Self {
        match error {
            IterateError::UnknownEntry(hash) => Self::UnknownEntry(hash),
            IterateError::Read(error) => Self::Store(error),
        }
    }
}

/// Hashes of damaged entries that one listing names.
const MAX_LEFT_OUT: usize = 20;

/// What a listing came to.
#[derive(Debug)]
pub struct Scanned<T> {
    /// What was kept of it.
    pub kept: T,
    /// Entries that it left out because their blocks are damaged, at most [`MAX_LEFT_OUT`].
    pub damaged: Vec<Hash>,
}

impl<T> Scanned<T> {
    fn new(kept: T) -> Self {
        Self { kept, damaged: Vec::new() }
    }

    /// What was read; `None` for what is damaged, which is noted.
    fn whole<R>(&mut self, read: Result<R, ReadError>) -> Result<Option<R>, ReadError> {
        match read {
            Err(error) => match error.damaged() {
                Some(hash) => {
                    if self.damaged.len() < MAX_LEFT_OUT {
                        self.damaged.push(hash);
                    }
                    Ok(None)
                }
                None => Err(error),
            },
            Ok(whole) => Ok(Some(whole)),
        }
    }
}

impl ReadError {
    /// The damaged block that the read met, if that is what is wrong.
    pub fn damaged(&self) -> Option<Hash> {
        match self {
            Self::Store(error) => error.damaged(),
            Self::UnknownEntry(_) | Self::Stopping => None,
        }
    }
}

/// A key or document that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// The entry that set it.
    pub entry: Position,
    /// The key, or the document's id.
    pub key: String,
    /// The value, or the document.
    pub value: Value,
}

impl Database {
    /// The entry that set `key`, and its value. `None` when there is none or it was deleted.
    pub fn get(&self, key: &str) -> Result<Option<(Hash, Value)>, ReadError> {
        let Some(hash) = current(&self.store, key)? else { return Ok(None) };
        let entry = self.known(&hash)?;
        Ok(Some((entry.hash, Operation::of(entry.payload).value)))
    }

    /// The key as the log has it, which need not be a text (see [`property_key`](oplog::view::property_key)): JavaScript
    /// finds and deletes it by that alone. The text itself for a key that was never written.
    pub fn written_key(&self, key: &str) -> Result<Value, ReadError> {
        let winner = self.store.winner(key)?;
        // A damaged one is most likely a text, as nearly all are.
        let mut read = Scanned::new(());
        let entry = winner.map(|winner| read.whole(self.known(&winner.hash()))).transpose()?.flatten();
        let written = entry.and_then(|entry| Operation::of(entry.payload).key);
        Ok(written.unwrap_or_else(|| key.into()))
    }

    /// Up to `limit` keys that are there, the newest first, after the one whose entry is `after`.
    pub async fn live(&self, after: Option<Position>, limit: usize) -> Result<Vec<Live>, ReadError> {
        let this = self.clone();
        blocking(move || {
            let live = this.store.live_newest_first(after.as_ref()).take(limit);
            live.map(|found| {
                let (position, key) = found?;
                let value = Operation::of(this.known(&position.hash)?.payload).value;
                Ok(Live { entry: position, key, value })
            })
            .collect()
        })
        .await
    }

    /// All keys that are there, the newest first, those after the one whose entry is `after`, as far as `keep` wants them:
    /// it is given one after another and says whether to go on. Damaged ones are left out.
    pub async fn scan_live<T: Send + 'static>(
        &self,
        after: Option<Position>,
        kept: T,
        mut keep: impl FnMut(&mut T, Live) -> bool + Send + 'static,
    ) -> Result<Scanned<T>, ReadError> {
        let this = self.clone();
        blocking(move || {
            let mut scanned = Scanned::new(kept);
            for found in this.store.live_newest_first(after.as_ref()) {
                let live = found.map_err(ReadError::from).and_then(|(entry, key)| {
                    let value = Operation::of(this.known(&entry.hash)?.payload).value;
                    Ok(Live { entry, key, value })
                });
                let Some(live) = scanned.whole(live)? else { continue };
                if !keep(&mut scanned.kept, live) {
                    break;
                }
            }
            Ok(scanned)
        })
        .await
    }

    /// Up to `limit` entries of a range, newest first.
    pub async fn entries(&self, range: Range, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let this = self.clone();
        blocking(move || {
            let positions = iterate(&this.store, &range)?;
            positions.take(limit).map(|position| this.known(&position?.hash)).collect()
        })
        .await
    }

    /// The entries of a range, newest first, as far as `keep` wants them. Holds one entry at a time, and leaves damaged ones
    /// out.
    pub async fn scan_entries<T: Send + 'static>(
        &self,
        range: Range,
        kept: T,
        mut keep: impl FnMut(&mut T, Entry) -> bool + Send + 'static,
    ) -> Result<Scanned<T>, ReadError> {
        let this = self.clone();
        blocking(move || {
            let mut scanned = Scanned::new(kept);
            for position in iterate(&this.store, &range)? {
                let Some(entry) = scanned.whole(this.known(&position?.hash))? else { continue };
                if !keep(&mut scanned.kept, entry) {
                    break;
                }
            }
            Ok(scanned)
        })
        .await
    }

    /// The heads, greatest first, without damaged ones.
    pub fn heads(&self) -> Result<Scanned<Vec<Entry>>, ReadError> {
        let heads = std::sync::Arc::clone(&self.status.borrow().heads);
        let mut scanned = Scanned::new(Vec::new());
        for head in heads.iter() {
            let head = scanned.whole(self.known(&head.hash))?;
            scanned.kept.extend(head);
        }
        Ok(scanned)
    }

    /// An entry of this log.
    pub fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ReadError> {
        Ok(self.store.entry(hash)?)
    }

    /// Entries that stand after `position` in the log's order, oldest first, up to `limit`, without damaged ones.
    pub async fn entries_after(&self, position: Position, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let this = self.clone();
        blocking(move || {
            let mut scanned = Scanned::new(Vec::new());
            for position in this.store.oldest_first(Some(&position)) {
                let entry = scanned.whole(this.known(&position?.hash))?;
                scanned.kept.extend(entry);
                if scanned.kept.len() >= limit {
                    break;
                }
            }
            Ok(scanned.kept)
        })
        .await
    }

    /// An entry that an index names. One that is not there is damage, not a question for something unknown.
    fn known(&self, hash: &Hash) -> Result<Entry, ReadError> {
        self.entry(hash)?.ok_or_else(|| StoreError::from(Corruption::MissingBlock(*hash)).into())
    }
}

/// The entry that a key shows; `None` when there is none or the key was deleted.
pub(super) fn current(store: &DatabaseStore, key: &str) -> Result<Option<Hash>, StoreError> {
    Ok(store.winner(key)?.filter(|winner| !winner.deleted).map(|winner| winner.hash()))
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    tokio::task::spawn_blocking(read).await.unwrap_or(Err(ReadError::Stopping))
}
