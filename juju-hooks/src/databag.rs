//! Structs as relation data, and back.
//!
//! A databag is a map of strings. A struct's field `peer_id` (or what `#[serde(rename_all = "kebab-case")]` makes of
//! it) is one key. Strings, and enums without data, are stored as they are; everything else as JSON with sorted keys
//! and no spaces, so that the same data is always the same bytes: Juju compares bags as text and runs
//! `relation-changed` on the other side for any difference. `None` is an absent key.
//!
//! Reading ignores unknown keys (Juju adds `private-address` and others to unit bags; a newer revision of the charm
//! adds its own), unless the type says `#[serde(deny_unknown_fields)]`.
//!
//! ```
//! use juju_hooks::databag;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(rename_all = "kebab-case")]
//! struct Bag {
//!     peer_id: String,
//!     addresses: Vec<String>,
//!     #[serde(default, skip_serializing_if = "Option::is_none")]
//!     version: Option<String>,
//! }
//!
//! let bag = Bag { peer_id: "12D3".into(), addresses: vec!["/ip4/10.0.0.1/tcp/4747".into()], version: None };
//! let written = databag::encode(&bag)?;
//! assert_eq!(written["addresses"], r#"["/ip4/10.0.0.1/tcp/4747"]"#);
//! assert_eq!(databag::decode::<Bag>(&written)?, bag);
//! # Ok::<(), databag::BagError>(())
//! ```

use std::collections::{BTreeMap, btree_map};

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor,
};
use serde::{Serialize, forward_to_deserialize_any};
use serde_json::Value;
use serde_json::de::StrRead;

/// The data of one bag, as Juju holds it.
pub type Bag = BTreeMap<String, String>;

/// Why data does not fit a databag, or a databag not the type.
#[derive(Debug, thiserror::Error)]
pub enum BagError {
    /// The value is not a struct or map with string keys.
    #[error("only structs and maps can be relation data")]
    NotAMap,
    /// The value cannot be written as JSON, or the bag's text is not what the type wants.
    #[error("relation data: {0}")]
    Json(#[from] serde_json::Error),
}

/// Writes a struct as the keys of a bag.
///
/// # Errors
/// [`BagError`] when the value is no struct or map, or cannot be written as JSON.
pub fn encode<T: Serialize>(value: &T) -> Result<Bag, BagError> {
    let Value::Object(fields) = serde_json::to_value(value)? else {
        return Err(BagError::NotAMap);
    };
    fields
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            other => Ok((key, canonical(&other)?)),
        })
        .collect()
}

/// JSON text with sorted keys and no spaces: the same data is always the same text.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn canonical<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    fn sorted(value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                // `serde_json::Map` keeps insertion order when any crate of the build asks for it.
                let fields: BTreeMap<String, Value> =
                    fields.into_iter().map(|(k, v)| (k, sorted(v))).collect();
                Value::Object(fields.into_iter().collect())
            }
            Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
            other => other,
        }
    }
    serde_json::to_string(&sorted(serde_json::to_value(value)?))
}

/// Reads a struct from a bag.
///
/// # Errors
/// [`BagError`] when a key the type needs is missing or holds something else; it names the key.
pub fn decode<T: DeserializeOwned>(bag: &Bag) -> Result<T, BagError> {
    Ok(T::deserialize(MapAccessDeserializer::new(Entries { left: bag.iter(), next: None }))?)
}

/// What must change in a bag that holds `old` so that it holds `new`: the differing keys, with the empty string for
/// those to be removed (as `relation-set` wants it). Keys that `keep` names are left alone.
#[must_use]
pub fn difference(old: &Bag, new: &Bag, keep: impl Fn(&str) -> bool) -> Bag {
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), String::new()));
    let changed = new.iter().filter(|(key, value)| old.get(*key) != Some(value));
    gone.chain(changed.map(|(key, value)| (key.clone(), value.clone())))
        .filter(|(key, _)| !keep(key))
        .collect()
}

/// The keys and values of a bag. What is wrong with a value is said with its key.
struct Entries<'a> {
    left: btree_map::Iter<'a, String, String>,
    next: Option<(&'a str, &'a str)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        self.next = self.left.next().map(|(key, value)| (key.as_str(), value.as_str()));
        self.next.map(|(key, _)| seed.deserialize(Text(key))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        let (key, value) = self.next.take().unwrap_or_default();
        seed.deserialize(Text(value)).map_err(|fault| Self::Error::custom(format!("{key}: {fault}")))
    }
}

/// One value of a bag: raw where a string is wanted, JSON where anything else is.
struct Text<'a>(&'a str);

impl<'de> Text<'de> {
    /// Reads the whole of the text as JSON.
    fn json<T>(
        &self,
        read: impl FnOnce(&mut serde_json::Deserializer<StrRead<'de>>) -> Result<T, serde_json::Error>,
    ) -> Result<T, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_str(self.0);
        let value = read(&mut json)?;
        json.end()?;
        Ok(value)
    }
}

impl<'de> IntoDeserializer<'de, serde_json::Error> for Text<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.json(|json| json.deserialize_any(visitor))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.0.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if self.0.starts_with('{') {
            return self.json(|json| json.deserialize_enum(name, variants, visitor));
        }
        let unit: StrDeserializer<'_, Self::Error> = self.0.into_deserializer();
        unit.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        // A key we do not know may hold any text, JSON or not.
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Phase {
        Quiet,
        Loud { level: u8 },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Name(String);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Sample {
        plain_text: String,
        name: Name,
        number: u64,
        ready: bool,
        phase: Phase,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maybe: Option<String>,
        list: Vec<BTreeMap<String, i32>>,
    }

    prop_compose! {
        fn sample()(
            plain_text in ".*", name in ".*", number: u64, ready: bool, level: Option<u8>, maybe in proptest::option::of(".+"),
            list in proptest::collection::vec(proptest::collection::btree_map(".*", any::<i32>(), 0..3), 0..3),
        ) -> Sample {
            let phase = level.map_or(Phase::Quiet, |level| Phase::Loud { level });
            Sample { plain_text, name: Name(name), number, ready, phase, maybe, list }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in sample()) {
            let bag = encode(&value).unwrap();
            prop_assert_eq!(decode::<Sample>(&bag).unwrap(), value);
        }

        #[test]
        fn any_bag_is_read_or_refused(bag in proptest::collection::btree_map("(plain-text|number|phase|list)", ".*", 0..4)) {
            let _ = decode::<Sample>(&bag);
        }
    }

    #[test]
    fn unknown_keys_are_ignored_whatever_they_hold() {
        #[derive(Deserialize)]
        struct Small {
            n: u8,
        }
        let bag = Bag::from([("n".into(), "7".into()), ("ingress-address".into(), "10.0.0.1, {".into())]);
        assert_eq!(decode::<Small>(&bag).unwrap().n, 7);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_key() {
        #[derive(Debug, Deserialize)]
        struct Small {
            #[serde(rename = "n")]
            _n: u8,
        }
        for (text, reason) in
            [("seven", "n: expected"), ("300", "n: invalid value"), ("7 8", "n: trailing characters")]
        {
            let fault = decode::<Small>(&Bag::from([("n".into(), text.into())])).unwrap_err().to_string();
            assert!(fault.starts_with(&format!("relation data: {reason}")), "{fault}");
        }
        assert!(decode::<Small>(&Bag::new()).unwrap_err().to_string().contains("missing field `n`"));
    }

    #[test]
    fn a_difference_names_changed_and_removed_keys_only() {
        let bag = |pairs: &[(&str, &str)]| -> Bag {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let old = bag(&[("same", "1"), ("old", "2"), ("changed", "3"), ("private-address", "10.0.0.1")]);
        let new = bag(&[("same", "1"), ("changed", "4"), ("new", "5")]);
        let want = bag(&[("old", ""), ("changed", "4"), ("new", "5")]);
        assert_eq!(difference(&old, &new, |key| key == "private-address"), want);
    }

    #[test]
    fn only_maps_are_bags() {
        assert!(matches!(encode(&7), Err(BagError::NotAMap)));
    }
}
