//! Frames, of which a journal file consists: a header of [`HEADER`] bytes and a payload, padded to a multiple of [`ALIGN`].
//!
//! Entries carry bytes that strangers choose, frames among them. So a header is sealed with the file's secret [`Key`] and with
//! the place at which it stands: what looks like a frame and was not written there by this store, seal and all, is none.

use super::{key::Key, place::Offset};
use crate::keys::Number;
use bytes::Bytes;
use oplog::Hash;

/// The size of a frame's header in bytes.
pub(crate) const HEADER: usize = 32;

/// Frames begin at multiples of this, in bytes.
pub(crate) const ALIGN: usize = 32;

/// The largest payload in bytes: far above the largest block, so that a damaged length does not ask for all memory.
pub(crate) const MAX_PAYLOAD: usize = 64 << 20;

/// Bytes of a header that its seal covers; the seal fills the rest.
const SEALED: usize = 20;

/// What a frame records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A block that is no entry: a manifest, an identity, an access list.
    Block,
    /// A committed entry.
    Entry,
    /// An entry that was fetched and verified, and is not committed yet.
    Staged,
    /// That staged entries were committed: digest of the manifest, then digests of the entries.
    Commit,
    /// A new database: digest of the manifest.
    Registered,
    /// A removed database: digest of the manifest.
    Removed,
    /// A small named value, which no version writes any more. Journals may hold some: they are passed over, and the code is
    /// given to nothing else.
    Retired,
    /// A file of the journal that a sweep deletes: its number in four bytes.
    Swept,
    /// That everything before it was on disk when it was written: what is not whole there is damage. No payload.
    Synced,
}

const KINDS: [Kind; 9] = [
    Kind::Block,
    Kind::Entry,
    Kind::Staged,
    Kind::Commit,
    Kind::Registered,
    Kind::Removed,
    Kind::Retired,
    Kind::Swept,
    Kind::Synced,
];

impl Kind {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Block => 1,
            Self::Entry => 2,
            Self::Staged => 3,
            Self::Commit => 4,
            Self::Registered => 5,
            Self::Removed => 6,
            Self::Retired => 7,
            Self::Swept => 8,
            Self::Synced => 9,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.code() == code)
    }
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// The database that the frame belongs to; 0 where it belongs to none.
    pub(crate) number: Number,
    /// The length of the payload in bytes.
    pub(crate) length: usize,
    /// The first bytes of the payload's sha2-256.
    pub(super) sum: [u8; 8],
}

impl Header {
    pub(super) fn of(kind: Kind, number: Number, payload: &[u8], hash: &Hash) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *hash.digest();
        Self { kind, number, length: payload.len(), sum: [a, b, c, d, e, f, g, h] }
    }

    /// The header, sealed for its place.
    pub(super) fn encode(&self, key: &Key, place: Offset) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        // Lengths above the limit are refused before frames are written.
        bytes[..4].copy_from_slice(&u32::try_from(self.length).unwrap_or(u32::MAX).to_be_bytes());
        bytes[4..8].copy_from_slice(&self.number.0.to_be_bytes());
        bytes[8] = self.kind.code();
        bytes[12..SEALED].copy_from_slice(&self.sum);
        let seal = seal(key, place, &bytes);
        bytes[SEALED..].copy_from_slice(&seal);
        bytes
    }

    /// Reads the header at a place; `None` when the bytes were not written there as one.
    pub(super) fn decode(bytes: &[u8; HEADER], key: &Key, place: Offset) -> Option<Self> {
        let [a, b, c, d, number @ ..] = bytes.first_chunk::<8>()?;
        let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?;
        let [code, 0, 0, 0, ref sum @ ..] = bytes[8..SEALED] else { return None };
        let kind = Kind::from_code(code)?;
        let header =
            Self { kind, number: Number(u32::from_be_bytes(*number)), length, sum: sum.try_into().ok()? };
        (length <= MAX_PAYLOAD && bytes[SEALED..] == seal(key, place, bytes)).then_some(header)
    }

    /// Whether the header belongs to a payload with this sha2-256.
    pub(super) fn matches(&self, hash: &Hash) -> bool {
        hash.digest().starts_with(&self.sum)
    }
}

fn seal(key: &Key, place: Offset, header: &[u8; HEADER]) -> [u8; HEADER - SEALED] {
    let mut seal = [0; HEADER - SEALED];
    let parts = [&place.segment.to_be_bytes()[..], &place.at.to_be_bytes(), &header[..SEALED]];
    seal.copy_from_slice(&key.tag(&parts)[..HEADER - SEALED]);
    seal
}

/// Bytes that a frame with a payload of this length takes in a file.
pub(crate) fn frame_bytes(length: u64) -> u64 {
    (HEADER as u64 + length).next_multiple_of(ALIGN as u64)
}

/// A frame as the journal's reader gives it.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    /// The database that it belongs to; 0 where it belongs to none.
    pub(crate) number: Number,
    /// The sha2-256 of the payload: the hash of the block, for the kinds that hold one.
    pub(crate) hash: Hash,
    pub(crate) payload: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Offset = Offset { segment: 3, at: 4096 };

    fn sealed() -> (Key, Header, [u8; HEADER]) {
        let key = Key::from_bytes([7; 16]);
        let header = Header::of(Kind::Entry, Number(5), b"payload", &Hash::of(b"payload"));
        (key, header, header.encode(&key, PLACE))
    }

    #[test]
    fn a_header_is_read_at_its_place() {
        let (key, header, bytes) = sealed();
        assert_eq!(Header::decode(&bytes, &key, PLACE), Some(header));
        assert!(header.matches(&Hash::of(b"payload")) && !header.matches(&Hash::of(b"another")));
    }

    #[test]
    fn a_header_of_another_place_file_or_key_is_none() {
        let (key, _, bytes) = sealed();
        for place in [Offset { segment: 3, at: 4128 }, Offset { segment: 4, at: 4096 }] {
            assert_eq!(Header::decode(&bytes, &key, place), None, "{place:?}");
        }
        assert_eq!(Header::decode(&bytes, &Key::from_bytes([8; 16]), PLACE), None);
    }

    #[test]
    fn a_header_with_any_bit_flipped_is_none() {
        let (key, _, bytes) = sealed();
        for bit in 0..HEADER * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&flipped, &key, PLACE), None, "bit {bit}");
        }
    }
}
