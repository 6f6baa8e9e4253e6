//! The container, read. Whatever the bytes are, a reader takes no more memory than one block.

use crate::{CID_BYTES, HEADER_BEFORE, HEADER_BEHIND, HEADER_BYTES};
use bytes::Bytes;
use oplog::Hash;
use sha2::{Digest as _, Sha256};
use std::io::{self, BufRead, Read as _};

/// The largest block that is read, in bytes: four times the largest entry. An index of 10,000 databases has some 3 MB.
pub const MAX_BLOCK_BYTES: usize = 16 << 20;

/// The room that is made for a block before any of it has come.
const FIRST_ROOM: usize = 64 << 10;

/// A block, whose hash is that of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its hash.
    pub hash: Hash,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Why bytes are no file of blocks.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes could not be had.
    #[error("cannot read the backup: {0}")]
    Io(#[source] io::Error),
    /// The file does not begin as one that this version writes.
    #[error("not a backup: it does not begin with the header of a CAR v1 file with one dag-cbor root")]
    Header,
    /// The file ends within the header or a block.
    #[error("the backup is cut off: it ends at byte {at}, within a block")]
    CutOff {
        /// How long it is.
        at: u64,
    },
    /// A length is no number in the fewest bytes, or too short for a block.
    #[error("the backup is altered: byte {at} begins no length of a block")]
    Length {
        /// Where the length stands.
        at: u64,
    },
    /// A block claims to be larger than any may be.
    #[error(
        "the backup is altered: the block at byte {at} claims {length} bytes, more than {MAX_BLOCK_BYTES}"
    )]
    Oversized {
        /// Where the length stands.
        at: u64,
        /// What it says.
        length: u64,
    },
    /// A name that no block of a backup has.
    #[error("the backup is altered: the block at byte {at} has a CID that is not CIDv1, dag-cbor, sha2-256")]
    Cid {
        /// Where the length of the block stands.
        at: u64,
    },
    /// A block's bytes are not what its name says.
    #[error("the backup is altered: the block at byte {at} does not match its hash {hash}")]
    Hash {
        /// Where the length of the block stands.
        at: u64,
        /// Its name.
        hash: Hash,
    },
}

/// Reads one file from its beginning to its end.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    root: Hash,
    digest: Sha256,
    at: u64,
    /// Place of the last block, and the digest of all before it.
    last: (u64, Sha256),
    blocks: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// It is none that [`Writer`](crate::Writer) writes.
    pub fn new(mut from: R) -> Result<Self, ReadError> {
        let mut header = [0; HEADER_BYTES + 1];
        from.read_exact(&mut header).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::Header,
            _ => ReadError::Io(error),
        })?;
        let read = || {
            let rest = header.strip_prefix(&[u8::try_from(HEADER_BYTES).ok()?])?;
            let (cid, behind) = rest.strip_prefix(HEADER_BEFORE)?.split_at_checked(CID_BYTES)?;
            (behind == HEADER_BEHIND).then(|| Hash::from_cid_bytes(cid)).flatten()
        };
        let root = read().ok_or(ReadError::Header)?;
        let mut digest = Sha256::new();
        digest.update(header);
        let at = header.len() as u64;
        Ok(Self { from, root, last: (at, digest.clone()), digest, at, blocks: 0 })
    }

    /// The root.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The next block; `None` at the end of the file.
    ///
    /// # Errors
    /// [`ReadError`]; there is nothing more to be had then.
    pub fn next_block(&mut self) -> Result<Option<Block>, ReadError> {
        let at = self.at;
        if self.from.fill_buf().map_err(ReadError::Io)?.is_empty() {
            return Ok(None);
        }
        self.last = (at, self.digest.clone());
        let length = self.length()?;
        let cid_bytes = CID_BYTES as u64;
        let size = length.checked_sub(cid_bytes).filter(|size| *size > 0).ok_or(ReadError::Length { at })?;
        let size = usize::try_from(size).ok().filter(|size| *size <= MAX_BLOCK_BYTES);
        let size = size.ok_or(ReadError::Oversized { at, length })?;
        let cid = self.take(CID_BYTES)?;
        let hash = Hash::from_cid_bytes(&cid).ok_or(ReadError::Cid { at })?;
        let bytes = self.take(size)?;
        if Hash::of(&bytes) != hash {
            return Err(ReadError::Hash { at, hash });
        }
        self.blocks += 1;
        Ok(Some(Block { hash, bytes: bytes.into() }))
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.at
    }

    /// What stands before the block that was read last: blocks, bytes, and the sha2-256 of these.
    pub fn before_last(&self) -> (u64, u64, [u8; 32]) {
        let (at, digest) = &self.last;
        (self.blocks.saturating_sub(1), *at, digest.clone().finalize().into())
    }

    fn length(&mut self) -> Result<u64, ReadError> {
        let at = self.at;
        let mut bytes = Vec::with_capacity(unsigned_varint::encode::u64_buffer().len());
        loop {
            let byte = self.take(1)?[0];
            bytes.push(byte);
            if unsigned_varint::decode::is_last(byte) {
                return unsigned_varint::decode::u64(&bytes)
                    .map(|(length, _)| length)
                    .map_err(|_| ReadError::Length { at });
            }
            if bytes.len() >= unsigned_varint::encode::u64_buffer().len() {
                return Err(ReadError::Length { at });
            }
        }
    }

    /// So many bytes, for which room is made as they come.
    fn take(&mut self, size: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::with_capacity(size.min(FIRST_ROOM));
        (&mut self.from).take(size as u64).read_to_end(&mut bytes).map_err(ReadError::Io)?;
        self.digest.update(&bytes);
        self.at += bytes.len() as u64;
        if bytes.len() < size { Err(ReadError::CutOff { at: self.at }) } else { Ok(bytes) }
    }
}
