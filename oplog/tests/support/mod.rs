//! Reading the vector files (wire document, section 16).

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses its part")]
#![allow(clippy::cast_possible_truncation, reason = "lengths of signatures fit a byte")]

pub mod forms;

use oplog::{
    Address, Value,
    access::Writers,
    cbor::Map,
    entry::Entry,
    hash::Hash,
    identity::Identity,
    join::{Effect, Joiner, Limits, Policy, Refusal, Source},
    log::{Added, Log, LogRead},
    memory::MemoryLog,
};
use serde_json::Value as Json;
use std::{collections::HashMap, path::PathBuf};

/// The folder of the vectors: `PAPERCLIP_VECTORS`, or the project's own copy.
pub fn folder() -> PathBuf {
    std::env::var_os("PAPERCLIP_VECTORS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors")), PathBuf::from)
}

pub fn load(name: &str) -> Json {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json[key].as_array().unwrap_or_else(|| panic!("no list {key:?}"))
}

pub fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_else(|| panic!("no text {key:?} in {json}"))
}

pub fn bytes(json: &Json, key: &str) -> Vec<u8> {
    hex::decode(text(json, key)).unwrap_or_else(|error| panic!("{key:?}: {error}"))
}

pub fn hash(json: &Json) -> Hash {
    json.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no hash: {json}"))
}

pub fn hashes(json: &Json) -> Vec<Hash> {
    json.as_array().expect("a list of hashes").iter().map(hash).collect()
}

/// A value in the typed notation.
pub fn typed(json: &Json) -> Value {
    let digits = |name: &str| json.get(name).and_then(Json::as_str);
    if let Some(int) = digits("int") {
        return Value::Int(int.parse().expect("an integer"));
    }
    if let Some(float) = digits("f64") {
        return Value::number(float.parse().expect("a float")).expect("finite");
    }
    if let Some(bytes) = digits("bytes") {
        return Value::Bytes(hex::decode(bytes).expect("hex"));
    }
    if let Some(cid) = digits("cid") {
        return Value::Link(cid.parse().expect("a cid"));
    }
    if let Some(items) = json.get("list").and_then(Json::as_array) {
        return Value::List(items.iter().map(typed).collect());
    }
    if let Some(pairs) = json.get("map").and_then(Json::as_array) {
        let pairs = pairs.iter().map(|pair| (pair[0].as_str().expect("a key").to_owned(), typed(&pair[1])));
        return Value::Map(Map::from_pairs(pairs.collect()).expect("unique keys"));
    }
    match json {
        Json::Null => Value::Null,
        Json::Bool(bool) => Value::Bool(*bool),
        Json::String(text) => Value::Text(text.clone()),
        other => panic!("not in typed notation: {other}"),
    }
}

/// The identity blocks of a file, by hash.
pub fn identities(file: &Json) -> HashMap<Hash, Vec<u8>> {
    list(file, "identities")
        .iter()
        .map(|identity| {
            let block = bytes(identity, "blockHex");
            assert_eq!(Identity::decode(&block).expect("an identity").hash(), hash(&identity["hash"]));
            (hash(&identity["hash"]), block)
        })
        .collect()
}

/// The entry of a stored block as something to be committed.
pub fn added(block: Vec<u8>) -> Added {
    let entry = Entry::decode(&block).expect("an entry");
    Added::of(entry, block.into())
}

/// Hashes of everything in a log, newest first.
pub fn order(log: &MemoryLog) -> Vec<Hash> {
    log.newest_first(None).map(|position| position.expect("memory does not fail").hash).collect()
}

/// A replica that is offered one head after another, with a few blocks to be had at once.
pub struct Replica {
    pub joiner: Joiner<u8>,
    pub log: Log,
    pub store: MemoryLog,
}

impl Replica {
    pub fn new(address: Address, writers: Writers, policy: Policy) -> Self {
        let joiner = Joiner::new(address, writers, policy, Limits::default());
        Self { joiner, log: Log::empty(address), store: MemoryLog::default() }
    }

    /// Whether the entry is in the log afterwards; what is refused on the way goes to `refused`.
    pub fn offer(
        &mut self,
        block: Vec<u8>,
        blocks: &HashMap<Hash, Vec<u8>>,
        refused: &mut HashMap<Hash, Refusal>,
    ) -> bool {
        let hash = Hash::of(&block);
        let mut effects = Vec::new();
        self.joiner
            .head(block.into(), Source::Peer(1), &self.store, &mut effects)
            .expect("memory does not fail");
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::Fetch(want) => match blocks.get(&want.hash) {
                    Some(block) => self.joiner.block(block.clone().into(), &mut effects),
                    None => self.joiner.give_up(want.hash, &mut effects),
                },
                Effect::Verify(job) => {
                    self.joiner.verdict(job.run(), &self.store, &mut effects).expect("memory does not fail")
                }
                Effect::Refused { hash, reason, .. } => drop(refused.insert(hash, reason)),
                Effect::Cancel(_) | Effect::Unstage(_) | Effect::KeepIdentity(..) => {}
            }
        }
        let ready = self.joiner.take_ready(usize::MAX).into_iter();
        let entries: Vec<Added> = ready
            .map(|mut ready| {
                let block = ready.block.take().expect("nothing was staged");
                ready.with_block(block)
            })
            .collect();
        self.log.join(&entries);
        let commit = self.log.commit(entries, &self.store).expect("memory does not fail");
        self.store.apply(commit);
        assert_eq!(self.joiner.pending_bytes(), 0, "nothing is left behind");
        self.store.contains(&hash).expect("memory does not fail")
    }
}
