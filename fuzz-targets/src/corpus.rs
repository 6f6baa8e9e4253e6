//! Corpus: the inputs that mutants are made of, taken from the vectors that JavaScript OrbitDB wrote.

use car::{Index, Indexed, Role, Writer};
use oplog::{
    Hash,
    access::AccessList,
    cbor::Map,
    identity::Identity,
    keys::SigningKey,
    log::{Log, Writer as Author},
    manifest::{AccessAddress, Manifest},
    view::Operation,
};
use serde_json::Value;

const VECTORS: [&str; 6] = [
    include_str!("../../oplog/tests/vectors/encoding.json"),
    include_str!("../../oplog/tests/vectors/entries.json"),
    include_str!("../../oplog/tests/vectors/manifests.json"),
    include_str!("../../oplog/tests/vectors/orbitdb-access-controller.json"),
    include_str!("../../oplog/tests/vectors/keyvalue.json"),
    include_str!("../../oplog/tests/vectors/verdicts.json"),
];

/// Inputs that no vector has.
const TEXTS: [&str; 6] = [
    r#"{"/":{"bytes":"AAEC"}}"#,
    r#"{"a":[1,2.5,-3e300,18446744073709551615,{"/":{"int":"-18446744073709551616"}}],"b":{"/":{"map":{"/":null}}}}"#,
    r#"{"id":"02ab","public_key":"03cd","signature_id":"3045","type":"publickey","signatures":{"id":"30","publicKey":"30"}}"#,
    "/ip4/10.1.2.3/tcp/4747/p2p/12D3KooWMC41nu1ihbmgK4vcppS4w4HrGa8DH8novuy7Lh1oe2SV",
    "/dns4/node.example/tcp/443/wss/p2p/12D3KooWMC41nu1ihbmgK4vcppS4w4HrGa8DH8novuy7Lh1oe2SV",
    "/orbitdb/zdpuAtAEwP5kN6qtBoa2v6E5G2WCZDoH4DbUtDtAqbxM8vrbe",
];

/// The inputs: every block of the vectors, their addresses, a bitswap message with one of the blocks, and a backup.
pub fn corpus() -> Vec<Vec<u8>> {
    let mut inputs: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect();
    for vectors in VECTORS {
        collect(&serde_json::from_str(vectors).unwrap_or_default(), &mut inputs);
    }
    let blocks: Vec<Vec<u8>> = inputs.iter().filter(|input| input.len() > 64).take(8).cloned().collect();
    inputs.extend(blocks.iter().map(|block| message(block)));
    inputs.extend(backup());
    inputs
}

fn collect(vectors: &Value, inputs: &mut Vec<Vec<u8>>) {
    match vectors {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "hex" || name.ends_with("Hex") => {
                        inputs.extend(hex::decode(text))
                    }
                    Value::String(text) if name == "address" => inputs.push(text.as_bytes().to_vec()),
                    other => collect(other, inputs),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, inputs)),
        _ => {}
    }
}

/// A bitswap message with one block, spelled out: field 3, its prefix (CIDv1, dag-cbor, sha2-256 of 32 bytes) and its data.
fn message(block: &[u8]) -> Vec<u8> {
    let mut inner = vec![0x0a, 4, 0x01, 0x71, 0x12, 0x20, 0x12];
    inner.extend(varint(block.len()));
    inner.extend(block);
    let mut message = vec![0x1a];
    message.extend(varint(inner.len()));
    message.extend(inner);
    message
}

/// A backup of a database with three entries.
fn backup() -> Option<Vec<u8>> {
    let key = SigningKey::from_bytes([7; 32]).ok()?;
    let identity = Identity::create(&key, &key);
    let access = AccessList { write: vec![identity.id.clone()] };
    let list = AccessAddress::Ipfs(access.hash());
    let manifest = Manifest { name: "log".to_owned(), kind: "events".to_owned(), access: list, meta: None };
    let writer = Author::new(identity.clone(), key);
    let mut log = Log::empty(manifest.address());
    let mut entries = Vec::new();
    for number in 0..3_i64 {
        entries.push(log.append(Operation::add(number.into()), &writer).ok()?);
    }
    let database = Indexed {
        address: manifest.address(),
        role: Role::Pinned(Map::new().into()),
        name: manifest.name.clone(),
        reading: "events".to_owned(),
        heads: log.heads().iter().map(|head| head.hash).collect(),
        entries: log.len(),
    };
    let index = Index {
        program: "0".to_owned(),
        created: 0,
        cluster: identity.id.clone(),
        databases: vec![database],
        missing: Vec::new(),
    };
    let mut bytes = Vec::new();
    let mut file = Writer::new(&mut bytes, index.hash()).ok()?;
    let definition = [index.encode().into(), manifest.encode(), access.encode(), identity.encode()];
    for block in definition.into_iter().chain(entries.into_iter().map(|entry| entry.block)) {
        file.block(&Hash::of(&block), &block).ok()?;
    }
    file.finish(log.len()).ok()?;
    Some(bytes)
}

fn varint(mut number: usize) -> Vec<u8> {
    let low_bits = |number: usize| number.to_le_bytes()[0] & 0x7f;
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(low_bits(number) | 0x80);
        number >>= 7;
    }
    bytes.push(low_bits(number));
    bytes
}
