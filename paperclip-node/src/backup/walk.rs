//! A log at one point in time, oldest entry first.
//!
//! The way down from the heads says which entries belong to it, newest first; a file without a name remembers them, 32 bytes each,
//! to be read from its end. So it costs no memory however long the log is, and the log may grow meanwhile.

use super::error::BackupError;
use car::Frontier;
use oplog::{Hash, log::LogRead as _};
use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
};
use store::{Corruption, DatabaseStore, LogSnapshot};

/// Bytes of a digest.
const DIGEST: usize = 32;

/// Digests read at a time.
const CHUNK: u64 = 2048;

/// The entries of a log.
#[derive(Debug)]
pub(super) struct Walk {
    file: File,
    len: u64,
}

impl Walk {
    /// Walks down from the heads.
    pub(super) fn down(
        store: &DatabaseStore,
        log: &LogSnapshot,
        scratch: &Path,
    ) -> Result<Self, BackupError> {
        let mut frontier = Frontier::new(log.heads.iter().map(|head| head.hash));
        let mut file = BufWriter::new(tempfile::tempfile_in(scratch).map_err(BackupError::Scratch)?);
        let mut len = 0;
        for position in store.newest_first(None) {
            if frontier.is_done() {
                break;
            }
            let hash = position?.hash;
            if !frontier.has(&hash) {
                continue; // it came later
            }
            let entry = store.entry(&hash)?.ok_or(Corruption::MissingBlock(hash))?;
            frontier.meet(&entry)?;
            file.write_all(hash.digest()).map_err(BackupError::Scratch)?;
            len += 1;
        }
        for hash in frontier.finish()? {
            if !store.contains(&hash)? {
                return Err(Corruption::MissingBlock(hash).into());
            }
        }
        if len != log.len {
            return Err(BackupError::Length { found: len, counted: log.len });
        }
        let file = file.into_inner().map_err(|error| BackupError::Scratch(error.into_error()))?;
        Ok(Self { file, len })
    }

    /// The hashes of the entries, oldest first.
    pub(super) fn oldest_first(&self) -> impl Iterator<Item = Result<Hash, BackupError>> {
        let mut left = self.len;
        let mut chunk: Vec<Hash> = Vec::new();
        std::iter::from_fn(move || {
            if chunk.is_empty() && left > 0 {
                let count = left.min(CHUNK);
                left -= count;
                match self.read(left, count) {
                    Ok(read) => chunk = read,
                    Err(error) => {
                        left = 0;
                        return Some(Err(BackupError::Scratch(error)));
                    }
                }
            }
            chunk.pop().map(Ok)
        })
    }

    fn read(&self, from: u64, count: u64) -> io::Result<Vec<Hash>> {
        let digest = DIGEST as u64;
        let mut bytes = vec![0; usize::try_from(count * digest).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut bytes, from * digest)?;
        let (digests, _) = bytes.as_chunks::<DIGEST>();
        Ok(digests.iter().copied().map(Hash::from_digest).collect())
    }
}
