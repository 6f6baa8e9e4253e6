//! The reading of a log as it is found from its oldest operations.

use super::{
    database::Reading,
    database_type::{DatabaseType, Types, UNTYPED, named},
};
use crate::{
    cbor::Value,
    view::{Op, Operation, property_key},
};
use std::convert::Infallible;

/// How many entries from the oldest on are looked at to find a reading. What comes later changes nothing, so that a database
/// does not change under its clients.
pub const SAMPLED: usize = 16;

impl Reading {
    /// The reading of a log whose manifest names the type `hint` and whose oldest payloads are these; at most [`SAMPLED`] of
    /// them are drawn. A type that is not known is read as events.
    pub fn find(types: &Types, hint: &str, oldest: impl IntoIterator<Item = Value>) -> Self {
        let found: Result<Self, Infallible> = Self::try_find(types, hint, oldest.into_iter().map(Ok));
        match found {
            Ok(found) => found,
            Err(never) => match never {},
        }
    }

    /// As [`find`](Self::find), where drawing can fail.
    pub fn try_find<E>(
        types: &Types,
        hint: &str,
        oldest: impl IntoIterator<Item = Result<Value, E>>,
    ) -> Result<Self, E> {
        let Some(hinted) = named(types, hint) else { return Ok(Self::default()) };
        let untyped = hint == UNTYPED;
        if !untyped && hinted.index_by().is_none() {
            return Ok(Self::of(hinted));
        }
        let mut fields = Fields::default();
        let mut fitting: Vec<Fitting> = types.iter().map(|kind| (*kind, kind.index_by().is_some())).collect();
        let mut any = false;
        for payload in oldest.into_iter().take(SAMPLED) {
            let operation = Operation::of(payload?);
            any = true;
            fields.narrow(&operation);
            fitting.retain(|(kind, _)| kind.check(&operation).is_ok());
            fitting.iter_mut().for_each(|(kind, told_apart)| *told_apart |= kind.tells_apart(&operation));
            if untyped && fitting.iter().all(|(kind, _)| kind.name() == UNTYPED) {
                break;
            }
        }
        let field = |kind: &dyn DatabaseType| kind.index_by().map(|usual| fields.preferred(usual));
        fitting.retain(|(kind, _)| field(*kind).is_none_or(|found| found.is_some()));
        let told_apart = fitting.iter().rfind(|(_, told_apart)| *told_apart).or(fitting.first());
        let kind = if untyped && any { told_apart.map_or(hinted, |(kind, _)| *kind) } else { hinted };
        let found = Self::of(kind);
        Ok(match field(kind).flatten() {
            Some(index_by) => found.named_by(index_by),
            None => found,
        })
    }
}

/// A type that holds all operations so far, and whether they tell it from those before it.
type Fitting = (&'static dyn DatabaseType, bool);

/// The fields that hold the key in all items so far; `None` before the first.
#[derive(Default)]
struct Fields(Option<Vec<String>>);

impl Fields {
    fn narrow(&mut self, operation: &Operation) {
        if operation.op != Op::Put {
            return;
        }
        let (key, item) = (operation.property_key(), &operation.value);
        let holds = |field: &str| item.get(field).is_some_and(|held| property_key(Some(held)) == key);
        match &mut self.0 {
            Some(fields) => fields.retain(|field| holds(field)),
            None => {
                let names = item.as_map().into_iter().flat_map(|map| map.iter().map(|(name, _)| name));
                self.0 = Some(names.filter(|name| holds(name)).map(str::to_owned).collect());
            }
        }
    }

    /// The usual field if it is among them, or the first in the order of maps.
    fn preferred(&self, usual: &str) -> Option<String> {
        let fields = self.0.as_ref()?;
        fields.iter().find(|field| *field == usual).or(fields.first()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cbor::Map,
        reading::{Documents, Events, KeyValue, Misfit, TYPES, View},
    };

    /// A type that no release has, and that takes less than another: keys with the value true. Nothing but such a value tells it
    /// from keyvalue.
    #[derive(Debug)]
    struct Flags;

    impl DatabaseType for Flags {
        fn name(&self) -> &str {
            "flags"
        }

        fn about(&self) -> &str {
            "Flags"
        }

        fn view(&self) -> View {
            View::Keys
        }

        fn operations(&self) -> &[Op] {
            &[Op::Put, Op::Del]
        }

        fn check(&self, operation: &Operation) -> Result<(), Misfit> {
            let is_flag = operation.op == Op::Del || self.tells_apart(operation);
            if is_flag { Ok(()) } else { Err(Misfit::Value("true")) }
        }

        fn tells_apart(&self, operation: &Operation) -> bool {
            operation.op == Op::Put && operation.value == Value::Bool(true)
        }
    }

    const WITH_FLAGS: &Types = &[&Events, &KeyValue, &Documents, &Flags];

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
        let numbered = Operation::put(1, Map::from_iter([("_id", 1.into())]).into()).into_payload();
        let upper = put("A", document(&[("_id", "a")]));
        for (hint, payloads, found) in [
            ("events", vec![], "events"),
            ("events", vec![add(), plain.clone()], "events"),
            ("events", vec![plain.clone(), add()], "events"),
            ("events", vec![plain.clone(), Value::Bytes(vec![1])], "events"),
            ("events", vec![gone.clone()], "keyvalue"),
            ("events", vec![plain.clone(), gone.clone()], "keyvalue"),
            ("events", vec![by_id.clone(), plain.clone()], "keyvalue"),
            ("events", vec![by_id.clone(), gone, other.clone()], "documents by myCustomId"),
            ("events", vec![other, by_id.clone()], "documents by myCustomId"),
            ("events", vec![usual.clone()], "documents"),
            ("events", vec![numbered], "documents"),
            ("events", vec![upper], "keyvalue"),
            ("keyvalue", vec![by_id.clone()], "keyvalue"),
            ("documents", vec![], "documents"),
            ("documents", vec![add(), by_id.clone()], "documents by myCustomId"),
            ("documents", vec![by_id.clone()], "documents by myCustomId"),
            ("documents", vec![plain, by_id.clone()], "documents"),
            ("documents", vec![usual], "documents"),
            ("lists", vec![by_id], "events"),
        ] {
            for types in [TYPES, WITH_FLAGS] {
                let reading = Reading::find(types, hint, payloads.clone());
                assert_eq!(reading.to_string(), found, "{hint}: {payloads:?}");
            }
        }
    }

    #[test]
    fn a_later_type_that_takes_less_is_found_by_what_it_alone_is_like() {
        let (flag, gone) = (put("a", Value::Bool(true)), Operation::del("a").into_payload());
        for (payloads, found) in [
            (vec![flag.clone()], "flags"),
            (vec![gone.clone(), flag.clone()], "flags"),
            (vec![flag.clone(), put("b", "value".into())], "keyvalue"),
            (vec![flag, add()], "events"),
            (vec![gone], "keyvalue"),
        ] {
            assert_eq!(
                Reading::find(WITH_FLAGS, "events", payloads.clone()).to_string(),
                found,
                "{payloads:?}"
            );
        }
    }

    #[test]
    fn the_oldest_operations_decide() {
        let keys = || std::iter::repeat_n(put("a", "value".into()), SAMPLED);
        let find = |payloads: Vec<Value>| Reading::find(TYPES, "events", payloads);
        assert_eq!(find(keys().chain([add()]).collect()), Reading::of(&KeyValue));
        assert_eq!(find([add()].into_iter().chain(keys()).collect()), Reading::of(&Events));
    }

    #[test]
    fn no_more_is_drawn_than_decides() {
        let drawn = |hint: &str, payload: Value| {
            let mut drawn = 0;
            Reading::find(TYPES, hint, std::iter::repeat_with(|| payload.clone()).inspect(|_| drawn += 1));
            drawn
        };
        assert_eq!((drawn("events", add()), drawn("keyvalue", add()), drawn("lists", add())), (1, 0, 0));
        assert_eq!(drawn("events", put("a", "value".into())), SAMPLED);
    }
}
