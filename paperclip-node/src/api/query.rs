//! Queries of documents: which to take, in which order. Pure.
//!
//! A filter is an object of fields. A field's value is what it must equal, or an object of conditions: `$ne`, `$gt`, `$gte`,
//! `$lt`, `$lte`, `$in`, `$exists`. All must hold. A field may be a path, `a.b`. Only values of the same type have an order
//! (numbers, texts, booleans); comparing others holds never.

use oplog::{Value, json};
use serde_json::Value as Json;
use std::cmp::Ordering;

/// The most conditions of a filter, and values of an `$in`.
pub(super) const MAX_CONDITIONS: usize = 256;

/// Why a filter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FilterError {
    /// It is no object.
    #[error("the filter is an object of fields and what they must be")]
    NoObject,
    /// A condition does not exist.
    #[error("{0:?} is none of $ne, $gt, $gte, $lt, $lte, $in, $exists")]
    Condition(String),
    /// What a condition compares with is of the wrong type.
    #[error("{0} takes {1}")]
    Operand(&'static str, &'static str),
    /// There are too many conditions.
    #[error("more than {MAX_CONDITIONS} conditions")]
    TooMany,
    /// A value cannot be a value of a database.
    #[error(transparent)]
    Value(#[from] json::JsonError),
}

/// Which documents to take.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Filter(Vec<(Path, Condition)>);

#[derive(Debug, Clone, PartialEq)]
struct Path(Vec<String>);

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Equal(Value),
    NotEqual(Value),
    Order(&'static [Ordering], Value),
    In(Vec<Value>),
    Exists(bool),
}

impl Filter {
    /// Reads a filter.
    pub(super) fn parse(filter: &Json) -> Result<Self, FilterError> {
        let mut conditions = Vec::new();
        for (field, wanted) in filter.as_object().ok_or(FilterError::NoObject)? {
            let path = Path::parse(field);
            match wanted.as_object().filter(|object| object.keys().any(|key| key.starts_with('$'))) {
                None => conditions.push((path, Condition::Equal(json::from_json(wanted)?))),
                Some(object) => {
                    for (name, operand) in object {
                        conditions.push((path.clone(), Condition::parse(name, operand)?));
                    }
                }
            }
        }
        if conditions.len() > MAX_CONDITIONS { Err(FilterError::TooMany) } else { Ok(Self(conditions)) }
    }

    /// Whether a document is taken.
    pub(super) fn matches(&self, document: &Value) -> bool {
        self.0.iter().all(|(path, condition)| condition.holds(path.find(document)))
    }
}

impl Path {
    fn parse(field: &str) -> Self {
        Self(field.split('.').map(str::to_owned).collect())
    }

    fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(document, |value, name| value.get(name))
    }
}

impl Condition {
    fn parse(name: &str, operand: &Json) -> Result<Self, FilterError> {
        let order = |orders| Ok(Self::Order(orders, json::from_json(operand)?));
        match name {
            "$ne" => Ok(Self::NotEqual(json::from_json(operand)?)),
            "$gt" => order(&[Ordering::Greater]),
            "$gte" => order(&[Ordering::Greater, Ordering::Equal]),
            "$lt" => order(&[Ordering::Less]),
            "$lte" => order(&[Ordering::Less, Ordering::Equal]),
            "$in" => {
                let values = operand.as_array().ok_or(FilterError::Operand("$in", "a list"))?;
                if values.len() > MAX_CONDITIONS {
                    return Err(FilterError::TooMany);
                }
                Ok(Self::In(values.iter().map(json::from_json).collect::<Result<_, _>>()?))
            }
            "$exists" => {
                operand.as_bool().map(Self::Exists).ok_or(FilterError::Operand("$exists", "true or false"))
            }
            other => Err(FilterError::Condition(other.to_owned())),
        }
    }

    fn holds(&self, found: Option<&Value>) -> bool {
        match self {
            Self::Equal(wanted) => found == Some(wanted),
            Self::NotEqual(other) => found != Some(other),
            Self::Order(orders, bound) => {
                found.and_then(|value| compare(value, bound)).is_some_and(|order| orders.contains(&order))
            }
            Self::In(values) => found.is_some_and(|value| values.contains(value)),
            Self::Exists(wanted) => found.is_some() == *wanted,
        }
    }
}

/// In which order documents come.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sort {
    path: Path,
    descending: bool,
}

impl Sort {
    /// Reads `field`, or `-field` for the greatest first.
    pub(super) fn parse(text: &str) -> Self {
        let field = text.strip_prefix('-');
        Self { path: Path::parse(field.unwrap_or(text)), descending: field.is_some() }
    }

    /// The order of two documents. Types stand in the order null, booleans, numbers, texts, all else; documents without the
    /// field come last in either direction.
    pub(super) fn compare(&self, a: &Value, b: &Value) -> Ordering {
        match (self.path.find(a), self.path.find(b)) {
            (Some(a), Some(b)) => {
                let order = rank(a).cmp(&rank(b)).then_with(|| compare(a, b).unwrap_or(Ordering::Equal));
                if self.descending { order.reverse() } else { order }
            }
            (a, b) => a.is_none().cmp(&b.is_none()),
        }
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Float(_) => 2,
        Value::Text(_) => 3,
        Value::Bytes(_) | Value::List(_) | Value::Map(_) | Value::Link(_) => 4,
    }
}

/// The order of two values, if they have one. Exact: rounding would make an order that contradicts itself.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(int), Value::Float(float)) => Some(compare_mixed(*int, *float)),
        (Value::Float(float), Value::Int(int)) => Some(compare_mixed(*int, *float).reverse()),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// An integer, which never exceeds 2^64, and a finite float.
fn compare_mixed(int: i128, float: f64) -> Ordering {
    #[expect(clippy::cast_possible_truncation, reason = "saturates far beyond any integer")]
    let whole = float.trunc() as i128;
    let fraction = 0.0_f64.total_cmp(&(float.fract() + 0.0));
    int.cmp(&whole).then(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(document: Json) -> Value {
        json::from_json(&document).unwrap()
    }

    #[test]
    fn conditions_hold_as_documented() {
        let document = value(json!({ "n": 5, "f": 2.5, "s": "b", "deep": { "er": [1] }, "gone": null }));
        for (filter, holds) in [
            (json!({}), true),
            (json!({ "n": 5 }), true),
            (json!({ "n": 5.0 }), true),
            (json!({ "n": 6 }), false),
            (json!({ "n": "5" }), false),
            (json!({ "n": { "$gt": 4, "$lt": 5.5 } }), true),
            (json!({ "n": { "$gte": 5, "$lte": 5 } }), true),
            (json!({ "f": { "$gt": 2 } }), true),
            (json!({ "n": { "$gt": "4" } }), false),
            (json!({ "s": { "$in": ["a", "b"] } }), true),
            (json!({ "s": { "$ne": "b" } }), false),
            (json!({ "missing": { "$ne": 1 } }), true),
            (json!({ "missing": null }), false),
            (json!({ "gone": null }), true),
            (json!({ "missing": { "$exists": false }, "gone": { "$exists": true } }), true),
            (json!({ "deep.er": [1] }), true),
            (json!({ "deep": { "er": [1] } }), true),
            (json!({ "deep.er.x": 1 }), false),
            (json!({ "n": 5, "s": "a" }), false),
        ] {
            assert_eq!(Filter::parse(&filter).unwrap().matches(&document), holds, "{filter}");
        }
    }

    #[test]
    fn bad_filters_say_what_is_wrong() {
        for (filter, told) in [
            (json!([]), "the filter is an object of fields and what they must be"),
            (json!({ "a": { "$like": 1 } }), "\"$like\" is none of $ne, $gt, $gte, $lt, $lte, $in, $exists"),
            (json!({ "a": { "$in": 1 } }), "$in takes a list"),
            (json!({ "a": { "$exists": 1 } }), "$exists takes true or false"),
            (json!({ "a": { "$in": vec![0; MAX_CONDITIONS + 1] } }), "more than 256 conditions"),
        ] {
            assert_eq!(Filter::parse(&filter).unwrap_err().to_string(), told, "{filter}");
        }
    }

    #[test]
    fn numbers_have_one_order_whatever_their_kind() {
        let two_to_53 = 9_007_199_254_740_992_i128;
        let ascending = [
            Value::Float(-1e300),
            Value::Int(-2),
            Value::Float(-1.5),
            Value::Int(-1),
            Value::Float(-0.5),
            Value::Int(0),
            Value::Float(0.5),
            Value::Int(two_to_53 - 1),
            Value::Float(9_007_199_254_740_992.0),
            Value::Int(two_to_53 + 1),
            Value::Float(1e300),
        ];
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                assert_eq!(compare(a, b), Some(at.cmp(&other)), "{a:?} {b:?}");
            }
        }
        assert_eq!(
            compare(&Value::Int(two_to_53), &Value::Float(9_007_199_254_740_992.0)),
            Some(Ordering::Equal)
        );
    }

    #[test]
    fn sorting_orders_types_and_puts_what_lacks_the_field_last() {
        let mut documents: Vec<Value> =
            [json!({ "k": "a" }), json!({}), json!({ "k": 2 }), json!({ "k": null }), json!({ "k": 1.5 })]
                .map(value)
                .into();
        let shown = |documents: &[Value]| json::to_json(&Value::List(documents.to_vec()));
        documents.sort_by(|a, b| Sort::parse("k").compare(a, b));
        assert_eq!(shown(&documents), json!([{ "k": null }, { "k": 1.5 }, { "k": 2 }, { "k": "a" }, {}]));
        documents.sort_by(|a, b| Sort::parse("-k").compare(a, b));
        assert_eq!(shown(&documents), json!([{ "k": "a" }, { "k": 2 }, { "k": 1.5 }, { "k": null }, {}]));
    }
}
