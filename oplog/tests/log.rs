//! The log against what JavaScript OrbitDB did: order, iteration, references, joins, views, verdicts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use oplog::{
    Address, Value,
    access::{AccessList, Writers},
    entry::{Candidate, Draft, Entry, MAX_ENTRY_BYTES},
    hash::Hash,
    identity::Identity,
    join::{Policy, Refusal, RefusalLabel},
    keys::SigningKey,
    log::{Added, Log, LogRead, Range, iterate},
    manifest::Manifest,
    memory::MemoryLog,
    order::{Clock, Position, Time},
    view::Operation,
};
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};
use support::{Replica, added, bytes, hash, hashes, identities, list, load, order, text, typed};

/// Everything of a file in one log, entries in causal order.
fn replica(entries: Vec<Added>, address: Address) -> (Log, MemoryLog) {
    let mut entries = entries;
    entries.sort_by(|a, b| a.position.cmp(&b.position));
    let (mut log, mut store) = (Log::empty(address), MemoryLog::default());
    log.join(&entries);
    let commit = log.commit(entries, &store).unwrap();
    store.apply(commit);
    (log, store)
}

fn file_replica(file: &Json) -> (Log, MemoryLog) {
    let entries = list(file, "entries").iter().map(|entry| added(bytes(entry, "blockHex"))).collect();
    replica(entries, text(file, "address").parse().unwrap())
}

fn head_hashes(log: &Log) -> Vec<Hash> {
    log.heads().iter().map(|head| head.hash).collect()
}

#[test]
fn order_and_heads_are_javascripts() {
    for name in ["log.json", "keyvalue.json", "documents.json"] {
        let file = load(name);
        let (log, store) = file_replica(&file);
        assert_eq!(order(&store), hashes(&file["order"]), "{name}");
        assert_eq!(head_hashes(&log), hashes(&file["mergedHeads"]), "{name}");
    }
}

#[test]
fn every_iterator_call_gives_what_javascript_gave() {
    let file = load("log.json");
    let (_, store) = file_replica(&file);
    for case in list(&file, "iterators") {
        let options = &case["options"];
        let bound = |name: &str| options.get(name).map(hash);
        let range = Range {
            gt: bound("gt"),
            gte: bound("gte"),
            lt: bound("lt"),
            lte: bound("lte"),
            after: None,
            amount: options
                .get("amount")
                .and_then(Json::as_i64)
                .and_then(|amount| usize::try_from(amount).ok()),
        };
        let paged = Range { after: hashes(&case["result"]).get(2).copied(), ..range };
        if paged.after.is_some() {
            let rest: Vec<Hash> =
                iterate(&store, &paged).unwrap().map(|position| position.unwrap().hash).collect();
            let amount = range.amount.filter(|_| range.gt.or(range.gte).is_none()).unwrap_or(usize::MAX);
            let unlimited =
                iterate(&store, &Range { amount: None, ..range }).unwrap().map(|at| at.unwrap().hash);
            let expected: Vec<Hash> =
                match range.gt.or(range.gte).filter(|_| range.lt.or(range.lte).is_none()) {
                    Some(_) => hashes(&case["result"])[3..].to_vec(),
                    None => unlimited.skip(3).take(amount).collect(),
                };
            assert_eq!(rest, expected, "{options}, the page after the third");
        }
        let result: Vec<Hash> =
            iterate(&store, &range).unwrap().map(|position| position.unwrap().hash).collect();
        assert_eq!(result, hashes(&case["result"]), "{options}");
    }
}

#[test]
fn joining_writer_by_writer_gives_the_same_heads_at_each_step() {
    let file = load("log.json");
    let entries: HashMap<Hash, Added> = list(&file, "entries")
        .iter()
        .map(|entry| added(bytes(entry, "blockHex")))
        .map(|added| (added.position.hash, added))
        .collect();
    let (mut log, mut known) = (Log::empty(text(&file, "address").parse().unwrap()), HashSet::new());
    for step in list(&file, "joinSteps") {
        let mut batch: Vec<Added> = ancestry(hash(&step["join"]), &entries)
            .into_iter()
            .filter(|hash| known.insert(*hash))
            .map(|hash| entries[&hash].clone())
            .collect();
        batch.sort_by(|a, b| a.position.cmp(&b.position));
        assert_eq!(!batch.is_empty(), step["changed"].as_bool().unwrap());
        log.join(&batch);
        assert_eq!(head_hashes(&log), hashes(&step["headsAfter"]));
    }
}

fn ancestry(head: Hash, entries: &HashMap<Hash, Added>) -> HashSet<Hash> {
    let (mut seen, mut queue) = (HashSet::new(), vec![head]);
    while let Some(hash) = queue.pop() {
        if seen.insert(hash) {
            queue.extend(&entries[&hash].next);
        }
    }
    seen
}

#[test]
fn ties_fall_to_the_hash_whatever_the_order_of_arrival() {
    let file = load("ties.json");
    let (log, store) = file_replica(&file);
    let ours = order(&store);
    assert_eq!(
        ours.iter().collect::<HashSet<_>>(),
        hashes(&file["order"]).iter().collect::<HashSet<_>>(),
        "the same entries"
    );
    assert_eq!(log.heads().len(), hashes(&file["mergedHeads"]).len());
    // Apart from tied neighbours, the order is JavaScript's too: compare the clocks, position by position.
    let clocks: HashMap<Hash, Position> =
        store.newest_first(None).map(|position| position.unwrap()).map(|at| (at.hash, at)).collect();
    for (ours, theirs) in ours.iter().zip(hashes(&file["order"])) {
        let (ours, theirs) = (&clocks[ours], &clocks[&theirs]);
        assert_eq!((ours.time, &ours.clock_id), (theirs.time, &theirs.clock_id));
    }
    assert!(ours.windows(2).all(|pair| clocks[&pair[0]] > clocks[&pair[1]]));
}

/// `refs` of the last entry that JavaScript appended, given the entries before it.
fn expected_refs(log: &Log, entries: &[Added], references: usize) -> Vec<Hash> {
    let mut newest: Vec<&Position> = entries.iter().map(|added| &added.position).collect();
    newest.sort_unstable_by(|a, b| b.cmp(a));
    newest.into_iter().skip(log.heads().len()).take(references).map(|at| at.hash).collect()
}

#[test]
fn references_are_the_positions_behind_the_heads() {
    let file = load("refs.json");
    for case in list(&file, "linear") {
        let rows = list(case, "rows");
        let all: Vec<Hash> = rows.iter().map(|row| hash(&row["hash"])).collect();
        let references =
            case["referencesCount"].as_u64().map_or(oplog::log::REFERENCES, |n| n.try_into().unwrap());
        for (index, row) in rows.iter().enumerate() {
            let indexes = |key| list(row, key).iter().map(|i| usize::try_from(i.as_u64().unwrap()).unwrap());
            assert_eq!(
                indexes("nextIdx").collect::<Vec<_>>(),
                index.checked_sub(1).into_iter().collect::<Vec<_>>()
            );
            let expected: Vec<usize> = (0..index).rev().skip(1).take(references).collect();
            assert_eq!(indexes("refsIdx").collect::<Vec<_>>(), expected, "of {}", all[index]);
        }
    }
    for case in list(&file, "multiHead") {
        let merge = Entry::decode(&bytes(case, "mergeBlockHex")).unwrap();
        let before: Vec<Added> = case["blocks"]
            .as_object()
            .unwrap()
            .values()
            .map(|block| added(hex::decode(block.as_str().unwrap()).unwrap()))
            .filter(|added| added.position.hash != merge.hash)
            .collect();
        let (log, _) = replica(before.clone(), merge.id.parse().unwrap());
        let name = text(case, "case");
        assert_eq!(head_hashes(&log), merge.next, "{name}");
        let references = case["referencesCount"].as_u64().map_or(16, |n| n.try_into().unwrap());
        assert_eq!(expected_refs(&log, &before, references), merge.refs, "{name}");
    }
}

#[test]
fn an_append_is_the_block_that_javascript_would_have_written() {
    use oplog::log::Writer;
    let (file, keys) = (load("refs.json"), load("keys.json"));
    let writers: HashMap<String, Writer> = list(&keys, "identities")
        .iter()
        .map(|case| {
            let root = SigningKey::from_hex(text(case, "rootPrivateKeyHex")).unwrap();
            let signing = SigningKey::from_hex(text(case, "signingPrivateKeyHex")).unwrap();
            let public = signing.public_hex().to_owned();
            (public, Writer::new(Identity::create(&root, &signing), signing))
        })
        .collect();
    let mut compared = 0;
    for case in list(&file, "multiHead")
        .iter()
        .filter(|case| !case["referencesCount"].is_u64() || case["referencesCount"] == 16)
    {
        let merge = Entry::decode(&bytes(case, "mergeBlockHex")).unwrap();
        let Some(writer) = writers.get(&merge.key) else {
            continue;
        };
        let before = case["blocks"].as_object().unwrap().values();
        let before: Vec<Added> = before
            .map(|block| added(hex::decode(block.as_str().unwrap()).unwrap()))
            .filter(|added| added.position.hash != merge.hash)
            .collect();
        let (mut log, _) = replica(before, merge.id.parse().unwrap());
        let appended = log.append(Operation::of(merge.payload), writer).unwrap();
        assert_eq!(hex::encode(&appended.block), text(case, "mergeBlockHex"), "{}", text(case, "case"));
        compared += 1;
    }
    assert!(
        compared > 0 || list(&file, "multiHead").is_empty(),
        "no merge was written by a key of keys.json"
    );
}

#[test]
fn views_are_javascripts() {
    for name in ["keyvalue.json", "documents.json"] {
        let file = load(name);
        let (_, store) = file_replica(&file);
        let value = |hash: &Hash| store.entry(hash).unwrap().unwrap().payload.get("value").cloned().unwrap();
        let mut live: Vec<(Hash, String, Value)> = store
            .winners()
            .iter()
            .filter(|(_, winner)| !winner.deleted)
            .map(|(key, winner)| (winner.hash(), key.clone(), value(&winner.hash())))
            .collect();
        live.sort_by_key(|(hash, ..)| std::cmp::Reverse(store.position(hash).unwrap()));
        let rows = |key: &str| -> Vec<(Hash, String, Value)> {
            let row = |row: &Json| (hash(&row["hash"]), text(row, "key").to_owned(), typed(&row["value"]));
            list(&file, key).iter().map(row).collect()
        };
        assert_eq!(live[..3], rows("iterator3"), "{name}: newest first");
        assert_eq!(live.iter().rev().cloned().collect::<Vec<_>>(), rows("all"), "{name}: all, oldest first");
        let newest: Vec<Hash> = store.live_newest_first().iter().map(|at| at.hash).collect();
        assert_eq!(newest, live.iter().map(|(hash, ..)| *hash).collect::<Vec<_>>());
        for get in list(&file, "gets") {
            let winner = store.winner(text(get, "key")).unwrap().filter(|winner| !winner.deleted);
            let shown = winner.map(|winner| value(&winner.hash()));
            let expected = match &get["value"] {
                Json::String(text) if text == "(undefined)" => None,
                // a document comes with its hash and key
                wrapped if name == "documents.json" => typed(wrapped).get("value").cloned(),
                value => Some(typed(value)),
            };
            assert_eq!(shown, expected, "{name}: {get}");
        }
    }
}

/// Whether a block that JavaScript takes is one that we refuse by intent: not the canonical encoding of an entry's fields,
/// signed with a key that is not the identity's, or with a clock that does not stand above a parent's.
fn stricter(block: &[u8], blocks: &HashMap<Hash, Vec<u8>>, policy: Policy) -> bool {
    let Ok(entry) = Entry::decode(block) else {
        return false;
    };
    let author = blocks.get(&entry.identity).and_then(|block| Identity::decode(block).ok());
    let foreign = author.is_some_and(|author| author.public_key != entry.key) && !policy.allow_foreign_keys;
    let parents = entry.next.iter().filter_map(|next| Entry::decode(blocks.get(next)?).ok());
    let other_form = Candidate::decode(block.to_vec().into(), MAX_ENTRY_BYTES).is_err();
    other_form || foreign || parents.into_iter().any(|parent| parent.clock.time >= entry.clock.time)
}

#[test]
fn verdicts_are_javascripts_but_where_we_are_stricter() {
    for policy in [Policy { allow_foreign_keys: true }, Policy::default()] {
        let file = load("verdicts.json");
        let access = AccessList::decode(&bytes(&file, "acHex")).unwrap();
        let manifest = Manifest::decode(&bytes(&file, "manifestHex")).unwrap();
        let mut blocks = identities(&file);
        let mut replica = Replica::new(manifest.address(), access.writers(), policy);
        let mut refused: HashMap<Hash, Refusal> = HashMap::new();
        for case in list(&file, "cases") {
            let block = bytes(case, "blockHex");
            let (name, hash) = (text(case, "name"), Hash::of(&block));
            blocks.insert(hash, block.clone());
            let stricter = stricter(&block, &blocks, policy);
            let accepted = replica.offer(block, &blocks, &mut refused);
            let links = Entry::decode(&blocks[&hash]).map(|entry| [entry.next, entry.refs].concat());
            let on_refused = links.is_ok_and(|links| links.iter().any(|link| refused.contains_key(link)));
            let expected = case["accepted"].as_bool().unwrap() && !stricter && !on_refused;
            assert_eq!(accepted, expected, "{name}: {:?}", refused.get(&hash));
        }
        let reasons: HashSet<&str> = refused.values().map(|reason| reason.label().as_str()).collect();
        for reason in
            ["wrong-log", "writer-not-allowed", "bad-signature", "not-canonical", "clock-not-above-parents"]
        {
            assert!(reasons.contains(reason), "{reason} in {reasons:?}");
        }
    }
}

/// An entry of `writer` at `time` upon `next`.
fn entry_at(time: i64, next: Vec<Hash>, refs: Vec<Hash>, address: Address) -> (Entry, Vec<u8>, Identity) {
    let (root, key) = (SigningKey::from_bytes([1; 32]).unwrap(), SigningKey::from_bytes([2; 32]).unwrap());
    let identity = Identity::create(&root, &key);
    let clock = Clock { id: key.public_hex().into(), time: Time::from_value(&time.into()).unwrap() };
    let payload = Operation::add(time.into()).into_payload();
    let (entry, block) =
        Entry::sign(Draft { id: address, payload, next, refs, clock }, identity.hash(), &key);
    (entry, block.to_vec(), identity)
}

#[test]
fn a_clock_is_compared_with_parents_whether_they_come_first_or_last() {
    let address = Hash::of(b"a manifest").into();
    let (parent, parent_block, identity) = entry_at(7, Vec::new(), Vec::new(), address);
    for (time, taken) in [(8, true), (7, false), (6, false)] {
        let (child, child_block, _) = entry_at(time, vec![parent.hash], Vec::new(), address);
        for parent_first in [true, false] {
            let mut replica = Replica::new(address, Writers::Anyone, Policy::default());
            let blocks = HashMap::from([
                (identity.hash(), identity.encode().to_vec()),
                (parent.hash, parent_block.clone()),
            ]);
            let mut refused = HashMap::new();
            if parent_first {
                assert!(replica.offer(parent_block.clone(), &blocks, &mut refused));
            }
            let what = format!("time {time} upon 7, parent first: {parent_first}");
            assert_eq!(replica.offer(child_block.clone(), &blocks, &mut refused), taken, "{what}");
            assert!(replica.store.contains(&parent.hash).unwrap(), "{what}: the parent is good in any case");
            let reason = refused.get(&child.hash).map(Refusal::label);
            assert_eq!(reason, (!taken).then_some(RefusalLabel::ClockNotAboveParents), "{what}");
        }
    }
    // What is only referred to may be of any time.
    let (child, child_block, _) = entry_at(3, Vec::new(), vec![parent.hash], address);
    let mut replica = Replica::new(address, Writers::Anyone, Policy::default());
    let blocks = HashMap::from([(identity.hash(), identity.encode().to_vec()), (parent.hash, parent_block)]);
    assert!(replica.offer(child_block, &blocks, &mut HashMap::new()), "{}", child.hash);
}
