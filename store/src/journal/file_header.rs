//! What a journal file begins with: its number, its [`Key`] and its epoch, twice, so that one damaged sector does not take the key
//! away.

use super::key::Key;
use crate::disk::{self, DiskFile};
use oplog::Hash;
use std::io;

/// Where the first frame stands, in bytes from the file's start.
pub(crate) const FRAMES_START: u64 = 1024;

/// Where the two copies stand: in sectors of their own.
const COPIES: [usize; 2] = [0, 512];

/// What a copy begins with.
const MAGIC: [u8; 8] = *b"PCjrnl2\n";

/// Bytes of a copy that its sum covers: magic, number, four zeros, key, epoch.
const SUMMED: usize = 40;

/// Bytes of a copy.
const COPY: usize = 56;

/// What the beginning of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(super) key: Key,
    /// Drawn anew whenever the file's end may have been cut off. Who knows the file as it was in another epoch may know of
    /// frames that are gone, and in whose place there are others.
    pub(crate) epoch: u64,
}

impl FileHeader {
    /// Draws key and epoch.
    pub(super) fn draw(random: fn(&mut [u8]) -> io::Result<()>) -> io::Result<Self> {
        let mut key = [0; Key::SIZE];
        random(&mut key)?;
        Self { key: Key::from_bytes(key), epoch: 0 }.in_new_epoch(random)
    }

    /// The same file in another epoch.
    pub(super) fn in_new_epoch(self, random: fn(&mut [u8]) -> io::Result<()>) -> io::Result<Self> {
        let mut epoch = [0; 8];
        random(&mut epoch)?;
        Ok(Self { epoch: u64::from_be_bytes(epoch), ..self })
    }

    /// The bytes before the first frame.
    pub(super) fn encode(&self, segment: u32) -> Vec<u8> {
        let mut header = vec![0; usize::try_from(FRAMES_START).unwrap_or_default()];
        let copy = self.encode_copy(segment);
        for at in COPIES {
            header[at..at + COPY].copy_from_slice(&copy);
        }
        header
    }

    fn encode_copy(&self, segment: u32) -> [u8; COPY] {
        let mut copy = [0; COPY];
        copy[..8].copy_from_slice(&MAGIC);
        copy[8..12].copy_from_slice(&segment.to_be_bytes());
        copy[16..32].copy_from_slice(self.key.bytes());
        copy[32..SUMMED].copy_from_slice(&self.epoch.to_be_bytes());
        let sum = Hash::of(&copy[..SUMMED]);
        copy[SUMMED..].copy_from_slice(&sum.digest()[..COPY - SUMMED]);
        copy
    }

    /// What a file says; `None` when neither copy can be read and is whole, or they are those of another file.
    pub(super) fn read(file: &dyn DiskFile, segment: u32) -> io::Result<Option<Self>> {
        for at in COPIES {
            let mut copy = [0; COPY];
            let whole = match file.read_at(&mut copy, at as u64) {
                Err(error) if disk::is_unreadable(&error) => false,
                length => length? == COPY,
            };
            if let Some(header) = Self::decode_copy(&copy)
                && whole
                && copy == header.encode_copy(segment)
            {
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    fn decode_copy(copy: &[u8; COPY]) -> Option<Self> {
        let key = copy[16..32].try_into().ok()?;
        let epoch = copy[32..SUMMED].try_into().ok()?;
        Some(Self { key: Key::from_bytes(key), epoch: u64::from_be_bytes(epoch) })
    }
}
