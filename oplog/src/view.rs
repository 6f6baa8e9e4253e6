//! What a type makes of a log (wire document, section 8).
//!
//! `events` is the log itself. `keyvalue` and `documents` show, for each key, the newest operation in the order of
//! entries; a deletion hides the key. "Newest" is a maximum over positions, so a view is maintained entry by entry in any
//! order and costs by what is new.

use crate::{
    cbor::{Map, Value},
    hash::Hash,
    order::Position,
};

/// The field of a document that names it.
pub const DOCUMENT_ID: &str = "_id";

/// An operation as databases write it: the payload of an entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Appends a value to an `events` database.
    Add(Value),
    /// Sets a key, or stores a document under its id.
    Put(String, Value),
    /// Removes a key or a document.
    Del(String),
}

impl Operation {
    /// Appends a value to an `events` database.
    pub fn add(value: Value) -> Self {
        Self::Add(value)
    }

    /// The key that it sets or removes.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Add(_) => None,
            Self::Put(key, _) | Self::Del(key) => Some(key),
        }
    }

    /// The payload.
    pub fn into_payload(self) -> Value {
        let (op, key, value) = match self {
            Self::Add(value) => ("ADD", Value::Null, value),
            Self::Put(key, value) => ("PUT", key.into(), value),
            Self::Del(key) => ("DEL", key.into(), Value::Null),
        };
        Map::from_iter([("op", op.into()), ("key", key), ("value", value)]).into()
    }

    /// Reads a payload; `None` for one of another shape, which views skip.
    pub fn from_payload(payload: Value) -> Option<Self> {
        let Value::Map(mut map) = payload else { return None };
        let value = map.remove("value").unwrap_or(Value::Null);
        let key = map.remove("key");
        match (map.get("op")?.as_text()?, key) {
            ("ADD", _) => Some(Self::Add(value)),
            ("PUT", Some(Value::Text(key))) => Some(Self::Put(key, value)),
            ("DEL", Some(Value::Text(key))) => Some(Self::Del(key)),
            _ => None,
        }
    }
}

/// What an entry does to a view of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedOp {
    /// The key.
    pub key: String,
    /// Whether the key is removed rather than set.
    pub deleted: bool,
}

impl KeyedOp {
    /// What a payload does; `None` when it touches no key.
    pub fn of(payload: &Value) -> Option<Self> {
        let key = payload.get("key")?.as_text()?.to_owned();
        match payload.get("op")?.as_text()? {
            "PUT" => Some(Self { key, deleted: false }),
            "DEL" => Some(Self { key, deleted: true }),
            _ => None,
        }
    }
}

/// The entry that decides what a key shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Winner {
    /// Where it stands in the log.
    pub position: Position,
    /// Whether it removed the key.
    pub deleted: bool,
}

impl Winner {
    /// The entry's hash.
    pub fn hash(&self) -> Hash {
        self.position.hash
    }
}

/// A key whose winner changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewChange {
    /// The key.
    pub key: String,
    /// The entry that wins from now on.
    pub winner: Winner,
    /// The entry that won before.
    pub replaced: Option<Winner>,
}
