//! Values as JSON, in the notation of DAG-JSON for what JSON lacks.
//!
//! | value | JSON |
//! | --- | --- |
//! | bytes | `{"/": {"bytes": "<base64 without padding>"}}` |
//! | link | `{"/": "<cid>"}` |
//! | integer beyond 2^53 - 1 | a JSON integer, digit for digit (JavaScript shows a BigInt) |
//! | integer below -2^63 | `{"/": {"int": "<digits>"}}`: JSON readers cannot be trusted with it |
//! | map whose only key is `"/"` | `{"/": {"map": {"/": …}}}`, which tells it from those above |
//!
//! What [`to_json`] gives, [`from_json`] reads as the same value.
//!
//! A JSON number follows JavaScript's rules (wire document, section 1): `5.0` is the integer 5. A JSON integer beyond the
//! safe range is kept exact as a CBOR integer instead of being rounded as `JSON.parse` would.

mod text;

pub use text::{MAX_DEPTH, TextError, read, read_nested};

use crate::cbor::{DuplicateKey, Map, NotFinite, Value};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Map as Object, Number, Value as Json, json};

/// Why a JSON document is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// `{"/": …}` that is none of the forms above.
    #[error(
        "an object with the one key \"/\" is {{\"/\": \"<cid>\"}} for a link, or {{\"/\": {{\"bytes\": \"<base64>\"}}}}, \
         {{\"/\": {{\"int\": \"<digits>\"}}}}, {{\"/\": {{\"map\": {{\"/\": …}}}}}} for an object as it is"
    )]
    Reserved,
    /// A number that no double can hold.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// An object names a key twice.
    #[error(transparent)]
    DuplicateKey(#[from] DuplicateKey),
}

/// The integers that CBOR can hold.
const CBOR_INTEGERS: std::ops::RangeInclusive<i128> = -(1 << 64)..=(1 << 64) - 1;

/// Reads a JSON document as a value.
pub fn from_json(json: &Json) -> Result<Value, JsonError> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(bool) => Value::Bool(*bool),
        Json::Number(number) => from_number(number)?,
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(list) => Value::List(list.iter().map(from_json).collect::<Result<_, _>>()?),
        Json::Object(object) => match object.get("/") {
            Some(special) if object.len() == 1 => from_special(special)?,
            _ => map_of(object)?,
        },
    })
}

fn map_of(object: &Object<String, Json>) -> Result<Value, JsonError> {
    let pairs = object.iter().map(|(key, value)| Ok((key.clone(), from_json(value)?)));
    Ok(Value::Map(Map::from_pairs(pairs.collect::<Result<_, JsonError>>()?)?))
}

fn from_number(number: &Number) -> Result<Value, NotFinite> {
    if let Some(int) = number.as_i128() {
        return Ok(Value::Int(int));
    }
    Value::number(number.as_f64().ok_or(NotFinite)?)
}

fn from_special(special: &Json) -> Result<Value, JsonError> {
    match special {
        Json::String(cid) => cid.parse().map(Value::Link).map_err(|_| JsonError::Reserved),
        Json::Object(object) if object.len() == 1 => {
            let read = object.iter().next().and_then(|(name, given)| match (name.as_str(), given) {
                ("bytes", Json::String(base64)) => STANDARD_NO_PAD
                    .decode(base64.trim_end_matches('='))
                    .ok()
                    .map(|bytes| Ok(Value::Bytes(bytes))),
                ("int", Json::String(digits)) => digits
                    .parse()
                    .ok()
                    .filter(|int| CBOR_INTEGERS.contains(int))
                    .map(|int| Ok(Value::Int(int))),
                ("map", Json::Object(plain)) => Some(map_of(plain)),
                _ => None,
            });
            read.unwrap_or(Err(JsonError::Reserved))
        }
        _ => Err(JsonError::Reserved),
    }
}

/// Shows a value as JSON.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => Json::Bool(*bool),
        Value::Int(int) => {
            Number::from_i128(*int).map_or_else(|| json!({ "/": { "int": int.to_string() } }), Json::Number)
        }
        Value::Float(float) => Number::from_f64(*float).map_or(Json::Null, Json::Number),
        Value::Bytes(bytes) => json!({ "/": { "bytes": STANDARD_NO_PAD.encode(bytes) } }),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(list) => Json::Array(list.iter().map(to_json).collect()),
        Value::Map(map) => {
            let object =
                Json::Object(map.iter().map(|(key, value)| (key.to_owned(), to_json(value))).collect());
            let looks_special = map.len() == 1 && map.get("/").is_some();
            if looks_special { json!({ "/": { "map": object } }) } else { object }
        }
        Value::Link(cid) => json!({ "/": cid.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_number_spelling_round_trips() {
        for text in [
            r#"null"#,
            r#"{"a":[1,-7,0.5,"x",true],"b":{}}"#,
            r#"{"/":{"bytes":"AAEC/w"}}"#,
            r#"18446744073709551615"#,
            r#"-9007199254740993"#,
            r#"{"/":{"int":"-18446744073709551616"}}"#,
            r#"{"/":"bafyreigdmqpykrgxyaxtlafqpqhzrb7qy2rh75nldvfd4tucqmqqme5yje"}"#,
            r#"{"/":1,"b":2}"#,
            r#"{"/":{"map":{"/":{"bytes":"AAAA"}}}}"#,
            r#"{"/":{"map":{"/":{"/":{"map":{"/":null}}}}}}"#,
        ] {
            let json: Json = serde_json::from_str(text).unwrap();
            assert_eq!(to_json(&from_json(&json).unwrap()), json, "{text}");
        }
    }

    #[test]
    fn a_map_that_looks_like_bytes_stays_a_map() {
        let map = |key, value: Value| Value::from(Map::from_iter([(key, value)]));
        for inner in [
            map("bytes", "AAAA".into()),
            map("int", "5".into()),
            map("map", Map::new().into()),
            "text".into(),
        ] {
            let value = map("/", inner);
            let shown = to_json(&value);
            assert_eq!(from_json(&shown).unwrap(), value, "{shown}");
        }
        let plain: Json = serde_json::from_str(r#"{"/":{"map":{"a":1}}}"#).unwrap();
        assert_eq!(from_json(&plain).unwrap(), map("a", 1.into()));
    }

    #[test]
    fn numbers_follow_javascript() {
        let read = |text: &str| from_json(&read(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(read("5.0"), Value::Int(5));
        assert_eq!(read("-0.0"), Value::Int(0));
        assert_eq!(read("1e20"), Value::Float(1e20));
        assert_eq!(read("9007199254740993.0"), Value::Float(9_007_199_254_740_992.0));
        assert_eq!(read("0.42451918914251396"), Value::Float(0.424_519_189_142_513_96));
        assert_eq!(read("9007199254740993"), Value::Int(9_007_199_254_740_993));
    }

    #[test]
    fn misused_slash_is_refused() {
        for text in [
            r#"{"/":1}"#,
            r#"{"/":"no cid"}"#,
            r#"{"/":{"bytes":"%"}}"#,
            r#"{"/":{"int":"-18446744073709551617"}}"#,
        ] {
            let json: Json = serde_json::from_str(text).unwrap();
            assert_eq!(from_json(&json), Err(JsonError::Reserved), "{text}");
        }
    }
}
