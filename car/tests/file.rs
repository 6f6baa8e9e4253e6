//! The container, the documents in it, and the walk down a log.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use car::{
    Closing, Failure, Frontier, FrontierError, Identities, Index, IndexError, Indexed, MAX_FRONTIER,
    MAX_IDENTITIES, MAX_REASON_BYTES, ReadError, Reader, Role, Writer,
};
use oplog::{
    Address, Entry, Hash, Value,
    cbor::{self, Map},
    entry::Draft,
    identity::Identity,
    keys::SigningKey,
    order::{Clock, Time},
};

fn index() -> Index {
    let database = |name: &str, role, entries: u64| Indexed {
        address: Address::new(Hash::of(name.as_bytes())),
        role,
        name: name.to_owned(),
        reading: "events".to_owned(),
        heads: (0..entries.min(1)).map(|n| Hash::of(&n.to_be_bytes())).collect(),
        entries,
    };
    let pin = Map::from_iter([("name", Value::from("log"))]);
    Index {
        program: "0.1.0".to_owned(),
        created: 1_700_000_000,
        cluster: "02ab".to_owned(),
        databases: vec![
            database("catalog", Role::Catalog, 2),
            database("guard", Role::Guard, 0),
            database("log", Role::Pinned(pin.into()), 3),
        ],
        missing: vec![Address::new(Hash::of(b"missing"))],
    }
}

#[test]
fn the_header_is_dag_cbor_and_blocks_come_back() {
    let blocks: Vec<Vec<u8>> = vec![index().encode(), vec![0xa0], vec![7; 70_000]];
    let root = Hash::of(&blocks[0]);
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, root).unwrap();
    blocks.iter().for_each(|block| writer.block(&Hash::of(block), block).unwrap());
    let closing = writer.finish(1).unwrap();
    let link = Value::Link(cid::Cid::try_from(&root.to_cid_bytes()[..]).unwrap());
    let header = Map::from_iter([("roots", Value::List(vec![link])), ("version", Value::Int(1))]);
    let header = cbor::encode(&header.into());
    assert_eq!((usize::from(bytes[0]), &bytes[1..=header.len()]), (header.len(), &header[..]));

    let mut reader = Reader::new(&bytes[..]).unwrap();
    assert_eq!(reader.root(), root);
    for block in &blocks {
        assert_eq!(reader.next_block().unwrap().unwrap().bytes, block);
    }
    let last = reader.next_block().unwrap().unwrap();
    assert_eq!(Closing::decode(&last.bytes), Some(closing.clone()));
    assert_eq!(reader.before_last(), (3, closing.bytes, closing.digest));
    assert!(reader.next_block().unwrap().is_none());
}

#[test]
fn files_of_others_are_told_by_their_header() {
    for bytes in [&b""[..], b"\x0a\xa1\x67version\x02", b"PK\x03\x04", &[0x3a; 100]] {
        assert!(matches!(Reader::new(bytes), Err(ReadError::Header)));
    }
}

#[test]
fn an_index_has_one_encoding_and_one_order() {
    let index = index();
    let block = index.encode();
    assert_eq!(Index::decode(&block), Ok(index.clone()));
    assert_eq!((index.entries(), index.hash()), (5, Hash::of(&block)));

    let changed = |change: fn(&mut Map)| {
        let Ok(Value::Map(mut map)) = cbor::decode(&block) else { panic!("a map") };
        change(&mut map);
        Index::decode(&cbor::encode_map(&map)).unwrap_err()
    };
    assert_eq!(changed(|map| drop(map.insert("version", Value::Int(2)))), IndexError::Version(2));
    assert_eq!(changed(|map| drop(map.insert("more", Value::Null))), IndexError::NotCanonical);
    assert_eq!(changed(|map| drop(map.remove("cluster"))), IndexError::Field("cluster"));
    assert_eq!(changed(|map| drop(map.remove("paperclip"))), IndexError::NoIndex);
    for swapped in [[0, 1], [1, 2], [0, 2]] {
        let mut other = index.clone();
        other.databases.swap(swapped[0], swapped[1]);
        assert!(matches!(Index::decode(&other.encode()), Err(IndexError::Order(_))), "{swapped:?}");
    }
    let mut twice = index;
    twice.databases.push(twice.databases[2].clone());
    assert!(matches!(Index::decode(&twice.encode()), Err(IndexError::Order(_))));
}

#[test]
fn a_reason_is_cut_between_characters() {
    let failure = Failure::new(&"ü".repeat(MAX_REASON_BYTES));
    assert_eq!(failure.reason.len(), MAX_REASON_BYTES);
    assert_eq!(Failure::new(&format!("a{}", failure.reason)).reason.len(), MAX_REASON_BYTES - 1);
    assert_eq!(Failure::decode(&failure.encode()), Some(failure));
}

#[test]
fn an_identity_is_forgotten_by_the_number_of_others() {
    let mut identities = Identities::default();
    let hash = |n: usize| Hash::of(&n.to_be_bytes());
    (0..MAX_IDENTITIES).for_each(|n| identities.met(hash(n), n));
    assert_eq!(identities.named(&hash(0)), Some(&0), "and is the newest now");
    identities.met(hash(MAX_IDENTITIES), MAX_IDENTITIES);
    assert_eq!(identities.named(&hash(1)), None);
    assert_eq!(identities.named(&hash(0)), Some(&0));
}

fn entry(time: i64, next: &[Hash], refs: &[Hash]) -> Entry {
    let key = SigningKey::from_bytes([1; 32]).unwrap();
    let draft = Draft {
        id: Address::new(Hash::of(b"manifest")),
        payload: time.into(),
        next: next.to_vec(),
        refs: refs.to_vec(),
        clock: Clock { id: "id".into(), time: Time::from_value(&time.into()).unwrap() },
    };
    Entry::sign(draft, Identity::create(&key, &key).hash(), &key).0
}

#[test]
fn a_walk_meets_exactly_what_the_heads_lead_to() {
    let first = entry(1, &[], &[]);
    let branch = entry(2, &[first.hash], &[]);
    let other = entry(3, &[first.hash], &[]);
    let merge = entry(4, &[branch.hash, other.hash], &[first.hash]);
    let walk = |entries: &[&Entry], head: Hash| {
        let mut frontier = Frontier::new([head]);
        entries.iter().try_for_each(|entry| frontier.meet(entry))?;
        frontier.finish()
    };
    assert!(walk(&[&merge, &other, &branch, &first], merge.hash).unwrap().is_empty());
    assert!(walk(&[&other, &first], other.hash).unwrap().is_empty());
    let stray = walk(&[&other, &branch, &first], other.hash);
    assert_eq!(stray, Err(FrontierError::Unreferenced(branch.hash)));
    assert_eq!(walk(&[&merge, &other, &branch], merge.hash), Err(FrontierError::Missing(first.hash)));
    assert_eq!(walk(&[], merge.hash), Err(FrontierError::Missing(merge.hash)));

    let late = entry(1, &[branch.hash], &[]);
    assert_eq!(walk(&[&late, &branch], late.hash), Err(FrontierError::Clock(branch.hash)));
    let mut both = Frontier::new([merge.hash, other.hash]);
    assert_eq!(both.meet(&merge), Err(FrontierError::NoHead(other.hash)));
}

#[test]
fn a_reference_to_what_stands_above_is_left_to_be_looked_for() {
    let above = entry(9, &[], &[]);
    let below = entry(1, &[], &[above.hash]);
    let mut frontier = Frontier::new([above.hash, below.hash]);
    frontier.meet(&above).unwrap();
    frontier.meet(&below).unwrap();
    assert!(frontier.is_done());
    assert_eq!(frontier.finish().unwrap().into_iter().collect::<Vec<_>>(), [above.hash]);
}

#[test]
fn a_log_that_is_made_to_be_wide_is_refused() {
    let mut wide = entry(0, &[], &[]);
    let mut frontier = Frontier::new([wide.hash]);
    let name = |n: usize| Hash::of(&n.to_be_bytes());
    let mut met = 0;
    let refused = loop {
        wide.refs = (met * 4096..(met + 1) * 4096).map(name).collect();
        wide.next = vec![Hash::of(format!("{met}").as_bytes())];
        match frontier.meet(&wide) {
            Ok(()) => met += 1,
            Err(error) => break error,
        }
        wide.hash = wide.next[0];
        wide.clock.time = Time::from_value(&(-i64::try_from(met).unwrap()).into()).unwrap();
    };
    assert_eq!((refused, met), (FrontierError::TooWide, MAX_FRONTIER / 4096 - 1));
}
