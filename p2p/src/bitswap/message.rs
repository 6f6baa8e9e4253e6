//! Bitswap 1.2.0 messages: the protobuf on the wire and what it means.

use bytes::Bytes;
use cid::{Cid, Version, multihash::Multihash};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::limits::{MAX_CID, MAX_MESSAGE};

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
                let kind = if entry.want_type == proto::WANT_HAVE {
                    WantKind::Have
                } else {
                    WantKind::Block
                };
                message.wants.push(Want {
                    cid,
                    kind,
                    send_dont_have: entry.send_dont_have,
                });
            }
        }
        for block in wire.payload {
            match name(&block.prefix, &block.data) {
                Some(cid) => message.blocks.push(Block {
                    cid,
                    data: block.data,
                }),
                None => message.refused += 1,
            }
        }
        for presence in wire.presences {
            let kind = if presence.kind == proto::DONT_HAVE {
                Presence::DontHave
            } else {
                Presence::Have
            };
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
            want_type: if want.kind == WantKind::Have {
                proto::WANT_HAVE
            } else {
                proto::WANT_BLOCK
            },
            send_dont_have: want.send_dont_have,
        };
        let cancel = |cid: &Cid| proto::Entry {
            block: cid.to_bytes().into(),
            cancel: true,
            ..Default::default()
        };
        let entries: Vec<_> = self
            .wants
            .iter()
            .map(want)
            .chain(self.cancels.iter().map(cancel))
            .collect();
        let wantlist = (self.full || !entries.is_empty()).then_some(proto::Wantlist {
            entries,
            full: self.full,
        });
        let payload = self.blocks.iter().map(|block| proto::Block {
            prefix: prefix(&block.cid).into(),
            data: block.data.clone(),
        });
        let presences = self.presences.iter().map(|(cid, presence)| proto::BlockPresence {
            cid: cid.to_bytes().into(),
            kind: if *presence == Presence::DontHave {
                proto::DONT_HAVE
            } else {
                proto::HAVE
            },
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
    for number in [
        cid.version().into(),
        cid.codec(),
        hash.code(),
        u64::from(hash.size()),
    ] {
        prost::encoding::encode_varint(number, &mut prefix);
    }
    prefix
}

/// The protobuf, from the specification of bitswap 1.2.0; written by hand because `protoc` would be a tool to
/// install for five small messages. Field 2 of `Message` (blocks of bitswap 1.0) is not read.
mod proto {
    use bytes::Bytes;

    pub(super) const WANT_BLOCK: i32 = 0;
    pub(super) const WANT_HAVE: i32 = 1;
    pub(super) const HAVE: i32 = 0;
    pub(super) const DONT_HAVE: i32 = 1;

    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub(super) struct Message {
        #[prost(message, optional, tag = "1")]
        pub(super) wantlist: Option<Wantlist>,
        #[prost(message, repeated, tag = "3")]
        pub(super) payload: Vec<Block>,
        #[prost(message, repeated, tag = "4")]
        pub(super) presences: Vec<BlockPresence>,
        #[prost(int32, tag = "5")]
        pub(super) pending_bytes: i32,
    }

    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub(super) struct Wantlist {
        #[prost(message, repeated, tag = "1")]
        pub(super) entries: Vec<Entry>,
        #[prost(bool, tag = "2")]
        pub(super) full: bool,
    }

    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub(super) struct Entry {
        #[prost(bytes = "bytes", tag = "1")]
        pub(super) block: Bytes,
        #[prost(int32, tag = "2")]
        pub(super) priority: i32,
        #[prost(bool, tag = "3")]
        pub(super) cancel: bool,
        #[prost(int32, tag = "4")]
        pub(super) want_type: i32,
        #[prost(bool, tag = "5")]
        pub(super) send_dont_have: bool,
    }

    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub(super) struct Block {
        #[prost(bytes = "bytes", tag = "1")]
        pub(super) prefix: Bytes,
        #[prost(bytes = "bytes", tag = "2")]
        pub(super) data: Bytes,
    }

    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub(super) struct BlockPresence {
        #[prost(bytes = "bytes", tag = "1")]
        pub(super) cid: Bytes,
        #[prost(int32, tag = "2")]
        pub(super) kind: i32,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAG_CBOR: u64 = 0x71;

    fn block(data: &[u8]) -> Block {
        let hash = Multihash::wrap(SHA2_256, &Sha256::digest(data)).unwrap();
        Block {
            cid: Cid::new_v1(DAG_CBOR, hash),
            data: Bytes::copy_from_slice(data),
        }
    }

    fn body(encoded: &[u8]) -> &[u8] {
        let mut rest = encoded;
        let length = prost::encoding::decode_varint(&mut rest).unwrap();
        assert_eq!(length, rest.len() as u64);
        rest
    }

    #[test]
    fn a_message_survives_the_wire() {
        let (one, two) = (block(b"one"), block(b"two"));
        let message = Message {
            full: true,
            wants: vec![
                Want {
                    cid: one.cid,
                    kind: WantKind::Block,
                    send_dont_have: true,
                },
                Want {
                    cid: two.cid,
                    kind: WantKind::Have,
                    send_dont_have: false,
                },
            ],
            cancels: vec![two.cid],
            presences: vec![(one.cid, Presence::Have), (two.cid, Presence::DontHave)],
            blocks: vec![one, two],
            refused: 0,
        };
        assert_eq!(Message::decode(body(&message.encode())).unwrap(), message);
    }

    #[test]
    fn a_want_is_written_as_javascript_writes_it() {
        let cid = block(b"x").cid;
        let want = Want {
            cid,
            kind: WantKind::Block,
            send_dont_have: true,
        };
        let encoded = Message {
            wants: vec![want],
            ..Message::default()
        }
        .encode();
        // Message, wantlist, entry, CID: each a tag and a length.
        let mut expected = vec![46, 0x0a, 44, 0x0a, 42, 0x0a, 36];
        expected.extend(cid.to_bytes());
        // Priority 1, want-block and not cancelled by default, send-dont-have.
        expected.extend([0x10, 1, 0x28, 1]);
        assert_eq!(encoded, expected);
    }

    #[test]
    fn a_block_is_named_by_its_bytes_whatever_the_sender_says() {
        let mut wire = proto::Message::default();
        let dag_cbor = [1, 0x71, 0x12, 0x20];
        wire.payload.push(proto::Block {
            prefix: Bytes::copy_from_slice(&dag_cbor),
            data: "data".into(),
        });
        // Blake2b, a short digest, a cut prefix.
        for prefix in [
            &[1, 0x71, 0xa0, 0xe4, 2, 32][..],
            &[1, 0x71, 0x12, 8],
            &[1, 0x71],
            &[],
        ] {
            wire.payload.push(proto::Block {
                prefix: Bytes::copy_from_slice(prefix),
                data: "data".into(),
            });
        }
        let message = Message::decode(&wire.encode_to_vec()).unwrap();
        assert_eq!(message.blocks, [block(b"data")]);
        assert_eq!(message.refused, 4);
    }

    #[test]
    fn version_0_is_read_and_written() {
        let hash = Multihash::wrap(SHA2_256, &Sha256::digest(b"old")).unwrap();
        let old = Block {
            cid: Cid::new_v0(hash).unwrap(),
            data: Bytes::from_static(b"old"),
        };
        let message = Message {
            blocks: vec![old],
            ..Message::default()
        };
        assert_eq!(Message::decode(body(&message.encode())).unwrap(), message);
    }

    #[test]
    fn too_long_is_refused_before_it_is_parsed() {
        let long = vec![0; MAX_MESSAGE + 1];
        assert_eq!(
            Message::decode(&long),
            Err(MessageError::TooLong(long.len() as u64))
        );
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Message::decode(&bytes);
        }
    }
}
