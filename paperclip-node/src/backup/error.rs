//! Why there is no backup.

use car::{FrontierError, MAX_INDEX_BYTES};
use oplog::{Address, manifest::ManifestError};
use std::io;
use store::{Corruption, StoreError};

/// Why there is no backup, or no whole one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store failed, or a block of it is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A manifest cannot be read.
    #[error("{0}: {1}")]
    Manifest(Address, #[source] ManifestError),
    /// A log does not fit together.
    #[error("the log does not fit together: {0}; run `paperclip-node verify --repair`")]
    Log(#[from] FrontierError),
    /// A log has another length than its index says.
    #[error("the log has {found} entries, and its index counts {counted}; run `paperclip-node verify`")]
    Length {
        /// Entries that the heads lead to.
        found: u64,
        /// What the index says.
        counted: u64,
    },
    /// The node holds no database to be backed up.
    #[error("the node holds nothing of {0} yet: no peer has provided it so far")]
    NotHere(Address),
    /// Too many databases or heads for one file.
    #[error("the index would have more than {MAX_INDEX_BYTES} bytes; back databases up one by one")]
    Index,
    /// The file for the walk cannot be written.
    #[error("cannot write a temporary file in the data directory: {0}; make room there")]
    Scratch(#[source] io::Error),
    /// Nobody takes what is written any more.
    #[error("the backup is no longer read: {0}")]
    Output(#[source] io::Error),
}

impl From<Corruption> for BackupError {
    fn from(corruption: Corruption) -> Self {
        Self::Store(corruption.into())
    }
}
