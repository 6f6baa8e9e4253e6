//! Filters of documents: which to take. Pure.
//!
//! A filter is an object, all of whose members must hold. A member is a field and what it must be, or one of `$and`, `$or`,
//! `$nor` with a list of filters, `$not` with one. What a field must be is a value, or an object of conditions: `$eq`, `$ne`,
//! `$gt`, `$gte`, `$lt`, `$lte`, `$in`, `$nin`, `$exists`, `$not`. Every other word with a `$` is refused.
//!
//! A field may be a path, `a.b`, or `a.0` for an item of a list. As MongoDB has it, a path goes through all objects of a list
//! (`items.name`), and a list fits when one of its items does. Only values of the same type have an order (numbers, texts,
//! booleans); a comparison with another type never holds.

use super::sort::compare;
use oplog::{Value, json};
use serde_json::Value as Json;
use std::cmp::Ordering;

/// The most conditions of a filter, and values of an `$in` or `$nin`.
pub(super) const MAX_CONDITIONS: usize = 256;

/// Why a filter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FilterError {
    /// It is no object.
    #[error("a filter is an object of fields and what they must be")]
    NoObject,
    /// A condition does not exist.
    #[error("{0:?} is none of $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $not")]
    Condition(String),
    /// A combination does not exist.
    #[error("{0:?} is none of $and, $or, $nor, $not, and no field begins with $")]
    Combination(String),
    /// A condition stands within a value.
    #[error("{0:?} stands within a value: write the path as \"a.b\", or compare with {{\"$eq\": …}}")]
    Nested(String),
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
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Field(Path, Condition),
}

impl Default for Filter {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Filter {
    /// Reads a filter.
    pub(super) fn parse(filter: &Json) -> Result<Self, FilterError> {
        Parser { left: MAX_CONDITIONS }.filter(filter)
    }

    /// Whether a document is taken.
    pub(super) fn matches(&self, document: &Value) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.matches(document)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(document)),
            Self::Not(filter) => !filter.matches(document),
            Self::Field(path, condition) => condition.holds(path, document),
        }
    }
}

/// A field, or a way through fields and items of lists.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path(Vec<String>);

impl Path {
    pub(super) fn parse(field: &str) -> Self {
        Self(field.split('.').map(str::to_owned).collect())
    }

    /// The one value that the path names in a document.
    pub(super) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(document, |value, name| step(value, name))
    }

    /// Whether one of the values that the path leads to is as wanted.
    fn any(&self, document: &Value, wanted: &dyn Fn(&Value) -> bool) -> bool {
        any(&self.0, document, wanted)
    }
}

fn step<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::List(items) => items.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    }
}

fn any(path: &[String], value: &Value, wanted: &dyn Fn(&Value) -> bool) -> bool {
    let Some((name, rest)) = path.split_first() else { return wanted(value) };
    if step(value, name).is_some_and(|found| any(rest, found, wanted)) {
        return true;
    }
    let Value::List(items) = value else { return false };
    items.iter().any(|item| matches!(item, Value::Map(_)) && any(path, item, wanted))
}

/// What a field must be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Equal(Value),
    Order(&'static [Ordering], Value),
    In(Vec<Value>),
    Exists,
}

impl Condition {
    fn holds(&self, path: &Path, document: &Value) -> bool {
        path.any(document, &|found| self.fits(found) || self.fits_item(found))
    }

    fn fits_item(&self, found: &Value) -> bool {
        matches!(found, Value::List(items) if items.iter().any(|item| self.fits(item)))
    }

    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Equal(wanted) => value == wanted,
            Self::Order(orders, bound) => compare(value, bound).is_some_and(|order| orders.contains(&order)),
            Self::In(values) => values.contains(value),
            Self::Exists => true,
        }
    }
}

/// Reads a filter, counting its conditions.
struct Parser {
    /// How many more there may be.
    left: usize,
}

impl Parser {
    fn filter(&mut self, filter: &Json) -> Result<Filter, FilterError> {
        let members = filter.as_object().ok_or(FilterError::NoObject)?;
        let mut all = Vec::with_capacity(members.len());
        for (name, wanted) in members {
            all.push(match name.as_str() {
                "$and" => Filter::All(self.filters("$and", wanted)?),
                "$or" => Filter::Any(self.filters("$or", wanted)?),
                "$nor" => not(Filter::Any(self.filters("$nor", wanted)?)),
                "$not" => not(self.filter(wanted)?),
                word if word.starts_with('$') => return Err(FilterError::Combination(word.to_owned())),
                field => self.field(&Path::parse(field), wanted)?,
            });
        }
        Ok(Filter::All(all))
    }

    fn filters(&mut self, word: &'static str, list: &Json) -> Result<Vec<Filter>, FilterError> {
        let filters = list.as_array().filter(|filters| !filters.is_empty());
        let filters = filters.ok_or(FilterError::Operand(word, "a list of filters"))?;
        filters.iter().map(|filter| self.filter(filter)).collect()
    }

    fn field(&mut self, path: &Path, wanted: &Json) -> Result<Filter, FilterError> {
        if has_word(wanted) {
            return self.conditions(path, wanted);
        }
        if let Some(word) = nested_word(wanted) {
            return Err(FilterError::Nested(word.to_owned()));
        }
        self.count(1)?;
        Ok(Filter::Field(path.clone(), Condition::Equal(json::from_json(wanted)?)))
    }

    /// An object of conditions, all of which must hold.
    fn conditions(&mut self, path: &Path, conditions: &Json) -> Result<Filter, FilterError> {
        let mut all = Vec::new();
        for (word, operand) in conditions.as_object().into_iter().flatten() {
            self.count(1)?;
            all.push(self.condition(path, word, operand)?);
        }
        Ok(Filter::All(all))
    }

    fn condition(&mut self, path: &Path, word: &str, operand: &Json) -> Result<Filter, FilterError> {
        let field = |condition| Filter::Field(path.clone(), condition);
        let value = || json::from_json(operand);
        let order = |orders| Ok(field(Condition::Order(orders, value()?)));
        match word {
            "$eq" => Ok(field(Condition::Equal(value()?))),
            "$ne" => Ok(not(field(Condition::Equal(value()?)))),
            "$gt" => order(&[Ordering::Greater]),
            "$gte" => order(&[Ordering::Greater, Ordering::Equal]),
            "$lt" => order(&[Ordering::Less]),
            "$lte" => order(&[Ordering::Less, Ordering::Equal]),
            "$in" => Ok(field(Condition::In(self.values("$in", operand)?))),
            "$nin" => Ok(not(field(Condition::In(self.values("$nin", operand)?)))),
            "$exists" => match operand.as_bool() {
                Some(true) => Ok(field(Condition::Exists)),
                Some(false) => Ok(not(field(Condition::Exists))),
                None => Err(FilterError::Operand("$exists", "true or false")),
            },
            "$not" if has_word(operand) => Ok(not(self.conditions(path, operand)?)),
            "$not" => Err(FilterError::Operand("$not", "an object of conditions")),
            other => Err(FilterError::Condition(other.to_owned())),
        }
    }

    fn values(&mut self, word: &'static str, list: &Json) -> Result<Vec<Value>, FilterError> {
        let values = list.as_array().ok_or(FilterError::Operand(word, "a list"))?;
        self.count(values.len())?;
        Ok(values.iter().map(json::from_json).collect::<Result<_, _>>()?)
    }

    fn count(&mut self, conditions: usize) -> Result<(), FilterError> {
        self.left = self.left.checked_sub(conditions).ok_or(FilterError::TooMany)?;
        Ok(())
    }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

/// Whether a value is an object of conditions rather than something to be equal to.
fn has_word(wanted: &Json) -> bool {
    wanted.as_object().is_some_and(|object| object.keys().any(|key| key.starts_with('$')))
}

/// A word with a `$` somewhere in a value that is to be equalled: its author meant a condition.
fn nested_word(value: &Json) -> Option<&str> {
    match value {
        Json::Array(items) => items.iter().find_map(nested_word),
        Json::Object(members) => members.iter().find_map(|(key, value)| {
            if key.starts_with('$') { Some(key.as_str()) } else { nested_word(value) }
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn assert_matches(document: &Json, cases: impl IntoIterator<Item = (Json, bool)>) {
        let document = json::from_json(document).unwrap();
        for (filter, holds) in cases {
            assert_eq!(Filter::parse(&filter).unwrap().matches(&document), holds, "{filter}");
        }
    }

    #[test]
    fn conditions_hold_as_documented() {
        let document = json!({ "n": 5, "f": 2.5, "s": "b", "deep": { "er": [1] }, "gone": null });
        assert_matches(
            &document,
            [
                (json!({}), true),
                (json!({ "n": 5 }), true),
                (json!({ "n": 5.0 }), true),
                (json!({ "n": 6 }), false),
                (json!({ "n": "5" }), false),
                (json!({ "n": { "$eq": 5 } }), true),
                (json!({ "n": { "$gt": 4, "$lt": 5.5 } }), true),
                (json!({ "n": { "$gte": 5, "$lte": 5 } }), true),
                (json!({ "f": { "$gt": 2 } }), true),
                (json!({ "n": { "$gt": "4" } }), false),
                (json!({ "s": { "$in": ["a", "b"] } }), true),
                (json!({ "s": { "$nin": ["a", "b"] } }), false),
                (json!({ "missing": { "$nin": ["a"] } }), true),
                (json!({ "s": { "$ne": "b" } }), false),
                (json!({ "missing": { "$ne": 1 } }), true),
                (json!({ "missing": null }), false),
                (json!({ "gone": null }), true),
                (json!({ "missing": { "$exists": false }, "gone": { "$exists": true } }), true),
                (json!({ "deep.er": [1] }), true),
                (json!({ "deep": { "er": [1] } }), true),
                (json!({ "deep.er.x": 1 }), false),
                (json!({ "n": 5, "s": "a" }), false),
            ],
        );
    }

    #[test]
    fn filters_are_combined() {
        assert_matches(
            &json!({ "age": 2, "name": "b" }),
            [
                (json!({ "$or": [{ "age": 1 }, { "age": 2 }] }), true),
                (json!({ "$or": [{ "age": 1 }, { "age": 3 }] }), false),
                (json!({ "$and": [{ "age": 2 }, { "name": "b" }] }), true),
                (json!({ "$and": [{ "age": 2 }, { "name": "a" }] }), false),
                (json!({ "$nor": [{ "age": 1 }, { "name": "a" }] }), true),
                (json!({ "$nor": [{ "age": 1 }, { "name": "b" }] }), false),
                (json!({ "$not": { "age": 1 } }), true),
                (json!({ "age": { "$not": { "$gt": 2 } }, "name": "b" }), true),
                (json!({ "age": { "$not": { "$gt": 1, "$lt": 3 } } }), false),
                (json!({ "missing": { "$not": { "$gt": 2 } } }), true),
                (
                    json!({ "name": "b", "$or": [{ "$and": [{ "age": 2 }, { "age": { "$ne": 2 } }] }, {}] }),
                    true,
                ),
            ],
        );
    }

    #[test]
    fn lists_fit_when_an_item_does() {
        assert_matches(
            &json!({ "tags": ["a", "b"], "n": [1, 9], "items": [{ "name": "x", "n": [1] }, { "name": "y" }, "z"] }),
            [
                (json!({ "tags": "a" }), true),
                (json!({ "tags": "c" }), false),
                (json!({ "tags": ["a", "b"] }), true),
                (json!({ "tags": ["b", "a"] }), false),
                (json!({ "tags": { "$in": ["x", "b"] } }), true),
                (json!({ "tags": { "$nin": ["x", "b"] } }), false),
                (json!({ "tags": { "$ne": "a" } }), false),
                (json!({ "tags": { "$ne": "c" } }), true),
                (json!({ "tags.0": "a" }), true),
                (json!({ "tags.1": "a" }), false),
                (json!({ "tags.2": { "$exists": false } }), true),
                (json!({ "n": { "$gt": 8 } }), true),
                (json!({ "n": { "$gt": 9 } }), false),
                (json!({ "items.name": "y" }), true),
                (json!({ "items.1.name": "x" }), false),
                (json!({ "items.n": 1 }), true),
                (json!({ "items.name.x": { "$exists": true } }), false),
            ],
        );
    }

    #[test]
    fn bad_filters_say_what_is_wrong() {
        for (filter, told) in [
            (json!([]), "a filter is an object of fields and what they must be"),
            (
                json!({ "a": { "$like": 1 } }),
                "\"$like\" is none of $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $not",
            ),
            (json!({ "$xor": [] }), "\"$xor\" is none of $and, $or, $nor, $not, and no field begins with $"),
            (json!({ "a": { "$not": { "$like": 1 } } }), "\"$like\" is none of"),
            (json!({ "$or": [{ "$where": "1" }] }), "\"$where\" is none of"),
            (json!({ "a": { "b": { "$gt": 1 } } }), "\"$gt\" stands within a value"),
            (json!({ "$or": [] }), "$or takes a list of filters"),
            (json!({ "$and": {} }), "$and takes a list of filters"),
            (json!({ "a": { "$in": 1 } }), "$in takes a list"),
            (json!({ "a": { "$not": 1 } }), "$not takes an object of conditions"),
            (json!({ "a": { "$exists": 1 } }), "$exists takes true or false"),
            (json!({ "a": { "$in": vec![0; MAX_CONDITIONS + 1] } }), "more than 256 conditions"),
            (json!({ "$or": vec![json!({ "a": 1 }); MAX_CONDITIONS + 1] }), "more than 256 conditions"),
        ] {
            let error = Filter::parse(&filter).unwrap_err().to_string();
            assert!(error.starts_with(told), "{filter}: {error}");
        }
    }
}
