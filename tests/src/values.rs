//! Values cross to JavaScript in typed notation (wire document, section 16) and to the node's API in DAG-JSON: bytes are
//! `{"/": {"bytes": "<base64 without padding>"}}`, a map whose only key is `"/"` is `{"/": {"map": …}}`, integers are JSON
//! integers of any size, floats have a point or exponent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Map, Value, json};

use crate::{HarnessError, Result};

/// The largest integer that every JavaScript number up to it can hold: 2^53 - 1.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

fn bad(notation: &'static str, value: &Value) -> HarnessError {
    HarnessError::Notation { notation, text: value.to_string() }
}

/// DAG-JSON as typed notation, the way JavaScript would type it: a float with a safe integral value is an integer.
///
/// # Errors
/// A malformed `{"/": ..}`.
pub fn to_typed(value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && !(float.fract() == 0.0 && float.abs() <= MAX_SAFE) => {
                json!({ "f64": float.to_string() })
            }
            Some(float) if number.is_f64() => json!({ "int": format!("{float:.0}") }),
            _ => json!({ "int": number.to_string() }),
        },
        Value::Array(items) => json!({ "list": items.iter().map(to_typed).collect::<Result<Vec<_>>>()? }),
        Value::Object(map) => match map.get("/") {
            Some(inner) if map.len() == 1 => {
                if let Some(digits) = inner["int"].as_str() {
                    return Ok(json!({ "int": digits }));
                }
                if let Value::Object(map) = &inner["map"] {
                    return typed_map(map);
                }
                let text = inner["bytes"].as_str().ok_or_else(|| bad("DAG-JSON", value))?;
                let bytes = STANDARD_NO_PAD.decode(text).map_err(|_| bad("DAG-JSON", value))?;
                json!({ "bytes": hex::encode(bytes) })
            }
            _ => typed_map(map)?,
        },
    })
}

fn typed_map(map: &Map<String, Value>) -> Result<Value> {
    let pairs: Result<Vec<Value>> = map.iter().map(|(key, item)| Ok(json!([key, to_typed(item)?]))).collect();
    Ok(json!({ "map": pairs? }))
}

/// Typed notation as DAG-JSON.
///
/// # Errors
/// Anything that is not typed notation, and CIDs, which no database of these tests holds.
pub fn from_typed(typed: &Value) -> Result<Value> {
    let Value::Object(object) = typed else {
        return Ok(typed.clone());
    };
    let wrong = || bad("typed notation", typed);
    let (kind, inner) = object.iter().next().ok_or_else(wrong)?;
    match (kind.as_str(), inner) {
        ("int", Value::String(text)) => serde_json::from_str(text).map_err(|_| wrong()),
        ("f64", Value::String(text)) => {
            let float: f64 = text.parse().map_err(|_| wrong())?;
            Ok(json!(float))
        }
        ("bytes", Value::String(text)) => {
            let bytes = hex::decode(text).map_err(|_| wrong())?;
            Ok(json!({ "/": { "bytes": STANDARD_NO_PAD.encode(bytes) } }))
        }
        ("list", Value::Array(items)) => items.iter().map(from_typed).collect(),
        ("map", Value::Array(pairs)) => {
            let mut map = Map::new();
            for pair in pairs {
                let key = pair[0].as_str().ok_or_else(wrong)?;
                map.insert(key.to_owned(), from_typed(&pair[1])?);
            }
            let looks_special = map.len() == 1 && map.contains_key("/");
            Ok(if looks_special { json!({ "/": { "map": map } }) } else { Value::Object(map) })
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_survives_both_ways() {
        let value = json!({
            "null": null, "yes": true, "text": "clip \u{1f4ce}", "int": -7, "float": 1.5, "huge": 1e20,
            "big": 18_446_744_073_709_551_615_u64, "list": [1, "two", []],
            "bytes": { "/": { "bytes": "AP8" } }, "map": { "/": { "map": { "/": false } } },
        });
        assert_eq!(from_typed(&to_typed(&value).unwrap()).unwrap(), value);
    }

    #[test]
    fn an_integral_float_is_an_integer_as_in_javascript() {
        assert_eq!(to_typed(&json!(5.0)).unwrap(), json!({ "int": "5" }));
        assert_eq!(to_typed(&json!(0.25)).unwrap(), json!({ "f64": "0.25" }));
    }
}
