//! Bitswap 1.2.0 messages: what the protobuf on the wire means.

mod proto;

use bytes::Bytes;
use cid::{Cid, Version, multihash::Multihash};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::limits::{MAX_CID, MAX_MESSAGE, MAX_PARTS};

/// Multihash code of sha2-256, the only hash function that blocks may be named by here.
pub(crate) const SHA2_256: u64 = 0x12;
const SHA2_256_BYTES: usize = 32;

/// What a want asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantKind {
    /// The block itself.
    Block,
    /// Whether the peer has it.
    Have,
}

/// One want of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The wanted block.
    pub cid: Cid,
    /// Block or have.
    pub kind: WantKind,
    /// Whether the peer wants to be told that we lack the block.
    pub send_dont_have: bool,
}

/// A block whose CID was computed from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its name.
    pub cid: Cid,
    /// Its bytes.
    pub data: Bytes,
}

/// Whether a peer has a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It does.
    Have,
    /// It does not.
    DontHave,
}

/// A message, either way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The wants replace all earlier ones.
    pub full: bool,
    /// Wants, in order.
    pub wants: Vec<Want>,
    /// Wants taken back.
    pub cancels: Vec<Cid>,
    /// Blocks, in order.
    pub blocks: Vec<Block>,
    /// Haves and dont-haves.
    pub presences: Vec<(Cid, Presence)>,
    /// Parts left out when reading: no valid CID, or a block under a hash function that is not known here.
    pub refused: u64,
}

/// Why a message could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Longer than [`MAX_MESSAGE`].
    #[error("a message of {0} bytes is too long")]
    TooLong(u64),
    /// More than [`MAX_PARTS`] wants, cancels, blocks and presences together.
    #[error("a message of {0} parts is too much")]
    TooManyParts(usize),
    /// Not the protobuf that it should be.
    #[error("malformed message: {0}")]
    Malformed(#[from] prost::DecodeError),
}

impl Message {
    /// Reads a message from its protobuf, without the length prefix. Blocks get the CID that their bytes have.
    ///
    /// # Errors
    ///
    /// It is too long or malformed. Single bad parts are left out and counted in [`Message::refused`].
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(MessageError::TooLong(bytes.len() as u64));
        }
        let parts = proto::count_parts(bytes)?;
        if parts > MAX_PARTS {
            return Err(MessageError::TooManyParts(parts));
        }
        let wire = proto::Message::decode(bytes)?;
        let mut message = Self::default();
        let wantlist = wire.wantlist.unwrap_or_default();
        message.full = wantlist.full;
        for entry in wantlist.entries {
            let Some(cid) = read_cid(&entry.block) else {
                message.refused += 1;
                continue;
            };
            if entry.cancel {
                message.cancels.push(cid);
            } else {
                let kind = if entry.want_type == proto::WANT_HAVE { WantKind::Have } else { WantKind::Block };
                message.wants.push(Want { cid, kind, send_dont_have: entry.send_dont_have });
            }
        }
        for block in wire.payload {
            match name(&block.prefix, &block.data) {
                Some(cid) => message.blocks.push(Block { cid, data: block.data }),
                None => message.refused += 1,
            }
        }
        for presence in wire.presences {
            let kind = if presence.kind == proto::DONT_HAVE { Presence::DontHave } else { Presence::Have };
            match read_cid(&presence.cid) {
                Some(cid) => message.presences.push((cid, kind)),
                None => message.refused += 1,
            }
        }
        Ok(message)
    }

    /// The protobuf with its length prefix, as it goes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let want = |want: &Want| proto::Entry {
            block: want.cid.to_bytes().into(),
            priority: 1,
            cancel: false,
            want_type: if want.kind == WantKind::Have { proto::WANT_HAVE } else { proto::WANT_BLOCK },
            send_dont_have: want.send_dont_have,
        };
        let cancel =
            |cid: &Cid| proto::Entry { block: cid.to_bytes().into(), cancel: true, ..Default::default() };
        let entries: Vec<_> = self.wants.iter().map(want).chain(self.cancels.iter().map(cancel)).collect();
        let wantlist =
            (self.full || !entries.is_empty()).then_some(proto::Wantlist { entries, full: self.full });
        let payload = self
            .blocks
            .iter()
            .map(|block| proto::Block { prefix: prefix(&block.cid).into(), data: block.data.clone() });
        let presences = self.presences.iter().map(|(cid, presence)| proto::BlockPresence {
            cid: cid.to_bytes().into(),
            kind: if *presence == Presence::DontHave { proto::DONT_HAVE } else { proto::HAVE },
        });
        proto::Message {
            wantlist,
            payload: payload.collect(),
            presences: presences.collect(),
            pending_bytes: 0,
        }
        .encode_length_delimited_to_vec()
    }

    /// Whether there is nothing in it worth sending.
    pub fn is_empty(&self) -> bool {
        !self.full
            && self.wants.is_empty()
            && self.cancels.is_empty()
            && self.blocks.is_empty()
            && self.presences.is_empty()
    }
}

/// Whether a block of this name can exist here at all.
pub(crate) fn is_supported(cid: &Cid) -> bool {
    cid.hash().code() == SHA2_256 && cid.hash().size() as usize == SHA2_256_BYTES
}

fn read_cid(bytes: &[u8]) -> Option<Cid> {
    if bytes.len() > MAX_CID {
        return None;
    }
    Cid::try_from(bytes).ok()
}

/// The CID of `data` under a prefix: version, codec, hash function, digest length, each a varint.
fn name(prefix: &[u8], data: &[u8]) -> Option<Cid> {
    let mut rest = prefix;
    let mut next = || prost::encoding::decode_varint(&mut rest).ok();
    let (version, codec, hash, length) = (next()?, next()?, next()?, next()?);
    if !rest.is_empty() || hash != SHA2_256 || length != SHA2_256_BYTES as u64 {
        return None;
    }
    let hash = Multihash::wrap(SHA2_256, &Sha256::digest(data)).ok()?;
    Cid::new(Version::try_from(version).ok()?, codec, hash).ok()
}

fn prefix(cid: &Cid) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(8);
    let hash = cid.hash();
    for number in [cid.version().into(), cid.codec(), hash.code(), u64::from(hash.size())] {
        prost::encoding::encode_varint(number, &mut prefix);
    }
    prefix
}

#[cfg(test)]
mod tests;
