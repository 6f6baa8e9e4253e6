//! Why there is no backup file, or none that can be read.

use super::s3::S3Error;
use car::Refusal;
use std::{io, path::PathBuf};

/// Why a place on the command line is of no use for what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// Only where backups are named by their time are there others to keep.
    #[error("--keep goes with --to s3://BUCKET/PREFIX/, where backups are named by their time")]
    KeepNeedsPrefix,
    /// Backups are listed in buckets.
    #[error("{0}: expected s3://BUCKET/ or s3://BUCKET/PREFIX/")]
    NoBucket(String),
}

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
