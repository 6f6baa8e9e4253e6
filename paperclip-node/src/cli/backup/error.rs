//! Why there is no backup file, or none that can be read.

use super::s3::S3Error;
use car::Refusal;
use std::{io, path::PathBuf};

/// Why there is no backup, or it cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupFileError {
    /// The file cannot be written.
    #[error("cannot write {}: {source}; no file was left", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What came is no whole backup.
    #[error("no backup was made: {0}")]
    Refused(#[from] Refusal),
    /// The bucket cannot be written or read.
    #[error(transparent)]
    S3(#[from] S3Error),
}

impl From<io::Error> for BackupFileError {
    fn from(source: io::Error) -> Self {
        Self::Write { path: PathBuf::new(), source }
    }
}
