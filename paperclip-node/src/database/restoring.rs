//! Entries of a backup, taken in as those of a peer are: offered to the joiner, verified, committed with their ancestors.

use super::{
    handle::Database,
    request::{Closed, Command},
    restore::Restore,
};
use bytes::Bytes;
use oplog::{Hash, access::Writers, log::LogRead as _};
use std::time::Duration;
use store::StoreError;
use tokio::sync::oneshot;

/// How long a database may take in nothing before a restore gives up.
pub const RESTORE_STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Why entries of a backup are not in the log.
#[derive(Debug, thiserror::Error)]
pub enum RestoringError {
    /// The database was closed meanwhile.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The joiner did not take an entry: `paperclip-node db show` says why.
    #[error(
        "entry {0} was not taken into the log; `paperclip-node db show` says why, the node's log whether the store failed"
    )]
    NotTaken(Hash),
}

/// A restore under way. It ends when this is dropped.
#[derive(Debug)]
pub struct Restoring {
    _open: oneshot::Receiver<()>,
}

impl Database {
    /// Begins a restore. Until it ends, entries of `writers` are taken too, of whomever they come: an access controller may have
    /// taken a right back since an entry was written.
    pub async fn restoring(&self, writers: Writers) -> Result<Restoring, Closed> {
        let (open, held) = oneshot::channel();
        self.commands.send(Command::Restore(Restore::Begin { writers, open })).await.map_err(|_| Closed)?;
        Ok(Restoring { _open: held })
    }

    /// Offers entries, ancestors first. Returns when there is room for more, which is before they are in the log.
    pub async fn offer(&self, _of: &Restoring, blocks: Vec<Bytes>) -> Result<(), Closed> {
        let (reply, room) = oneshot::channel();
        let command = Command::Restore(Restore::Entries { blocks, reply });
        self.commands.send(command).await.map_err(|_| Closed)?;
        room.await.map_err(|_| Closed)
    }

    /// Waits until the log has an entry that was offered.
    pub async fn taken(&self, hash: Hash) -> Result<(), RestoringError> {
        let mut status = self.status.clone();
        let mut settled = None;
        loop {
            status.mark_unchanged();
            if self.store.contains(&hash)? {
                return Ok(());
            }
            if let Some(error) = &status.borrow().failed {
                tracing::error!(address = %self.address, %error, "a restore ends");
                return Err(RestoringError::NotTaken(hash));
            }
            let settling = match &mut settled {
                Some(settling) => settling,
                None => {
                    let (reply, settling) = oneshot::channel();
                    self.commands.send(Command::Settled { reply }).await.map_err(|_| Closed)?;
                    settled.insert(settling)
                }
            };
            tokio::select! {
                // When nothing is pending any more and it is not there, it will not come.
                answer = settling => {
                    answer.map_err(|_| Closed)?;
                    let taken = self.store.contains(&hash)?;
                    return if taken { Ok(()) } else { Err(RestoringError::NotTaken(hash)) };
                }
                changed = status.changed() => changed.map_err(|_| Closed)?,
                () = tokio::time::sleep(RESTORE_STALL_TIMEOUT) => return Err(RestoringError::NotTaken(hash)),
            }
        }
    }

    /// Whether the log has an entry.
    pub fn contains(&self, hash: &Hash) -> Result<bool, StoreError> {
        self.store.contains(hash)
    }
}
