//! The reading of one database: a type, and the field that names an item where the type needs one.

use super::{
    database_type::{DatabaseType, Misfit, Types, View, named, names},
    events::Events,
};
use crate::{
    cbor::Value,
    view::{Op, Operation, property_key},
};
use std::fmt;

/// The word for a reading that is found from the operations rather than chosen.
pub const AUTO: &str = "auto";

/// A word that names no type, or a field for one that has none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownReading {
    /// The word, and those that would do.
    #[error("{0:?} is not one of {1}")]
    Word(String, String),
    /// The type.
    #[error("{0} has no field to index by: its items hold no key")]
    Field(String),
}

/// How one database is understood.
#[derive(Debug, Clone)]
pub struct Reading {
    kind: &'static dyn DatabaseType,
    index_by: Option<String>,
}

impl Reading {
    /// The reading of a type, by its usual field if it has one.
    pub fn of(kind: &'static dyn DatabaseType) -> Self {
        Self { kind, index_by: kind.index_by().map(str::to_owned) }
    }

    /// The same by another field; by the usual one if none is given.
    pub fn by(self, field: Option<&str>) -> Result<Self, UnknownReading> {
        match field {
            None => Ok(self),
            Some(_) if self.index_by.is_none() => Err(UnknownReading::Field(self.name().to_owned())),
            Some(field) => Ok(self.named_by(field.to_owned())),
        }
    }

    pub(super) fn named_by(self, field: String) -> Self {
        Self { index_by: Some(field), ..self }
    }

    /// Reads the name of a type and the field that goes with it.
    pub fn parse(types: &Types, name: &str, index_by: Option<&str>) -> Result<Self, UnknownReading> {
        let unknown = || UnknownReading::Word(name.to_owned(), names(types).collect::<Vec<_>>().join(", "));
        Self::of(named(types, name).ok_or_else(unknown)?).by(index_by)
    }

    /// The name of the type.
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// How the content is laid out.
    pub fn view(&self) -> View {
        self.kind.view()
    }

    /// The field that names an item.
    pub fn index_by(&self) -> Option<&str> {
        self.index_by.as_deref()
    }

    /// Whether a client may write this operation.
    pub fn check(&self, operation: &Operation) -> Result<(), Misfit> {
        self.kind.check(operation)?;
        match &self.index_by {
            Some(field) if operation.op == Op::Put => {
                let key = operation.property_key();
                let held = operation.value.get(field).is_some_and(|held| property_key(Some(held)) == key);
                if held { Ok(()) } else { Err(Misfit::Key { field: field.clone(), key }) }
            }
            _ => Ok(()),
        }
    }

    /// The operation that stores a value under a key. The key is what the field holds, a number say, where that is the same
    /// to JavaScript's views: JavaScript tells 1 from "1" when it is asked for one document.
    pub fn put(&self, key: Value, value: Value) -> Operation {
        let held = self.index_by.as_deref().and_then(|field| value.get(field));
        let held = held.filter(|held| property_key(Some(held)) == property_key(Some(&key))).cloned();
        Operation::put(held.unwrap_or(key), value)
    }
}

impl Default for Reading {
    fn default() -> Self {
        Self::of(&Events)
    }
}

impl PartialEq for Reading {
    fn eq(&self, other: &Self) -> bool {
        (self.name(), &self.index_by) == (other.name(), &other.index_by)
    }
}

impl Eq for Reading {}

/// `events`, `keyvalue`, `documents by <field>`.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self.index_by() {
            Some(field) if self.kind.index_by() != Some(field) => write!(f, " by {field}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cbor::Map,
        reading::{Documents, TYPES},
    };

    #[test]
    fn names_are_read_with_their_field() {
        let parse = |name, field| Reading::parse(TYPES, name, field);
        assert_eq!(parse("documents", None), Ok(Reading::of(&Documents)));
        assert_eq!(parse("documents", Some("n")).unwrap().index_by(), Some("n"));
        assert_eq!(parse("keyvalue", Some("n")), Err(UnknownReading::Field("keyvalue".into())));
        let unknown = parse("table", None).unwrap_err().to_string();
        assert!(unknown.starts_with("\"table\" is not one of events, keyvalue, "), "{unknown}");
    }

    #[test]
    fn a_document_is_put_under_what_its_field_holds() {
        let by_n = Reading::of(&Documents).by(Some("n")).unwrap();
        let document = |n: Value| Value::from(Map::from_iter([("n", n)]));
        let put = by_n.put("1".into(), document(1.into()));
        assert_eq!((put.key.clone(), by_n.check(&put)), (Some(1.into()), Ok(())));
        for value in [document("2".into()), "text".into(), Map::new().into()] {
            let misfit = by_n.check(&by_n.put("1".into(), value)).unwrap_err();
            assert_eq!(misfit.to_string(), "the document must be an object whose n is \"1\"");
        }
        assert_eq!(by_n.check(&Operation::del("1")), Ok(()));
        assert!(by_n.check(&Operation::add(document(1.into()))).is_err());
    }
}
