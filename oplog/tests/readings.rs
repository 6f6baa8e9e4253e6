//! Readings found from operations: a function of the oldest entries alone, true to each of them, whatever they hold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use oplog::{
    Address, Entry, Hash, Value,
    cbor::Map,
    identity::Identity,
    keys::SigningKey,
    log::{Added, Log, LogRead as _, Writer},
    memory::MemoryLog,
    reading::{KeyValue, Reading, SAMPLED, TYPES, UNTYPED, names},
    view::{Op, Operation},
};
use proptest::prelude::*;
use support::{added, bytes, list, load};

/// Values as databases of apps have them, and few enough that documents hold their key now and then.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..3_i64).prop_map(Value::from),
        prop::sample::select(vec!["a", "A", "1", "null", "undefined", "\u{feff}a", ""]).prop_map(Value::from),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
        Just(Value::Float(1.5)),
        prop::collection::vec(any::<u8>(), 0..3).prop_map(Value::Bytes),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(2, 8, 3, |inner| {
        let field = prop::sample::select(vec!["_id", "id", "key", "value", "op", "__proto__"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
            prop::collection::vec((field, inner), 0..4).prop_map(|fields| Map::from_iter(fields).into()),
        ]
    })
}

/// A document that holds its key in one field at least.
fn document() -> impl Strategy<Value = Operation> {
    (scalar(), prop::sample::select(vec!["_id", "id"]), value()).prop_map(|(key, field, other)| {
        let document = Map::from_iter([("key", other), (field, key.clone())]);
        Operation::put(key, document.into())
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => document(),
        2 => (scalar(), value()).prop_map(|(key, value)| Operation::put(key, value)),
        2 => scalar().prop_map(Operation::del),
        1 => value().prop_map(Operation::add),
        1 => ("[A-Z]{0,4}", value()).prop_map(|(op, value)| Operation { op: op.into(), key: None, value }),
    ]
}

/// Operations that are mostly of one kind, so that each reading is found often.
fn operations() -> impl Strategy<Value = Vec<Operation>> {
    prop_oneof![
        prop::collection::vec(document(), 0..24),
        prop::collection::vec(prop_oneof![document(), scalar().prop_map(Operation::del)], 0..24),
        prop::collection::vec(operation(), 0..24),
    ]
}

fn hint() -> impl Strategy<Value = String> {
    let known: Vec<String> =
        names(TYPES).map(str::to_owned).chain(["lists".to_owned(), String::new()]).collect();
    prop_oneof![3 => Just(UNTYPED.to_owned()), 2 => prop::sample::select(known)]
}

fn find(hint: &str, log: &MemoryLog) -> Reading {
    let oldest =
        log.oldest_first(None).map(|position| log.entry(&position.unwrap().hash).unwrap().unwrap().payload);
    Reading::find(TYPES, hint, oldest)
}

fn writer(byte: u8) -> Writer {
    let key = |byte| SigningKey::from_bytes([byte; 32]).unwrap();
    Writer::new(Identity::create(&key(byte), &key(byte + 100)), key(byte + 100))
}

struct Replica {
    log: Log,
    store: MemoryLog,
    writer: Writer,
}

impl Replica {
    fn new(byte: u8) -> Self {
        let address: Address = "/orbitdb/zdpuAtAEwP5kN6qtBoa2v6E5G2WCZDoH4DbUtDtAqbxM8vrbe".parse().unwrap();
        Self { log: Log::empty(address), store: MemoryLog::default(), writer: writer(byte) }
    }

    fn commit(&mut self, added: Vec<Added>) {
        self.store.apply(self.log.commit(added, &self.store).unwrap());
    }

    fn write(&mut self, operation: Operation) {
        let added = self.log.append(operation, &self.writer).unwrap();
        self.commit(vec![added]);
    }

    /// Takes what the other has, ancestors first, `at_once` entries at a time.
    fn join(&mut self, other: &MemoryLog, at_once: usize) {
        let new = other.oldest_first(None).map(|position| position.unwrap().hash);
        let new: Vec<Hash> = new.filter(|hash| !self.store.contains(hash).unwrap()).collect();
        for part in new.chunks(at_once) {
            let entries: Vec<Added> =
                part.iter().map(|hash| added(other.block(hash).unwrap().to_vec())).collect();
            self.log.join(&entries);
            self.commit(entries);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn replicas_of_the_same_entries_find_the_same_however_they_came(
        writes in operations(),
        steps in prop::collection::vec((0..3_usize, any::<bool>(), 0..3_usize, 1..5_usize), 24),
        hint in hint(),
    ) {
        let mut replicas = [1, 2, 3].map(Replica::new);
        for (operation, (at, joins, from, at_once)) in writes.into_iter().zip(steps) {
            if joins && at != from {
                let other = replicas[from].store.clone();
                replicas[at].join(&other, at_once);
            }
            replicas[at].write(operation);
        }
        let all = replicas.each_ref().map(|replica| replica.store.clone());
        for (at, replica) in replicas.iter_mut().enumerate() {
            (0..3).for_each(|step| replica.join(&all[(at + step + 1) % 3], step + 1));
        }
        let found = replicas.each_ref().map(|replica| find(&hint, &replica.store));
        prop_assert_eq!(&found[0], &found[1]);
        prop_assert_eq!(&found[0], &found[2]);

        let [mut replica, ..] = replicas;
        if replica.store.len() >= SAMPLED {
            replica.write(Operation::add("later".into()));
            prop_assert_eq!(&found[0], &find(&hint, &replica.store), "what comes later changes nothing");
        }
    }

    #[test]
    fn what_is_found_is_true_to_every_operation_it_was_found_from(operations in operations(), hint in hint()) {
        let payloads = operations.iter().cloned().map(Operation::into_payload);
        let found = Reading::find(TYPES, &hint, payloads.clone());
        let repeated = Reading::find(TYPES, &hint, payloads);
        prop_assert_eq!(&found, &repeated);
        let named = Reading::parse(TYPES, found.name(), found.index_by()).unwrap();
        prop_assert_eq!(&named, &found);
        if hint != UNTYPED {
            let expected = if names(TYPES).any(|name| name == hint) { hint.as_str() } else { UNTYPED };
            prop_assert_eq!(found.name(), expected);
            return Ok(());
        }
        let fits = |reading: &Reading| operations.iter().take(SAMPLED).all(|it| reading.check(it).is_ok());
        if found.name() != UNTYPED {
            prop_assert!(fits(&found), "{found}: {operations:?}");
        } else if !operations.is_empty() {
            prop_assert!(!fits(&Reading::of(&KeyValue)), "{operations:?}");
        }
    }

    #[test]
    fn the_order_among_the_oldest_does_not_matter(operations in operations(), hint in hint(), turn in any::<usize>()) {
        let mut payloads: Vec<Value> = operations.into_iter().take(SAMPLED).map(Operation::into_payload).collect();
        let found = Reading::find(TYPES, &hint, payloads.clone());
        payloads.reverse();
        let turn = turn % payloads.len().max(1);
        payloads.rotate_left(turn);
        let other = Reading::find(TYPES, &hint, payloads);
        prop_assert_eq!(found.name(), other.name());
        prop_assert_eq!(found.index_by(), other.index_by());
    }

    #[test]
    fn any_payload_can_be_looked_at(payloads in prop::collection::vec(value(), 0..20), hint in "\\PC{0,12}") {
        for hint in [hint.as_str(), UNTYPED, "documents"] {
            Reading::find(TYPES, hint, payloads.clone());
        }
        for payload in payloads {
            let operation = Operation::of(payload);
            let keyed = operation.keyed();
            prop_assert_eq!(keyed.is_some(), matches!(operation.op, Op::Put | Op::Del));
            let read = Operation::of(operation.clone().into_payload());
            prop_assert_eq!((&read.op, &read.value), (&operation.op, &operation.value));
        }
    }
}

#[test]
fn logs_of_javascript_are_read_as_javascript_made_them_whatever_their_manifests_say() {
    for (file, hint, expected) in [
        ("keyvalue.json", "events", "keyvalue"),
        ("keyvalue.json", "keyvalue", "keyvalue"),
        ("keyvalue.json", "an app's own", "events"),
        ("documents.json", "events", "documents"),
        ("documents.json", "documents", "documents"),
        ("log.json", "events", "events"),
    ] {
        let file_content = load(file);
        let blocks = list(&file_content, "entries").iter().map(|entry| bytes(entry, "blockHex"));
        let mut entries: Vec<Entry> = blocks.map(|block| Entry::decode(&block).unwrap()).collect();
        entries.sort_by_key(Entry::position);
        let payloads = entries.into_iter().map(|entry| entry.payload);
        assert_eq!(Reading::find(TYPES, hint, payloads).to_string(), expected, "{file} as {hint}");
    }
}
