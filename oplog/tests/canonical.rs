//! One signed entry has one hash. Whoever holds no key can write an entry or an identity in countless other ways that leave
//! its signatures good; none of them is taken.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use oplog::{
    Value,
    access::{AccessList, Writers},
    cbor::{self, Map},
    entry::{Candidate, Draft, Entry, EntryError, MAX_ENTRY_BYTES},
    hash::Hash,
    identity::{Identity, IdentityError},
    join::{Policy, Refusal, RefusalLabel},
    keys::SigningKey,
    manifest::Manifest,
    order::{Clock, Time},
};
use proptest::prelude::*;
use std::{collections::HashMap, sync::LazyLock};
use support::{
    Replica,
    forms::{Form, count_items, other_signatures, write_with},
};

/// An accepted entry whose payload has a value of every kind, and its writer's identity.
struct Accepted {
    entry: Vec<u8>,
    identity: Vec<u8>,
}

static ACCEPTED: LazyLock<Accepted> = LazyLock::new(|| {
    let root = SigningKey::from_bytes([1; 32]).unwrap();
    let signing = SigningKey::from_bytes([2; 32]).unwrap();
    let identity = Identity::create(&root, &signing);
    let link = oplog::hash::Hash::of(b"a file").to_cid_bytes();
    let payload = Map::from_iter([
        ("op", Value::from("ADD")),
        ("key", Value::Null),
        (
            "value",
            Value::List(vec![
                Value::Bool(true),
                Value::Int(5),
                Value::Int(-7),
                Value::Int(300),
                Value::Int(1 << 60),
                Value::Float(1.5),
                Value::Float(1e300),
                Value::Bytes(vec![1, 2, 3]),
                Value::from("a text with \u{fffd} in it"),
                Value::Link(cid::Cid::try_from(link.as_slice()).unwrap()),
                Map::from_iter([("b", Value::Null), ("a", Value::Int(0))]).into(),
            ]),
        ),
    ]);
    let draft = Draft {
        id: address(),
        payload: payload.into(),
        next: Vec::new(),
        refs: Vec::new(),
        clock: Clock { id: signing.public_hex().into(), time: Time::ZERO.next().unwrap() },
    };
    let (_, entry) = Entry::sign(draft, identity.hash(), &signing);
    Accepted { entry: entry.to_vec(), identity: identity.encode().to_vec() }
});

fn address() -> oplog::Address {
    Hash::of(b"a manifest").into()
}

/// Whether a replica that takes entries of everybody takes this one, when all these blocks can be had.
fn taken(entry: Vec<u8>, identities: &[&[u8]]) -> Result<(), Refusal> {
    let hash = Hash::of(&entry);
    let blocks: HashMap<Hash, Vec<u8>> =
        identities.iter().map(|block| (Hash::of(block), block.to_vec())).collect();
    let mut replica = Replica::new(address(), Writers::Anyone, Policy::default());
    let mut refused = HashMap::new();
    if replica.offer(entry, &blocks, &mut refused) { Ok(()) } else { Err(refused.remove(&hash).unwrap()) }
}

fn value(block: &[u8]) -> Value {
    cbor::decode(block).unwrap()
}

/// The entry with other unsigned fields, in canonical form.
fn with_fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let Value::Map(mut map) = value(&ACCEPTED.entry) else { panic!("an entry is a map") };
    for (name, text) in fields {
        map.insert(*name, (*text).into());
    }
    cbor::encode(&map.into())
}

fn field(block: &[u8], path: &[&str]) -> String {
    let mut at = value(block);
    for name in path {
        at = at.get(name).unwrap().clone();
    }
    at.as_text().unwrap().to_owned()
}

/// Every other way to write `block` that one change of form makes.
fn variants(block: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    let value = value(block);
    let block = block.to_vec();
    let places = (0..count_items(&value)).flat_map(|at| Form::ALL.map(|form| (at, form)));
    places.filter_map(move |(at, form)| {
        let written = write_with(&value, at, form)?;
        (written != block).then(|| (format!("{form:?} at item {at}"), written))
    })
}

#[test]
fn the_entry_itself_is_taken() {
    taken(ACCEPTED.entry.clone(), &[&ACCEPTED.identity]).unwrap();
    assert_eq!(cbor::encode(&value(&ACCEPTED.entry)), ACCEPTED.entry);
}

#[test]
fn no_other_form_of_an_entry_is_taken() {
    let mut tried = 0;
    for (what, block) in variants(&ACCEPTED.entry) {
        let verdict = taken(block, &[&ACCEPTED.identity]);
        assert!(verdict.is_err(), "{what}");
        tried += 1;
    }
    assert!(tried > 200, "{tried}");
}

#[test]
fn no_other_form_of_its_identity_is_taken() {
    let mut tried = 0;
    for (what, block) in variants(&ACCEPTED.identity) {
        let entry = with_fields(&[("identity", &Hash::of(&block).to_string())]);
        let verdict = taken(entry, &[&block, &ACCEPTED.identity]);
        assert!(verdict.is_err(), "{what}");
        tried += 1;
    }
    assert!(tried > 60, "{tried}");
}

#[test]
fn no_other_form_of_a_signature_or_a_key_is_taken() {
    let entry = &ACCEPTED.entry;
    for (what, sig) in other_signatures(&field(entry, &["sig"])) {
        let verdict = taken(with_fields(&[("sig", &sig)]), &[&ACCEPTED.identity]);
        assert!(verdict.is_err(), "signature: {what}");
    }
    let key = field(entry, &["key"]);
    let verdict = taken(with_fields(&[("key", &key.to_uppercase())]), &[&ACCEPTED.identity]);
    assert_eq!(verdict, Err(EntryError::NotCanonical.into()));

    let identity = Identity::decode(&ACCEPTED.identity).unwrap();
    let mut others = Vec::new();
    for (what, sig) in other_signatures(&identity.id_signature) {
        others.push((format!("signatures.id: {what}"), Identity { id_signature: sig, ..identity.clone() }));
    }
    for (what, sig) in other_signatures(&identity.public_key_signature) {
        others.push((
            format!("signatures.publicKey: {what}"),
            Identity { public_key_signature: sig, ..identity.clone() },
        ));
    }
    let upper = |text: &str| text.to_uppercase();
    others.push(("id in capitals".into(), Identity { id: upper(&identity.id), ..identity.clone() }));
    others.push((
        "publicKey in capitals".into(),
        Identity { public_key: upper(&identity.public_key), ..identity },
    ));
    for (what, other) in others {
        let (block, hash) = (other.encode(), other.hash().to_string());
        let mut fields = vec![("identity", hash.as_str())];
        if other.public_key != key {
            fields.push(("key", &other.public_key));
        }
        let verdict = taken(with_fields(&fields), &[&block]);
        assert!(verdict.is_err(), "{what}");
    }
}

#[test]
fn what_javascript_takes_in_another_form_is_refused_by_name() {
    let Value::Map(mut map) = value(&ACCEPTED.entry) else { panic!("an entry is a map") };
    map.insert("extra", Value::Int(1));
    let verdict = taken(cbor::encode(&map.into()), &[&ACCEPTED.identity]);
    assert_eq!(verdict.unwrap_err().label(), RefusalLabel::NotCanonical);
    let Value::Map(mut map) = value(&ACCEPTED.identity) else { panic!("an identity is a map") };
    map.insert("extra", Value::Int(1));
    let block = cbor::encode(&map.into());
    assert_eq!(Identity::decode(&block), Err(IdentityError::NotCanonical));
    let entry = with_fields(&[("identity", &Hash::of(&block).to_string())]);
    assert_eq!(taken(entry, &[&block]).unwrap_err().label(), RefusalLabel::NotCanonical);
}

#[test]
fn manifests_and_access_lists_have_one_form() {
    let list = AccessList { write: vec!["*".into()] };
    let manifest = Manifest {
        name: "a name".into(),
        kind: "events".parse().unwrap(),
        access: format!("/ipfs/{}", list.hash()).parse().unwrap(),
        meta: Some(Map::from_iter([("made", Value::Float(0.5)), ("by", Value::Null)]).into()),
    };
    assert_eq!(AccessList::decode(&list.encode()), Ok(list.clone()));
    for (what, block) in variants(&list.encode()) {
        // another list is another block; no list has two
        assert!(
            AccessList::decode(&block).is_ok_and(|other| other != list)
                || AccessList::decode(&block).is_err(),
            "{what}"
        );
    }
    assert_eq!(Manifest::decode(&manifest.encode()).as_ref(), Ok(&manifest));
    for (what, block) in variants(&manifest.encode()) {
        if let Ok(other) = Manifest::decode(&block) {
            assert_eq!(Hash::of(&block), other.address().manifest(), "{what}");
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |float| Value::number(float).ok()),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        ".{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            proptest::collection::vec((".{0,4}", inner), 0..5).prop_map(|pairs| Map::from_iter(pairs).into()),
        ]
    })
}

proptest! {
    #[test]
    fn the_canonical_form_is_what_the_encoder_writes(value in any_value(), at in any::<usize>(), form in 0..Form::ALL.len()) {
        let block = cbor::encode(&value);
        prop_assert_eq!(cbor::decode_canonical(&block), Ok(value.clone()));
        if let Some(other) = write_with(&value, at % count_items(&value), Form::ALL[form]) {
            let same = cbor::decode(&other).is_ok_and(|read| cbor::encode(&read) == other);
            prop_assert_eq!(cbor::decode_canonical(&other).is_ok(), same, "{}", hex::encode(other));
        }
    }

    #[test]
    fn no_entry_with_changed_bytes_is_taken(
        at in any::<prop::sample::Index>(), cut in 0..3_usize, put in proptest::collection::vec(any::<u8>(), 0..3),
    ) {
        let at = at.index(ACCEPTED.entry.len());
        let mut block = ACCEPTED.entry.clone();
        let end = (at + cut).min(block.len());
        block.splice(at..end, put);
        prop_assume!(block != ACCEPTED.entry);
        prop_assert!(taken(block.clone(), &[&ACCEPTED.identity]).is_err());
        if let Ok(candidate) = Candidate::decode(block.clone().into(), MAX_ENTRY_BYTES) {
            prop_assert_eq!(cbor::encode(&value(&candidate.block)), block);
        }
    }
}
