//! What a journal file begins with: its number and its [`Key`], twice, so that one damaged sector does not take the key away.

use super::key::Key;
use crate::disk::DiskFile;
use oplog::Hash;
use std::io;

/// Where the first frame stands, in bytes from the file's start.
pub(crate) const FRAMES_START: u64 = 1024;

/// Where the two copies stand: in sectors of their own.
const COPIES: [usize; 2] = [0, 512];

/// What a copy begins with.
const MAGIC: [u8; 8] = *b"PCjrnl2\n";

/// Bytes of a copy that its sum covers: magic, number, four zeros, key.
const SUMMED: usize = 32;

/// Bytes of a copy.
const COPY: usize = 48;

/// The bytes before the first frame.
pub(super) fn encode(segment: u32, key: &Key) -> Vec<u8> {
    let mut header = vec![0; usize::try_from(FRAMES_START).unwrap_or_default()];
    let copy = encode_copy(segment, key);
    for at in COPIES {
        header[at..at + COPY].copy_from_slice(&copy);
    }
    header
}

fn encode_copy(segment: u32, key: &Key) -> [u8; COPY] {
    let mut copy = [0; COPY];
    copy[..8].copy_from_slice(&MAGIC);
    copy[8..12].copy_from_slice(&segment.to_be_bytes());
    copy[16..SUMMED].copy_from_slice(key.bytes());
    let sum = Hash::of(&copy[..SUMMED]);
    copy[SUMMED..].copy_from_slice(&sum.digest()[..COPY - SUMMED]);
    copy
}

/// The key of a file; `None` when neither copy is whole, or they are those of another file.
pub(super) fn read(file: &dyn DiskFile, segment: u32) -> io::Result<Option<Key>> {
    for at in COPIES {
        let mut copy = [0; COPY];
        let whole = file.read_at(&mut copy, at as u64)? == COPY;
        let key: Option<[u8; Key::SIZE]> = copy[16..SUMMED].try_into().ok();
        if let Some(key) = key.map(Key::from_bytes)
            && whole
            && copy == encode_copy(segment, &key)
        {
            return Ok(Some(key));
        }
    }
    Ok(None)
}
