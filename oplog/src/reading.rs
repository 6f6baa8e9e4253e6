//! How a database's operations are understood.
//!
//! The manifest's type is a hint and no more: `open(name, { Database: Documents() })` writes `events` into it, as does every
//! database of a type that an app brings itself. What is in the log tells more.

use crate::{
    cbor::Value,
    view::{Operation, property_key},
};
use std::{convert::Infallible, fmt};

/// The field that names a document, unless another one is chosen.
pub const DOCUMENT_ID: &str = "_id";

/// How many entries from the oldest on are looked at to find a reading. What comes later changes nothing, so that a database
/// does not change under its clients.
pub const SAMPLED: usize = 16;

/// What clients see of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Reading {
    /// The value of every operation, whatever it does.
    #[default]
    Events,
    /// Keys and their newest values.
    KeyValue,
    /// Keys and their newest values, which are documents that hold their key.
    Documents {
        /// The field that holds it: JavaScript's `indexBy`.
        index_by: String,
    },
}

/// A word that names no reading, or a field for one that has none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownReading {
    /// The word.
    #[error("{0:?} is not one of events, keyvalue, documents")]
    Word(String),
    /// The field.
    #[error("only documents are indexed by a field; {0} has none")]
    Field(&'static str),
}

impl Reading {
    /// Documents by a field, [`DOCUMENT_ID`] unless it is given.
    pub fn documents(index_by: Option<&str>) -> Self {
        Self::Documents { index_by: index_by.unwrap_or(DOCUMENT_ID).to_owned() }
    }

    /// Reads a word and the field that goes with `documents`.
    pub fn parse(word: &str, index_by: Option<&str>) -> Result<Self, UnknownReading> {
        let plain = match word {
            "documents" => return Ok(Self::documents(index_by)),
            "events" => Self::Events,
            "keyvalue" => Self::KeyValue,
            _ => return Err(UnknownReading::Word(word.to_owned())),
        };
        if index_by.is_some() { Err(UnknownReading::Field(plain.word())) } else { Ok(plain) }
    }

    /// The word for it, which is also the type in the manifest of a database that is made to be read so.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::KeyValue => "keyvalue",
            Self::Documents { .. } => "documents",
        }
    }

    /// The field that names a document.
    pub fn index_by(&self) -> Option<&str> {
        match self {
            Self::Documents { index_by } => Some(index_by),
            Self::Events | Self::KeyValue => None,
        }
    }

    /// The reading of a log whose manifest names the type `hint` and whose oldest payloads are these; at most [`SAMPLED`] of
    /// them are drawn. A type that is not known is read as events.
    pub fn find(hint: &str, oldest: impl IntoIterator<Item = Value>) -> Self {
        let found: Result<Self, Infallible> = Self::try_find(hint, oldest.into_iter().map(Ok));
        match found {
            Ok(found) => found,
            Err(never) => match never {},
        }
    }

    /// As [`find`](Self::find), where drawing can fail.
    pub fn try_find<E>(hint: &str, oldest: impl IntoIterator<Item = Result<Value, E>>) -> Result<Self, E> {
        match hint {
            "keyvalue" => return Ok(Self::KeyValue),
            "documents" | "events" => {}
            _ => return Ok(Self::Events),
        }
        let (mut any, mut fields) = (false, None);
        for payload in oldest.into_iter().take(SAMPLED) {
            let operation = Operation::of(payload?);
            let Some(op) = operation.keyed() else {
                if hint == "events" {
                    return Ok(Self::Events);
                }
                continue;
            };
            any = true;
            if !op.deleted {
                narrow(&mut fields, &op.key, &operation.value);
            }
        }
        let field = fields.and_then(preferred);
        Ok(match (hint, field) {
            ("documents", field) => Self::documents(field.as_deref()),
            (_, Some(field)) => Self::documents(Some(&field)),
            (_, None) if any => Self::KeyValue,
            _ => Self::Events,
        })
    }
}

/// Keeps the fields that hold the key, in this document as in those before.
fn narrow(fields: &mut Option<Vec<String>>, key: &str, document: &Value) {
    let holds = |field: &str| document.get(field).is_some_and(|value| property_key(Some(value)) == key);
    match fields {
        Some(fields) => fields.retain(|field| holds(field)),
        None => {
            let names = document.as_map().into_iter().flat_map(|map| map.iter());
            *fields =
                Some(names.map(|(name, _)| name).filter(|name| holds(name)).map(str::to_owned).collect());
        }
    }
}

/// The usual field if it is among them, or the first in the order of maps.
fn preferred(fields: Vec<String>) -> Option<String> {
    let at = fields.iter().position(|field| field == DOCUMENT_ID).unwrap_or(0);
    fields.into_iter().nth(at)
}

/// `events`, `keyvalue`, `documents by <field>`.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self.index_by() {
            Some(field) if field != DOCUMENT_ID => write!(f, " by {field}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor::Map;

    fn document(fields: &[(&str, &str)]) -> Value {
        Map::from_iter(fields.iter().map(|(name, value)| (*name, Value::from(*value)))).into()
    }

    fn put(key: &str, value: Value) -> Value {
        Operation::put(key, value).into_payload()
    }

    fn add() -> Value {
        Operation::add("event".into()).into_payload()
    }

    #[test]
    fn operations_tell_more_than_the_manifest() {
        let by_id = put("a", document(&[("myCustomId", "a"), ("text", "hello")]));
        let other = put("b", document(&[("myCustomId", "b"), ("text", "b")]));
        let usual = put("a", document(&[("_id", "a"), ("aa", "a")]));
        let plain = put("a", "value".into());
        let gone = Operation::del("a").into_payload();
        for (hint, payloads, found) in [
            ("events", vec![], "events"),
            ("events", vec![add(), plain.clone()], "events"),
            ("events", vec![plain.clone(), add()], "events"),
            ("events", vec![gone.clone()], "keyvalue"),
            ("events", vec![plain.clone(), gone.clone()], "keyvalue"),
            ("events", vec![by_id.clone(), plain.clone()], "keyvalue"),
            ("events", vec![by_id.clone(), gone, other.clone()], "documents by myCustomId"),
            ("events", vec![other, by_id.clone()], "documents by myCustomId"),
            ("events", vec![usual.clone()], "documents"),
            ("keyvalue", vec![by_id.clone()], "keyvalue"),
            ("documents", vec![], "documents"),
            ("documents", vec![by_id.clone()], "documents by myCustomId"),
            ("documents", vec![plain, by_id.clone()], "documents"),
            ("documents", vec![usual], "documents"),
            ("lists", vec![by_id], "events"),
        ] {
            assert_eq!(Reading::find(hint, payloads.clone()).to_string(), found, "{hint}: {payloads:?}");
        }
    }

    #[test]
    fn the_oldest_operations_decide() {
        let keys = || std::iter::repeat_n(put("a", "value".into()), SAMPLED);
        assert_eq!(Reading::find("events", keys().chain([add()])), Reading::KeyValue);
        assert_eq!(Reading::find("events", [add()].into_iter().chain(keys())), Reading::Events);
    }

    #[test]
    fn words_are_read_with_their_field() {
        assert_eq!(Reading::parse("documents", None), Ok(Reading::documents(None)));
        assert_eq!(Reading::parse("documents", Some("n")).unwrap().index_by(), Some("n"));
        assert_eq!(Reading::parse("keyvalue", Some("n")), Err(UnknownReading::Field("keyvalue")));
        assert!(Reading::parse("table", None).is_err());
    }
}
