//! What JavaScript does not read as it is written.
//!
//! JavaScript checks an entry's signature over a re-encoding of what it decoded. A value that its decoder changes, or that its
//! encoder refuses, makes the signature wrong: the entry is refused, and with it all that builds on it, so that one such value
//! ends a database for every JavaScript replica. The cases are those that were found by trying with `@ipld/dag-cbor` 9.2.7
//! and `cborg` 5.1.11; `tests/tests/interop_values.rs` holds them to a living peer.

use crate::{
    cbor::{Map, Value},
    view::Operation,
};

/// What `TextDecoder` takes off the beginning of a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A key that sets the prototype of a JavaScript object instead of a property.
const PROTOTYPE: &str = "__proto__";

/// Why JavaScript reads something else than what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// A text that begins with U+FEFF.
    #[error("a text that begins with U+FEFF loses it")]
    TextMark,
    /// A map key that begins with U+FEFF.
    #[error("a key that begins with U+FEFF loses it")]
    KeyMark,
    /// A map key `__proto__`.
    #[error("the key \"__proto__\" is lost")]
    Prototype,
    /// A map that looks like a link: `"/"` and `"bytes"` hold the same text, number, boolean or empty bytes.
    #[error("an object whose \"/\" and \"bytes\" are equal is taken for a link")]
    LooksLikeLink,
}

/// A value that JavaScript does not read as it is written: where in it, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: JavaScript does not read this as it is written: {cause}")]
pub struct Unreadable {
    /// The way to it, `value["a"][3]`.
    pub path: String,
    /// Why.
    pub cause: Cause,
}

/// Looks through a value that is called `name`.
pub fn check(name: &str, value: &Value) -> Result<(), Unreadable> {
    look(value).map_err(|Found { mut steps, cause }| {
        steps.push(name.to_owned());
        Unreadable { path: steps.into_iter().rev().collect(), cause }
    })
}

/// Looks through the key and the value of an operation.
pub fn check_operation(operation: &Operation) -> Result<(), Unreadable> {
    operation.key.as_ref().map_or(Ok(()), |key| check("key", key))?;
    check("value", &operation.value)
}

/// What was found, with the steps that lead to it, the last one first.
struct Found {
    steps: Vec<String>,
    cause: Cause,
}

impl From<Cause> for Found {
    fn from(cause: Cause) -> Self {
        Self { steps: Vec::new(), cause }
    }
}

impl Found {
    fn below(mut self, step: String) -> Self {
        self.steps.push(step);
        self
    }
}

fn look(value: &Value) -> Result<(), Found> {
    match value {
        Value::Text(text) if text.starts_with(BYTE_ORDER_MARK) => Err(Cause::TextMark.into()),
        Value::List(list) => list
            .iter()
            .enumerate()
            .try_for_each(|(at, item)| look(item).map_err(|found| found.below(format!("[{at}]")))),
        Value::Map(map) => look_at_map(map),
        _ => Ok(()),
    }
}

fn look_at_map(map: &Map) -> Result<(), Found> {
    let same =
        map.get("/").is_some_and(|slash| is_compared_by_value(slash) && map.get("bytes") == Some(slash));
    if same {
        return Err(Cause::LooksLikeLink.into());
    }
    for (key, value) in map.iter() {
        let step = || format!("[{key:?}]");
        if key == PROTOTYPE {
            return Err(Found::from(Cause::Prototype).below(step()));
        }
        if key.starts_with(BYTE_ORDER_MARK) {
            return Err(Found::from(Cause::KeyMark).below(step()));
        }
        look(value).map_err(|found| found.below(step()))?;
    }
    Ok(())
}

/// Whether JavaScript's `===` holds for two equal values: unless each is an object of its own, as lists, maps and bytes are.
/// But all empty bytes that it decodes are one object. `null` does not count.
fn is_compared_by_value(value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => true,
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::Null | Value::List(_) | Value::Map(_) | Value::Link(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, Value)]) -> Value {
        Map::from_iter(pairs.iter().map(|(key, value)| (*key, value.clone()))).into()
    }

    #[test]
    fn what_javascript_changes_is_found_with_its_path() {
        let told = |value: Value| check("value", &value).map_err(|found| (found.path, found.cause));
        let marked = || Value::from("\u{feff}a");
        for (value, path, cause) in [
            (marked(), "value", Cause::TextMark),
            (Value::List(vec![Value::Null, marked()]), "value[1]", Cause::TextMark),
            (map(&[("a \"b\"", Value::List(vec![marked()]))]), "value[\"a \\\"b\\\"\"][0]", Cause::TextMark),
            (map(&[("\u{feff}", Value::Null)]), "value[\"\\u{feff}\"]", Cause::KeyMark),
            (map(&[("a", map(&[("__proto__", 1.into())]))]), "value[\"a\"][\"__proto__\"]", Cause::Prototype),
            (
                map(&[("/", "x".into()), ("bytes", "x".into()), ("c", 1.into())]),
                "value",
                Cause::LooksLikeLink,
            ),
            (
                map(&[("/", Value::Bytes(vec![])), ("bytes", Value::Bytes(vec![]))]),
                "value",
                Cause::LooksLikeLink,
            ),
            (map(&[("/", Value::Bool(false)), ("bytes", Value::Bool(false))]), "value", Cause::LooksLikeLink),
        ] {
            assert_eq!(told(value.clone()), Err((path.to_owned(), cause)), "{value:?}");
        }
        let list = || Value::List(vec![]);
        for value in [
            Value::from("a\u{feff}"),
            map(&[("/", Value::Null), ("bytes", Value::Null)]),
            map(&[("/", list()), ("bytes", list())]),
            map(&[("/", Value::Bytes(vec![1])), ("bytes", Value::Bytes(vec![1]))]),
            map(&[("/", 1.into()), ("bytes", 2.into())]),
            map(&[("constructor", map(&[("isBuffer", 1.into())])), ("toString", 1.into()), ("", 1.into())]),
        ] {
            assert_eq!(told(value.clone()), Ok(()), "{value:?}");
        }
    }

    #[test]
    fn keys_of_operations_are_looked_at_too() {
        let found = check_operation(&Operation::del("\u{feff}k")).unwrap_err();
        assert_eq!(
            found.to_string(),
            "key: JavaScript does not read this as it is written: a text that begins with U+FEFF loses it"
        );
        assert_eq!(check_operation(&Operation::put("k", "v".into())), Ok(()));
        assert!(check_operation(&Operation::add("\u{feff}".into())).is_err());
    }
}
