//! Rate of decoding: how many blocks of the vectors are read in a second, values, entries and identities.
//!
//! `cargo run --release -p oplog --example decode_rate`

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use oplog::{cbor, entry::Candidate, identity::Identity};
use serde_json::Value;

/// How often a rate is measured, and how long. The best is told: the others are what else the machine did.
const ROUNDS: u32 = 10;
const MEASURED: Duration = Duration::from_millis(300);
/// The largest entry that is read.
const ENTRY_BYTES: usize = 1 << 20;

fn main() {
    let mut blocks = Vec::new();
    for vectors in
        [include_str!("../tests/vectors/entries.json"), include_str!("../tests/vectors/keyvalue.json")]
    {
        collect(&serde_json::from_str(vectors).unwrap_or_default(), &mut blocks);
    }
    report("values", &blocks, |block| cbor::decode_canonical(block).is_ok());
    report("entries", &blocks, |block| Candidate::decode(block.clone(), ENTRY_BYTES).is_ok());
    report("identities", &blocks, |block| Identity::decode(block).is_ok());
}

fn collect(vectors: &Value, blocks: &mut Vec<Bytes>) {
    match vectors {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "blockHex" => {
                        blocks.extend(hex::decode(text).map(Bytes::from));
                    }
                    other => collect(other, blocks),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, blocks)),
        _ => {}
    }
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn report(what: &str, blocks: &[Bytes], read: impl Fn(&Bytes) -> bool) {
    let read_ones: Vec<&Bytes> = blocks.iter().filter(|block| read(block)).collect();
    let rate = |_| {
        let (started, mut count) = (Instant::now(), 0_u32);
        while started.elapsed() < MEASURED {
            for block in &read_ones {
                black_box(read(black_box(block)));
                count += 1;
            }
        }
        f64::from(count) / started.elapsed().as_secs_f64()
    };
    let best = (0..ROUNDS).map(rate).fold(0.0, f64::max);
    println!("{what}: {best:.0} a second");
}
