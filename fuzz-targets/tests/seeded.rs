//! Mutants of the vectors for every target. `PAPERCLIP_SEED=<number printed>` repeats a run, `PAPERCLIP_FUZZ_CASES` makes it longer.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use paperclip_fuzz_targets::{TARGETS, corpus, mutant};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Mutants for each target.
const CASES: u32 = 3_000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn no_decoder_panics_and_what_it_takes_it_would_write() {
    let seed = number("PAPERCLIP_SEED").unwrap_or_else(|| rand::rng().random());
    let cases = number("PAPERCLIP_FUZZ_CASES").unwrap_or(CASES.into());
    println!("PAPERCLIP_SEED={seed}");
    let inputs = corpus();
    for target in TARGETS {
        let mut random = StdRng::seed_from_u64(seed);
        let mutants = (0..cases).map(|_| mutant(&inputs, &mut random));
        for input in inputs.iter().cloned().chain(mutants) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(&input))) {
                println!("target {}, input {}", target.name, hex::encode(input));
                resume_unwind(panic);
            }
        }
    }
}

#[test]
fn the_corpus_has_something_that_each_decoder_takes() {
    let inputs = corpus();
    let taken = |takes: fn(&[u8]) -> bool| inputs.iter().any(|input| takes(input));
    assert!(taken(|input| oplog::cbor::decode_canonical(input).is_ok()));
    assert!(taken(|input| oplog::entry::Entry::decode(input).is_ok()));
    assert!(taken(|input| oplog::identity::Identity::decode(input).is_ok()));
    assert!(taken(|input| oplog::manifest::Manifest::decode(input).is_ok()));
    assert!(taken(|input| oplog::access::AccessList::decode(input).is_ok()));
    assert!(taken(
        |input| p2p::bitswap::message::Message::decode(input).is_ok_and(|message| !message.is_empty())
    ));
    assert!(taken(|input| {
        let Ok(mut reader) = car::Reader::new(input) else { return false };
        let mut contents = car::Contents::new(reader.root(), 1 << 20, |_| false);
        while let Ok(Some(block)) = reader.next_block() {
            if contents.take(block, || reader.before_last()).is_err() {
                return false;
            }
        }
        contents.finish().is_ok()
    }));
    let text = |input: &[u8]| String::from_utf8_lossy(input).into_owned();
    assert!(inputs.iter().any(|input| text(input).parse::<oplog::Address>().is_ok()));
    assert!(inputs.iter().any(|input| paperclip_client::address::parse(&text(input)).is_some()));
}

#[test]
fn every_target_has_its_file_for_libfuzzer() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/fuzz_targets");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|file| file.expect("a file").file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
        .collect();
    files.sort();
    let mut names = TARGETS.map(|target| target.name.to_owned());
    names.sort();
    assert_eq!(files, names);
}
