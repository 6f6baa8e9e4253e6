//! What a log says of keys (wire document, section 8).
//!
//! Readings of keys and documents show, for each key, the newest operation in the order of entries; a deletion hides the
//! key. "Newest" is a maximum over positions, so a view is maintained entry by entry in any order and costs by what is new.

use crate::{
    cbor::{Map, Value},
    hash::Hash,
    order::Position,
};

/// An operation as databases write it: the payload of an entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Appends a value.
    Add(Value),
    /// Sets a key, or stores a document under it. A key is a text, but for what apps in JavaScript use beside.
    Put(Value, Value),
    /// Removes a key or a document.
    Del(Value),
}

impl Operation {
    /// Appends a value.
    pub fn add(value: Value) -> Self {
        Self::Add(value)
    }

    /// Sets a key.
    pub fn put(key: impl Into<Value>, value: Value) -> Self {
        Self::Put(key.into(), value)
    }

    /// Removes a key.
    pub fn del(key: impl Into<Value>) -> Self {
        Self::Del(key.into())
    }

    /// The key that it sets or removes, as views tell keys apart.
    pub fn key(&self) -> Option<String> {
        match self {
            Self::Add(_) => None,
            Self::Put(key, _) | Self::Del(key) => Some(property_key(Some(key))),
        }
    }

    /// The payload.
    pub fn into_payload(self) -> Value {
        let (op, key, value) = match self {
            Self::Add(value) => ("ADD", Value::Null, value),
            Self::Put(key, value) => ("PUT", key, value),
            Self::Del(key) => ("DEL", key, Value::Null),
        };
        Map::from_iter([("op", op.into()), ("key", key), ("value", value)]).into()
    }
}

/// What an entry does to a view of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedOp {
    /// The key, as JavaScript's views tell keys apart: see [`property_key`].
    pub key: String,
    /// Whether the key is removed rather than set.
    pub deleted: bool,
}

impl KeyedOp {
    /// What a payload does; `None` when it touches no key.
    pub fn of(payload: &Value) -> Option<Self> {
        let deleted = match payload.get("op")?.as_text()? {
            "PUT" => false,
            "DEL" => true,
            _ => return None,
        };
        Some(Self { key: property_key(payload.get("key")), deleted })
    }
}

/// What a payload says: the value of its operation. JavaScript's `events` shows it whatever the operation is.
pub fn value_of(payload: Value) -> Value {
    match payload {
        Value::Map(mut payload) => payload.remove("value").unwrap_or(Value::Null),
        _ => Value::Null,
    }
}

/// The name of the property that JavaScript makes of a key: `String(key)`. Its views keep keys as properties of an object,
/// so 1 and "1" are one key to them, and a key that is missing is called `undefined`.
pub fn property_key(key: Option<&Value>) -> String {
    match key {
        None => "undefined".to_owned(),
        Some(Value::Null) => "null".to_owned(),
        Some(Value::Bool(bool)) => bool.to_string(),
        Some(Value::Int(int)) => int.to_string(),
        Some(Value::Float(float)) => ryu_js::Buffer::new().format(*float).to_owned(),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Bytes(bytes)) => joined(bytes.iter().map(u8::to_string)),
        Some(Value::List(list)) => joined(list.iter().map(|item| match item {
            Value::Null => String::new(),
            item => property_key(Some(item)),
        })),
        Some(Value::Map(_)) => "[object Object]".to_owned(),
        Some(Value::Link(cid)) => cid.to_string(),
    }
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_names_that_javascript_gives_them() {
        let list =
            Value::List(vec![1.into(), Value::Null, "a".into(), Value::List(vec![2.into(), 3.into()])]);
        for (key, name) in [
            (None, "undefined"),
            (Some(Value::Null), "null"),
            (Some(Value::Bool(true)), "true"),
            (Some(Value::Int(-1)), "-1"),
            (Some(Value::Int(1 << 60)), "1152921504606846976"),
            (Some(Value::Float(0.1)), "0.1"),
            (Some(Value::Float(1e21)), "1e+21"),
            (Some(Value::Float(1e20)), "100000000000000000000"),
            (Some(Value::Float(1e-7)), "1e-7"),
            (Some("text".into()), "text"),
            (Some(Value::Bytes(vec![1, 255])), "1,255"),
            (Some(list), "1,,a,2,3"),
            (Some(Map::new().into()), "[object Object]"),
        ] {
            assert_eq!(property_key(key.as_ref()), name, "{key:?}");
        }
    }
}
