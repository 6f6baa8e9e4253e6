//! The protobuf, from the specification of bitswap 1.2.0; written by hand because `protoc` would be a tool to install
//! for five small messages. Field 2 of `Message` (blocks of bitswap 1.0) is not read.

use bytes::{Buf, Bytes};
use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

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

const WANTLIST: u32 = 1;

/// How many parts a message claims to have: wantlist entries, blocks and presences. Two bytes make a part, which
/// takes dozens of times that in memory, so they are counted before they are made.
pub(super) fn count_parts(mut message: &[u8]) -> Result<usize, DecodeError> {
    let mut parts = 0;
    while message.has_remaining() {
        let (field, wire_type) = decode_key(&mut message)?;
        if (field, wire_type) == (WANTLIST, WireType::LengthDelimited) {
            let length = usize::try_from(decode_varint(&mut message)?).unwrap_or(usize::MAX);
            let (wantlist, rest) = message.split_at(length.min(message.len()));
            parts += count_fields(wantlist)?;
            message = rest;
        } else {
            skip_field(wire_type, field, &mut message, DecodeContext::default())?;
        }
        parts += 1;
    }
    Ok(parts)
}

fn count_fields(mut message: &[u8]) -> Result<usize, DecodeError> {
    let mut fields = 0;
    while message.has_remaining() {
        let (field, wire_type) = decode_key(&mut message)?;
        skip_field(wire_type, field, &mut message, DecodeContext::default())?;
        fields += 1;
    }
    Ok(fields)
}
