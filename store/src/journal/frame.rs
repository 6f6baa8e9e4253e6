//! What a journal file consists of: frames, one behind the other.
//!
//! A frame is a header of [`HEADER`] bytes (length of the payload, kind, three zeros, the first eight bytes of the payload's
//! sha2-256) and the payload. The sum tells a frame that was written whole from one that a crash cut off.

use bytes::{BufMut as _, Bytes};
use oplog::{Address, Hash};

/// The size of a frame's header in bytes.
pub(crate) const HEADER: usize = 16;

/// The largest payload in bytes: far above the largest block, so that a damaged length does not ask for all memory.
pub(crate) const MAX_PAYLOAD: usize = 64 << 20;

/// Stands in format 1 where the type of a database was. A store knows no types: how a database is read is not its matter.
pub(crate) const UNUSED_TYPE: u8 = 0;

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
    /// A new database: digest of the manifest, then [`UNUSED_TYPE`].
    Registered,
    /// A removed database: digest of the manifest.
    Removed,
    /// A metadata value: length of the name in two bytes, name, value.
    Meta,
}

const KINDS: [Kind; 7] =
    [Kind::Block, Kind::Entry, Kind::Staged, Kind::Commit, Kind::Registered, Kind::Removed, Kind::Meta];

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Block => 1,
            Self::Entry => 2,
            Self::Staged => 3,
            Self::Commit => 4,
            Self::Registered => 5,
            Self::Removed => 6,
            Self::Meta => 7,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.code() == code)
    }
}

/// A frame's header, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) length: usize,
    sum: [u8; 8],
}

impl Header {
    /// Reads a header; `None` when the bytes are none.
    pub(crate) fn decode(bytes: &[u8; HEADER]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let [code, 0, 0, 0, sum @ ..] = rest else { return None };
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let kind = Kind::from_code(*code)?;
        (length <= MAX_PAYLOAD).then_some(Self { kind, length, sum: sum.try_into().ok()? })
    }

    /// Whether the header belongs to a payload with this sha2-256.
    pub(crate) fn matches(&self, hash: &Hash) -> bool {
        hash.digest().starts_with(&self.sum)
    }
}

/// A payload as the journal's reader gives it.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    /// The sha2-256 of the payload: the hash of the block, for the kinds that hold one.
    pub(crate) hash: Hash,
    pub(crate) payload: Bytes,
}

/// Frames to be appended together.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pub(super) bytes: Vec<u8>,
    /// Start and length of each payload in `bytes`.
    pub(super) payloads: Vec<(usize, usize)>,
}

impl Frames {
    /// Adds a block, whose hash the caller vouches for.
    pub(crate) fn block(&mut self, kind: Kind, hash: &Hash, block: &[u8]) {
        let [a, b, c, d, e, f, g, h, ..] = *hash.digest();
        self.bytes.reserve(HEADER + block.len());
        // Lengths above the limit are refused when the frames are appended.
        self.bytes.put_u32(u32::try_from(block.len()).unwrap_or(u32::MAX));
        self.bytes.put_slice(&[kind.code(), 0, 0, 0, a, b, c, d, e, f, g, h]);
        self.payloads.push((self.bytes.len(), block.len()));
        self.bytes.put_slice(block);
    }

    fn record(&mut self, kind: Kind, payload: &[u8]) {
        self.block(kind, &Hash::of(payload), payload);
    }

    pub(crate) fn commit(&mut self, address: &Address, entries: &[Hash]) {
        let mut payload = address.manifest().digest().to_vec();
        entries.iter().for_each(|hash| payload.extend_from_slice(hash.digest()));
        self.record(Kind::Commit, &payload);
    }

    pub(crate) fn registered(&mut self, address: &Address) {
        self.record(Kind::Registered, &[&address.manifest().digest()[..], &[UNUSED_TYPE]].concat());
    }

    pub(crate) fn removed(&mut self, address: &Address) {
        self.record(Kind::Removed, address.manifest().digest());
    }

    pub(crate) fn meta(&mut self, name: &str, value: &[u8]) {
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        self.record(Kind::Meta, &[&length.to_be_bytes()[..], name.as_bytes(), value].concat());
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }
}

/// The database and the entries of a [`Kind::Commit`].
pub(crate) fn read_commit(payload: &[u8]) -> Option<(Address, Vec<Hash>)> {
    let (chunks, []) = payload.as_chunks::<32>() else { return None };
    let (address, entries) = chunks.split_first()?;
    Some((Hash::from_digest(*address).into(), entries.iter().copied().map(Hash::from_digest).collect()))
}

/// The database of a [`Kind::Registered`].
pub(crate) fn read_registered(payload: &[u8]) -> Option<Address> {
    let (address, &[_unused_type]) = payload.split_first_chunk::<32>()? else { return None };
    Some(Hash::from_digest(*address).into())
}

/// The database of a [`Kind::Removed`].
pub(crate) fn read_removed(payload: &[u8]) -> Option<Address> {
    Some(Hash::from_digest(payload.try_into().ok()?).into())
}

/// The name and value of a [`Kind::Meta`].
pub(crate) fn read_meta(payload: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = payload.split_first_chunk()?;
    let (name, value) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((std::str::from_utf8(name).ok()?, value))
}
