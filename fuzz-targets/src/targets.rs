//! Targets: a decoder each, and what holds of everything that it takes.

use std::str;

use bytes::Bytes;
use car::{Contents, Index, Part, Reader, Writer};
use oplog::access::AccessList;
use oplog::cbor;
use oplog::entry::Candidate;
use oplog::identity::Identity;
use oplog::manifest::Manifest;
use oplog::order::Position;
use oplog::view::Operation;
use oplog::{Address, Hash, json};
use p2p::bitswap::message::Message;
use paperclip_client::{address, certificate};

/// The largest entry that the target takes.
const ENTRY_BYTES: usize = 1 << 20;

/// A decoder under test.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, the file below `fuzz/fuzz_targets/` too.
    pub name: &'static str,
    /// Panics when something does not hold.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 13] = [
    Target { name: "cbor_value", run: cbor_value },
    Target { name: "entry", run: entry },
    Target { name: "heads", run: heads },
    Target { name: "identity", run: identity },
    Target { name: "manifest", run: manifest },
    Target { name: "access_list", run: access_list },
    Target { name: "order_key", run: order_key },
    Target { name: "address", run: database_address },
    Target { name: "json_value", run: json_value },
    Target { name: "bitswap_message", run: bitswap_message },
    Target { name: "peer_address", run: peer_address },
    Target { name: "certificate", run: certificate_document },
    Target { name: "backup", run: backup },
];

/// What is decoded is encoded as something that decodes to the same; canonical bytes come back as they were.
fn cbor_value(bytes: &[u8]) {
    if let Ok(value) = cbor::decode(bytes) {
        let again = cbor::decode_canonical(&cbor::encode(&value));
        assert_eq!(again.as_ref(), Ok(&value));
        // Reading a payload takes whatever value there is.
        let _ = Operation::of(value);
    }
    if let Ok(value) = cbor::decode_canonical(bytes) {
        assert_eq!(cbor::encode(&value), bytes);
    }
}

/// An entry that is taken has the hash of its bytes and the one encoding.
fn entry(bytes: &[u8]) {
    if let Ok(candidate) = Candidate::decode(Bytes::copy_from_slice(bytes), ENTRY_BYTES) {
        assert_eq!(candidate.entry.hash, Hash::of(bytes));
        assert!(cbor::decode_canonical(bytes).is_ok());
    }
}

/// Heads stand one behind the other: each takes some bytes, none more than there are.
fn heads(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok((_, length)) = cbor::decode_first(rest) {
        assert!(length > 0 && length <= rest.len());
        entry(&rest[..length]);
        rest = &rest[length..];
    }
}

fn identity(bytes: &[u8]) {
    if let Ok(identity) = Identity::decode(bytes) {
        assert_eq!(identity.encode(), bytes);
    }
}

fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::decode(bytes) {
        assert_eq!(manifest.encode(), bytes);
    }
}

fn access_list(bytes: &[u8]) {
    if let Ok(list) = AccessList::decode(bytes) {
        assert_eq!(list.encode(), bytes);
    }
}

fn order_key(bytes: &[u8]) {
    let _ = Position::from_key(bytes);
    let _ = Hash::from_cid_bytes(bytes);
}

/// An address is shown as text that is the same address.
fn database_address(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    if let Ok(hash) = text.parse::<Hash>() {
        assert_eq!(hash.to_string().parse(), Ok(hash));
    }
}

/// A value that the API takes is shown as JSON that is the same value.
fn json_value(bytes: &[u8]) {
    let Ok(document) = json::read::<serde_json::Value>(bytes) else { return };
    if let Ok(value) = json::from_json(&document) {
        assert_eq!(json::from_json(&json::to_json(&value)).as_ref(), Ok(&value));
        assert!(cbor::decode_canonical(&cbor::encode(&value)).is_ok());
    }
}

/// A message is written as bytes that read as the same message.
fn bitswap_message(bytes: &[u8]) {
    if let Ok(message) = Message::decode(bytes) {
        let written = message.encode();
        let prefix = written.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        let again = Message::decode(&written[prefix..]).map(|message| message.encode());
        assert_eq!(again.ok().as_deref(), Some(written.as_slice()));
    }
}

fn peer_address(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        let _ = address::parse(text);
    }
}

/// A backup that is taken whole is written again as the same bytes.
fn backup(bytes: &[u8]) {
    let Ok(mut reader) = Reader::new(bytes) else { return };
    let mut contents = Contents::new(reader.root(), ENTRY_BYTES, |_| false);
    let mut again = Vec::new();
    let Ok(mut writer) = Writer::new(&mut again, reader.root()) else { return };
    while let Ok(Some(block)) = reader.next_block() {
        assert_eq!(block.hash, Hash::of(&block.bytes));
        let (hash, block_bytes) = (block.hash, block.bytes.clone());
        let Ok(part) = contents.take(block, || reader.before_last()) else { return };
        match part {
            Part::Closing(_) => break,
            Part::Entry(entry) => drop(entry.judge()),
            Part::Index | Part::Manifest | Part::Other => {}
        }
        assert!(writer.block(&hash, &block_bytes).is_ok());
    }
    if contents.finish().is_ok() && reader.bytes() == bytes.len() as u64 {
        let entries = contents.index().map_or(0, Index::entries);
        assert!(writer.finish(entries).is_ok());
        assert_eq!(again, bytes);
    }
}

fn certificate_document(bytes: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<certificate::Request>(bytes)
        && let Ok(certificate) = serde_json::from_slice::<certificate::Certificate>(bytes)
    {
        let _ = certificate.answers(&request);
    }
}
