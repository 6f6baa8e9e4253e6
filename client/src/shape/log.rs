//! What is in a database: entries, events, keys, documents.

use oplog::json::to_json;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// An entry under JavaScript's field names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its hash.
    pub hash: String,
    /// The database's address.
    pub id: String,
    /// The operation.
    pub payload: Json,
    /// The entries that were heads when it was written.
    pub next: Vec<String>,
    /// Older entries, for shorter ways through the log.
    pub refs: Vec<String>,
    /// When it was written.
    pub clock: Clock,
    /// The version of the format: 2 in what OrbitDB writes.
    pub v: Json,
    /// The signing key, public half in hex.
    pub key: String,
    /// The hash of the writer's identity.
    pub identity: String,
    /// The signature, DER in hex.
    pub sig: String,
}

/// A Lamport clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Whose clock it is: a signing key in what OrbitDB writes.
    pub id: String,
    /// What it shows.
    pub time: Json,
}

impl From<&oplog::Entry> for Entry {
    fn from(entry: &oplog::Entry) -> Self {
        let hashes = |hashes: &[oplog::Hash]| hashes.iter().map(ToString::to_string).collect();
        Self {
            hash: entry.hash.to_string(),
            id: entry.id.to_string(),
            payload: to_json(&entry.payload),
            next: hashes(&entry.next),
            refs: hashes(&entry.refs),
            clock: Clock { id: entry.clock.id.to_string(), time: to_json(&entry.clock.time.to_value()) },
            v: to_json(&entry.v),
            key: entry.key.to_string(),
            identity: entry.identity.to_string(),
            sig: entry.sig.to_string(),
        }
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The entry's hash.
    pub hash: String,
    /// The value.
    pub value: Json,
}

/// One key or document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The hash of the entry that set it.
    pub hash: String,
    /// The key. One that is not a text is shown as JavaScript's `String(key)`.
    pub key: String,
    /// The value.
    pub value: Json,
}

/// What a write is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The hash of its entry.
    pub hash: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use oplog::{
        Address, Hash,
        entry::Draft,
        keys::SigningKey,
        order::{Clock, Time},
        view::Operation,
    };
    use serde_json::json;

    #[test]
    fn entries_have_javascripts_fields() {
        let key = SigningKey::from_bytes([1; 32]).unwrap();
        let draft = Draft {
            id: Address::new(Hash::of(b"log")),
            payload: Operation::add("x".into()).into_payload(),
            next: vec![Hash::of(b"a")],
            refs: vec![],
            clock: Clock { id: "clock".into(), time: Time::ZERO.next().unwrap() },
        };
        let (entry, _) = oplog::Entry::sign(draft, Hash::of(b"identity"), &key);
        let shown = serde_json::to_value(Entry::from(&entry)).unwrap();
        assert_eq!(shown["payload"], json!({ "op": "ADD", "key": null, "value": "x" }));
        assert_eq!(shown["clock"], json!({ "id": "clock", "time": 1 }));
        assert_eq!((&shown["v"], &shown["next"]), (&json!(2), &json!([Hash::of(b"a").to_string()])));
        let mut names: Vec<&String> = shown.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["clock", "hash", "id", "identity", "key", "next", "payload", "refs", "sig", "v"]);
    }
}
