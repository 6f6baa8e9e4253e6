//! Finding the next frame behind damage.
//!
//! Frames begin at multiples of [`ALIGN`], and a header proves by its seal that it was written at its place. So a place costs one
//! short tag, whatever bytes stand there, and no payload is read before its header has proved itself.

use super::{
    frame::{ALIGN, HEADER, Header},
    key::Key,
    place::Offset,
};
use crate::disk::{self, DiskFile, Readable};
use std::io;

/// Bytes read at a time: a multiple of [`ALIGN`].
const CHUNK: usize = 256 << 10;

/// What a search came to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Search {
    /// The first place at which a header proves itself.
    pub(super) next: Option<u64>,
    /// Places that were looked at.
    pub(super) tagged: u64,
    /// Where the last page ends that the disk cannot read; 0 when there was none.
    pub(super) lost_to: u64,
}

impl Search {
    /// Looks at every place from `from` on.
    pub(super) fn run(file: &dyn DiskFile, key: &Key, from: Offset) -> io::Result<Self> {
        let mut search = Self::default();
        let mut at = from.at.next_multiple_of(ALIGN as u64);
        let mut chunk = vec![0; CHUNK];
        loop {
            let Readable { length, lost_to } = disk::read_over(file, &mut chunk, at)?;
            search.lost_to = search.lost_to.max(lost_to);
            for (candidate, place) in chunk[..length].chunks_exact(ALIGN).zip((at..).step_by(ALIGN)) {
                search.tagged += 1;
                let header: Option<&[u8; HEADER]> = candidate.first_chunk();
                let place = Offset { at: place, ..from };
                if header.and_then(|header| Header::decode(header, key, place)).is_some() {
                    return Ok(Self { next: Some(place.at), ..search });
                }
            }
            if length < CHUNK {
                return Ok(search);
            }
            at += CHUNK as u64;
        }
    }
}
