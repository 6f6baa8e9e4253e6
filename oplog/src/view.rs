//! What a log says of keys (wire document, section 8).
//!
//! Readings of keys and documents show, for each key, the newest operation in the order of entries; a deletion hides the
//! key. "Newest" is a maximum over positions, so a view is maintained entry by entry in any order and costs by what is new.

use crate::{
    cbor::{Map, Value},
    hash::Hash,
    order::Position,
};

/// What an operation does, by its name on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// `ADD`: appends a value.
    Add,
    /// `PUT`: sets a key, or stores a document under it.
    Put,
    /// `DEL`: removes a key or a document.
    Del,
    /// One of an app's own. Empty where a payload names none.
    Other(String),
}

impl Op {
    /// The name on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::Add => "ADD",
            Self::Put => "PUT",
            Self::Del => "DEL",
            Self::Other(name) => name,
        }
    }
}

impl From<String> for Op {
    fn from(name: String) -> Self {
        match name.as_str() {
            "ADD" => Self::Add,
            "PUT" => Self::Put,
            "DEL" => Self::Del,
            _ => Self::Other(name),
        }
    }
}

/// An operation as databases write it: the payload of an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What it does.
    pub op: Op,
    /// What it does it to: a text, but for what apps in JavaScript use beside.
    pub key: Option<Value>,
    /// The value that it brings. JavaScript's `events` shows it whatever the operation is.
    pub value: Value,
}

impl Operation {
    /// Appends a value.
    pub fn add(value: Value) -> Self {
        Self { op: Op::Add, key: Some(Value::Null), value }
    }

    /// Sets a key.
    pub fn put(key: impl Into<Value>, value: Value) -> Self {
        Self { op: Op::Put, key: Some(key.into()), value }
    }

    /// Removes a key.
    pub fn del(key: impl Into<Value>) -> Self {
        Self { op: Op::Del, key: Some(key.into()), value: Value::Null }
    }

    /// Reads any payload. What is no operation, an encrypted payload say, does nothing and has no value.
    pub fn of(payload: Value) -> Self {
        let mut fields = match payload {
            Value::Map(fields) => fields,
            _ => Map::new(),
        };
        let op = match fields.remove("op") {
            Some(Value::Text(name)) => name,
            _ => String::new(),
        };
        let (key, value) = (fields.remove("key"), fields.remove("value").unwrap_or(Value::Null));
        Self { op: op.into(), key, value }
    }

    /// The payload.
    pub fn into_payload(self) -> Value {
        let Self { op, key, value } = self;
        Map::from_iter([("op", op.name().into()), ("key", key.unwrap_or(Value::Null)), ("value", value)])
            .into()
    }

    /// The key as views tell keys apart: see [`property_key`].
    pub fn property_key(&self) -> String {
        property_key(self.key.as_ref())
    }

    /// What it does to a view of keys; `None` when it touches none. This is told by the operation alone, whatever a database
    /// is read as, so that a store need not be rebuilt when the reading changes.
    pub fn keyed(&self) -> Option<KeyedOp> {
        let deleted = match self.op {
            Op::Put => false,
            Op::Del => true,
            Op::Add | Op::Other(_) => return None,
        };
        Some(KeyedOp { key: self.property_key(), deleted })
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
