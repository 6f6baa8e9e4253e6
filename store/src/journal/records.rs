//! Frames to be written, and what the payloads of those that are no blocks say.

use super::{
    frame::{ALIGN, HEADER, Header, Kind},
    key::Key,
    place::Offset,
};
use crate::keys::Number;
use oplog::{Address, Hash};

/// The number in frames that belong to no database.
const NONE: Number = Number(0);

/// Frames to be appended together.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Payloads, each behind the room for its header.
    bytes: Vec<u8>,
    /// Where each header goes.
    headers: Vec<(usize, Header)>,
}

impl Frames {
    /// Adds a frame with a payload whose hash the caller vouches for.
    pub(crate) fn add(&mut self, kind: Kind, number: Number, hash: &Hash, payload: &[u8]) {
        self.headers.push((self.bytes.len(), Header::of(kind, number, payload, hash)));
        let end = (self.bytes.len() + HEADER + payload.len()).next_multiple_of(ALIGN);
        self.bytes.reserve(end - self.bytes.len());
        self.bytes.resize(self.bytes.len() + HEADER, 0);
        self.bytes.extend_from_slice(payload);
        self.bytes.resize(end, 0);
    }

    /// Adds a block that belongs to no database.
    pub(crate) fn block(&mut self, hash: &Hash, block: &[u8]) {
        self.add(Kind::Block, NONE, hash, block);
    }

    fn record(&mut self, kind: Kind, number: Number, payload: &[u8]) {
        self.add(kind, number, &Hash::of(payload), payload);
    }

    pub(crate) fn commit(&mut self, number: Number, address: &Address, entries: &[Hash]) {
        let mut payload = address.manifest().digest().to_vec();
        entries.iter().for_each(|hash| payload.extend_from_slice(hash.digest()));
        self.record(Kind::Commit, number, &payload);
    }

    pub(crate) fn registered(&mut self, number: Number, address: &Address) {
        self.record(Kind::Registered, number, address.manifest().digest());
    }

    pub(crate) fn removed(&mut self, number: Number, address: &Address) {
        self.record(Kind::Removed, number, address.manifest().digest());
    }

    pub(crate) fn swept(&mut self, segment: u32) {
        self.record(Kind::Swept, NONE, &segment.to_be_bytes());
    }

    pub(crate) fn synced() -> Self {
        let mut frames = Self::default();
        frames.record(Kind::Synced, NONE, &[]);
        frames
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// The longest payload in bytes.
    pub(super) fn longest(&self) -> usize {
        self.headers.iter().map(|(_, header)| header.length).max().unwrap_or(0)
    }

    /// Where each payload begins, counted from the first frame, and its length.
    pub(super) fn payloads(&self) -> impl Iterator<Item = (usize, usize)> {
        self.headers.iter().map(|(start, header)| (start + HEADER, header.length))
    }

    /// The bytes, sealed for the place of the first frame.
    pub(super) fn seal(&mut self, key: &Key, place: Offset) -> &[u8] {
        for (start, header) in &self.headers {
            let at = Offset { at: place.at + *start as u64, ..place };
            self.bytes[*start..*start + HEADER].copy_from_slice(&header.encode(key, at));
        }
        &self.bytes
    }
}

/// The database and the entries of a [`Kind::Commit`].
pub(crate) fn read_commit(payload: &[u8]) -> Option<(Address, Vec<Hash>)> {
    let (chunks, []) = payload.as_chunks::<32>() else { return None };
    let (address, entries) = chunks.split_first()?;
    Some((Hash::from_digest(*address).into(), entries.iter().copied().map(Hash::from_digest).collect()))
}

/// The database of a [`Kind::Registered`] or [`Kind::Removed`].
pub(crate) fn read_database(payload: &[u8]) -> Option<Address> {
    Some(Hash::from_digest(payload.try_into().ok()?).into())
}

/// The file of a [`Kind::Swept`].
pub(crate) fn read_swept(payload: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(payload.try_into().ok()?))
}
