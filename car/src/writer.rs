//! The container, written.

use crate::{
    CID_BYTES, HEADER_BEFORE, HEADER_BEHIND, HEADER_BYTES,
    closing::{Closing, Failure},
};
use oplog::Hash;
use sha2::{Digest as _, Sha256};
use std::io::{self, Write};

/// Writes one file from its beginning to its end.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    root: Hash,
    digest: Sha256,
    bytes: u64,
    blocks: u64,
}

impl<W: Write> Writer<W> {
    /// Writes the header of a file with this root.
    ///
    /// # Errors
    /// What the writer says; the same below.
    pub fn new(to: W, root: Hash) -> io::Result<Self> {
        let mut writer = Self { to, root, digest: Sha256::new(), bytes: 0, blocks: 0 };
        writer.length(HEADER_BYTES)?;
        writer.put(HEADER_BEFORE)?;
        writer.put(&root.to_cid_bytes())?;
        writer.put(HEADER_BEHIND)?;
        Ok(writer)
    }

    /// Writes a block. The hash must be the block's.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn block(&mut self, hash: &Hash, block: &[u8]) -> io::Result<()> {
        debug_assert_eq!(Hash::of(block), *hash, "a block stands under its own hash");
        self.length(CID_BYTES + block.len())?;
        self.put(&hash.to_cid_bytes())?;
        self.put(block)?;
        self.blocks += 1;
        Ok(())
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes the closing record of a file with so many entries, and gives it.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn finish(mut self, entries: u64) -> io::Result<Closing> {
        let closing = Closing {
            index: self.root,
            blocks: self.blocks,
            entries,
            bytes: self.bytes,
            digest: self.digest.clone().finalize().into(),
        };
        let block = closing.encode();
        self.block(&Hash::of(&block), &block)?;
        self.to.flush()?;
        Ok(closing)
    }

    /// Writes why there is no more to come. A file that ends so is no backup.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn fail(mut self, reason: &str) -> io::Result<()> {
        let block = Failure::new(reason).encode();
        self.block(&Hash::of(&block), &block)?;
        self.to.flush()
    }

    fn length(&mut self, length: usize) -> io::Result<()> {
        let mut buffer = unsigned_varint::encode::usize_buffer();
        self.put(unsigned_varint::encode::usize(length, &mut buffer))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes)?;
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}
