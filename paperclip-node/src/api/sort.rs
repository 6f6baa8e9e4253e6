//! The order of a query's answer, and the first documents of it. Pure.

use super::{MAX_PAGE_BYTES, filter::Path};
use crate::database::Live;
use oplog::{Value, cbor, order::Position};
use std::cmp::Ordering;

/// How many documents a query that sorts keeps until it has seen the last one, in multiples of a page.
const SORTED_PAGES: usize = 4;

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

    /// The order of the values of two documents. Types stand in the order null, booleans, numbers, texts, all else; documents without the
    /// field come last in either direction.
    fn compare(&self, a: &Value, b: &Value) -> Ordering {
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

/// Where a document stands: by its field, and the newest first among equals. No two stand in the same place.
fn place(sort: &Sort, (a, a_entry): (&Value, &Position), (b, b_entry): (&Value, &Position)) -> Ordering {
    sort.compare(a, b).then_with(|| b_entry.cmp(a_entry))
}

/// The first documents of an order, as many as were asked for, kept in bounded memory while all others pass by.
pub(super) struct Sorted {
    sort: Sort,
    /// Only documents that stand behind this one.
    after: Option<(Value, Position)>,
    limit: usize,
    found: Vec<(Live, usize)>,
    bytes: usize,
    /// Whether documents were dropped, all of which stand behind those that are kept.
    more: bool,
}

impl Sorted {
    const MAX_BYTES: usize = SORTED_PAGES * MAX_PAGE_BYTES;

    /// The first `limit` documents of an order, or of what stands in it behind a document.
    pub(super) fn new(sort: Sort, after: Option<(Value, Position)>, limit: usize) -> Self {
        Self { sort, after, limit, found: Vec::new(), bytes: 0, more: false }
    }

    /// Adds a document.
    pub(super) fn add(&mut self, live: Live) {
        if let Some((value, entry)) = &self.after
            && place(&self.sort, (&live.value, &live.entry), (value, entry)) != Ordering::Greater
        {
            return;
        }
        let size = cbor::encode(&live.value).len();
        self.bytes += size;
        self.found.push((live, size));
        // Now and then all but the first are dropped; in between there is room for as many again.
        if self.found.len() > 2 * self.limit || self.bytes > Self::MAX_BYTES {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        let sort = &self.sort;
        self.found.sort_by(|(a, _), (b, _)| place(sort, (&a.value, &a.entry), (&b.value, &b.entry)));
        let mut total = 0;
        let fit = self.found.iter().take_while(|(_, size)| {
            total += size;
            total <= Self::MAX_BYTES / 2
        });
        // Fewer documents than were asked for may do from here on, so that none between those that are kept is dropped.
        if self.bytes > Self::MAX_BYTES {
            self.limit = self.limit.min(fit.count().max(1));
        }
        self.more |= self.found.len() > self.limit;
        self.found.truncate(self.limit);
        self.bytes = self.found.iter().map(|(_, size)| size).sum();
    }

    /// The documents in their order, and whether the order goes on behind them.
    pub(super) fn finish(mut self) -> (impl Iterator<Item = Live>, bool) {
        self.shrink();
        (self.found.into_iter().map(|(live, _)| live), self.more)
    }
}

/// The order of two values, if they have one. Exact: rounding would make an order that contradicts itself.
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
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
    use oplog::{
        Hash,
        cbor::Map,
        json,
        order::{Clock, Time},
    };
    use serde_json::{Value as Json, json};

    fn value(document: Json) -> Value {
        json::from_json(&document).unwrap()
    }

    fn live(n: i64, filler: usize) -> Live {
        let clock = Clock { id: "a".into(), time: Time::ZERO };
        let value = Map::from_iter([("n", Value::Int(n.into())), ("x", "x".repeat(filler).as_str().into())]);
        Live {
            entry: Position::new(&clock, Hash::of(&n.to_be_bytes())),
            key: n.to_string(),
            value: value.into(),
        }
    }

    fn first(limit: usize, after: Option<&Live>) -> Sorted {
        let after = after.map(|live| (live.value.clone(), live.entry.clone()));
        Sorted::new(Sort::parse("n"), after, limit)
    }

    #[test]
    fn the_first_of_an_order_are_kept_and_little_else() {
        let mut kept = first(3, None);
        for n in (0..1000).rev() {
            kept.add(live(n, 0));
            assert!(kept.found.len() <= 7);
        }
        let (found, more) = kept.finish();
        let keys: Vec<String> = found.map(|live| live.key).collect();
        assert_eq!((keys, more), (["0", "1", "2"].map(str::to_owned).into(), true));
    }

    #[test]
    fn an_order_goes_on_behind_any_document_however_much_there_is() {
        // Equal documents, too, and more bytes than are kept.
        let documents: Vec<Live> =
            (0..60).map(|n| Live { value: live(n / 3, 1 << 20).value, ..live(n, 0) }).collect();
        let mut seen: Vec<Live> = Vec::new();
        loop {
            let mut kept = first(40, seen.last());
            documents.iter().cloned().for_each(|live| kept.add(live));
            assert!(kept.bytes <= Sorted::MAX_BYTES);
            let (found, more) = kept.finish();
            let before = seen.len();
            seen.extend(found);
            assert!(seen.len() > before);
            if !more {
                break;
            }
        }
        let mut keys: Vec<&str> = seen.iter().map(|live| live.key.as_str()).collect();
        assert!(seen.is_sorted_by(|a, b| {
            compare(a.value.get("n").unwrap(), b.value.get("n").unwrap()).unwrap().is_le()
        }));
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 60);
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
