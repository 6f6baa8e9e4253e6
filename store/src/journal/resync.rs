//! Finding the next frame behind damage.
//!
//! Frames begin at multiples of [`ALIGN`], and a header proves by its seal that it was written at its place. So a place costs one
//! short tag, whatever bytes stand there, and no payload is read before its header has proved itself.

use super::{
    frame::{ALIGN, HEADER, Header},
    key::Key,
    segments::Offset,
};
use crate::disk::DiskFile;
use std::io;

/// Bytes read at a time: a multiple of [`ALIGN`].
const CHUNK: usize = 256 << 10;

/// The first place from `from` on at which a header proves itself. `tagged` counts the places that were looked at.
pub(super) fn next_header(
    file: &dyn DiskFile,
    key: &Key,
    from: Offset,
    tagged: &mut u64,
) -> io::Result<Option<u64>> {
    let mut at = from.at.next_multiple_of(ALIGN as u64);
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = file.read_at(&mut chunk, at)?;
        for (candidate, place) in chunk[..length].chunks_exact(ALIGN).zip((at..).step_by(ALIGN)) {
            *tagged += 1;
            let header: Option<&[u8; HEADER]> = candidate.first_chunk();
            let place = Offset { at: place, ..from };
            if header.and_then(|header| Header::decode(header, key, place)).is_some() {
                return Ok(Some(place.at));
            }
        }
        if length < CHUNK {
            return Ok(None);
        }
        at += CHUNK as u64;
    }
}
