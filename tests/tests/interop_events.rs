//! Events databases shared by a real JavaScript OrbitDB and a real PaperClip node.

use std::path::Path;

use paperclip_tests::{
    DEADLINE, EventRow, JsPeer, Node, NodeOptions, Result, Storage, eventually, folder, joined, js_agrees,
};
use serde_json::{Value, json};

/// One node and one JavaScript peer, connected.
fn pair(home: &Path) -> Result<(Node, JsPeer)> {
    let node = Node::start(&home.join("node"), NodeOptions::default())?;
    let mut js = JsPeer::start(&home.join("js"), Storage::Disk)?;
    js.dial(&node.addr())?;
    Ok((node, js))
}

/// Values of every kind that dag-cbor and JSON share.
fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(9_007_199_254_740_991_i64),
        json!(18_446_744_073_709_551_615_u64),
        json!(-9_223_372_036_854_775_808_i64),
        json!(1.5),
        json!(1e20),
        json!("clip \u{1f4ce} \u{fc}"),
        json!(["nested", { "b": [], "a": {}, "longer": 0.1 }]),
        json!({ "/": { "bytes": "AAECA/8" } }),
    ]
}

#[test]
fn javascript_writes_and_paperclip_has_the_same_log() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let db = js.create("from-js", "events", json!({}))?.address;
    let mut written = values();
    written.extend((0..40).map(|n| json!({ "n": n })));
    let hashes = js.add_many(&db, &written)?;

    let api = node.api();
    api.pin(&db)?;
    js_agrees(&mut js, api, &db, written.len(), DEADLINE)?;
    assert_eq!(api.entries(&db, "amount=-1")?, js.entries(&db)?, "every field of every entry");

    let read = api.events(&db, "amount=-1")?;
    let expected: Vec<EventRow> = hashes
        .iter()
        .zip(&written)
        .rev()
        .map(|(hash, value)| EventRow { hash: hash.clone(), value: value.clone() })
        .collect();
    assert_eq!(read, expected);
    Ok(())
}

#[test]
fn every_iterator_option_selects_what_javascript_selects() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let db = js.create("iterated", "events", json!({ "write": ["*"] }))?.address;
    js.add_many(&db, &(0..6).map(|n| json!(n)).collect::<Vec<_>>())?;
    js.fork(&db, 3, "branch")?;
    js.add_many(&db, &(6..12).map(|n| json!(n)).collect::<Vec<_>>())?;
    let api = node.api();
    api.pin(&db)?;
    js_agrees(&mut js, api, &db, 15, DEADLINE)?;

    let all = js.hashes(&db)?;
    let (newer, older) = (&all[3], &all[11]);
    for options in [
        json!({}),
        json!({ "amount": 1 }),
        json!({ "amount": 4 }),
        json!({ "amount": -1 }),
        json!({ "gt": older }),
        json!({ "gte": older }),
        json!({ "lt": newer }),
        json!({ "lte": newer }),
        json!({ "lt": newer, "lte": &all[0] }),
        json!({ "gt": older, "gte": newer }),
        json!({ "gt": older, "lt": newer }),
        json!({ "gte": older, "lte": newer }),
        json!({ "gt": older, "amount": 3 }),
        json!({ "gte": older, "amount": 3 }),
        json!({ "lt": newer, "amount": 3 }),
        json!({ "lte": newer, "amount": 3 }),
        json!({ "gt": older, "lte": newer, "amount": 2 }),
        json!({ "lte": &all[7] }),
    ] {
        let theirs: Vec<String> = js.iterate(&db, options.clone())?.into_iter().map(|row| row.hash).collect();
        // What an unasked amount gives is the node's page size, larger than this log.
        let query: Vec<String> = options
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| format!("{key}={}", value.to_string().trim_matches('"')))
            .collect();
        let ours: Vec<String> = api.events(&db, &query.join("&"))?.into_iter().map(|row| row.hash).collect();
        assert_eq!(ours, theirs, "{options}");
    }
    Ok(())
}

#[test]
fn paperclip_writes_and_javascript_verifies() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let db = api.create("from-paperclip", "events", &["*"])?.address;
    let mut written = values();
    written.extend((0..40).map(|n| json!({ "n": n })));
    for value in &written {
        api.add(&db, value)?;
    }
    js.open(&db)?;
    js_agrees(&mut js, api, &db, written.len(), DEADLINE)?;
    let seen: Vec<Value> = js.all(&db)?.into_iter().map(|row| row.value).collect();
    assert_eq!(seen, written);
    assert_eq!(js.entries(&db)?, api.entries(&db, "amount=-1")?, "every field of every entry");

    // Live, now that both have it open.
    let live = api.add(&db, &json!("live"))?;
    js.await_head(&db, &live)?;
    Ok(())
}

#[test]
fn both_write_at_once_and_agree() -> Result<()> {
    const EACH: usize = 60;
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let db = js.create("both", "events", json!({ "write": ["*"] }))?.address;
    api.pin(&db)?;
    let values: Vec<Value> = (0..EACH).map(|n| json!(format!("js {n}"))).collect();
    std::thread::scope(|scope| -> Result<()> {
        let ours = scope.spawn(|| -> Result<()> {
            for n in 0..EACH {
                api.add(&db, &json!(format!("paperclip {n}")))?;
            }
            Ok(())
        });
        js.add_many(&db, &values)?;
        joined(ours)
    })?;
    js_agrees(&mut js, api, &db, 2 * EACH, DEADLINE)?;
    let mut seen: Vec<String> =
        js.all(&db)?.iter().filter_map(|row| row.value.as_str().map(str::to_owned)).collect();
    seen.sort();
    let mut wanted: Vec<String> =
        (0..EACH).flat_map(|n| [format!("js {n}"), format!("paperclip {n}")]).collect();
    wanted.sort();
    assert_eq!(seen, wanted);
    Ok(())
}

#[test]
fn each_restarts_and_catches_up() -> Result<()> {
    let home = folder()?;
    let (mut node, mut js) = pair(home.path())?;
    let db = js.create("restarts", "events", json!({ "write": ["*"] }))?.address;
    js.add(&db, &json!("js, first run"))?;
    node.api().pin(&db)?;
    js_agrees(&mut js, node.api(), &db, 1, DEADLINE)?;

    js.stop()?;
    node.api().add(&db, &json!("paperclip, while js is away"))?;
    let mut js = JsPeer::start(&home.path().join("js"), Storage::Disk)?;
    js.dial(&node.addr())?;
    js.open(&db)?;
    js_agrees(&mut js, node.api(), &db, 2, DEADLINE)?;

    assert!(node.terminate()?.success(), "SIGTERM ends the node in order");
    js.add(&db, &json!("js, while paperclip is away"))?;
    node.run()?;
    assert_eq!(node.api().database(&db)?.entries, 2, "what it had is there before any peer is");
    js.dial(&node.addr())?;
    js_agrees(&mut js, node.api(), &db, 3, DEADLINE)?;
    Ok(())
}

#[test]
fn several_heads_on_either_side_meet() -> Result<()> {
    let home = folder()?;
    let node = Node::start(&home.path().join("node"), NodeOptions::default())?;
    let mut first = JsPeer::start(&home.path().join("first"), Storage::Memory)?;
    let opened = first.create("heads", "events", json!({ "write": ["*"] }))?;
    let db = opened.address;
    first.fork(&db, 4, "first")?;
    first.dial(&node.addr())?;
    node.api().pin(&db)?;
    js_agrees(&mut first, node.api(), &db, 4, DEADLINE)?;

    // The second peer knows the database but nobody; three heads of its own, then it meets the node's four.
    let mut second = JsPeer::start(&home.path().join("second"), Storage::Memory)?;
    for address in [Some(&db), opened.access_controller.as_ref()].into_iter().flatten() {
        let hash = address.rsplit('/').next().unwrap_or_default();
        let block = first.get_block(hash)?;
        assert_eq!(second.put_block(&block)?, hash);
    }
    first.stop()?;
    second.open(&db)?;
    second.fork(&db, 3, "second")?;
    second.dial(&node.addr())?;
    js_agrees(&mut second, node.api(), &db, 7, DEADLINE)?;
    assert_eq!(node.api().heads(&db)?.len(), 7);

    // One append on either side joins them all.
    let joined = node.api().add(&db, &json!("joined"))?;
    second.await_head(&db, &joined)?;
    assert_eq!(second.heads(&db)?, [joined]);
    Ok(())
}

#[test]
fn a_large_entry_passes_each_way_live_and_as_a_head_on_connect() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let large = |label: &str| json!(format!("{label} {}", "x".repeat(100_000)));
    let db = js.create("large", "events", json!({ "write": ["*"] }))?.address;
    js.add(&db, &large("js, before connecting"))?;
    api.pin(&db)?;
    js_agrees(&mut js, api, &db, 1, DEADLINE)?;
    js.add(&db, &large("js, live"))?;
    js_agrees(&mut js, api, &db, 2, DEADLINE)?;
    api.add(&db, &large("paperclip, live"))?;
    js_agrees(&mut js, api, &db, 3, DEADLINE)?;

    js.hangup(node.peer_id())?;
    let apart = api.add(&db, &large("paperclip, as a head on connect"))?;
    js.dial(&node.addr())?;
    js.await_head(&db, &apart)?;
    js_agrees(&mut js, api, &db, 4, DEADLINE)
}

#[test]
fn paperclip_is_the_bridge_between_peers_that_cannot_meet() -> Result<()> {
    let home = folder()?;
    let (node, mut left) = pair(home.path())?;
    let mut right = JsPeer::start(&home.path().join("right"), Storage::Memory)?;
    let db = left.create("bridge", "events", json!({ "write": ["*"] }))?.address;
    left.add_many(&db, &(0..30).map(|n| json!(n)).collect::<Vec<_>>())?;
    node.api().pin(&db)?;
    js_agrees(&mut left, node.api(), &db, 30, DEADLINE)?;

    right.dial(&node.addr())?;
    right.open(&db)?;
    js_agrees(&mut right, node.api(), &db, 30, DEADLINE)?;
    let from_left = left.add(&db, &json!("from the left"))?;
    right.await_head(&db, &from_left)?;
    let from_right = right.add(&db, &json!("from the right"))?;
    left.await_head(&db, &from_right)?;
    js_agrees(&mut left, node.api(), &db, 32, DEADLINE)?;
    assert_eq!(left.peers()?, [node.peer_id()], "the two never met");
    assert_eq!(right.peers()?, [node.peer_id()], "the two never met");
    Ok(())
}

#[test]
fn heads_learned_from_one_peer_reach_another_that_missed_the_announcement() -> Result<()> {
    let home = folder()?;
    let (node, mut left) = pair(home.path())?;
    let mut right = JsPeer::start(&home.path().join("right"), Storage::Memory)?;
    let db = left.create("learned", "events", json!({ "write": ["*"] }))?.address;
    left.add(&db, &json!("both know this"))?;
    node.api().pin(&db)?;
    right.dial(&node.addr())?;
    right.open(&db)?;
    js_agrees(&mut right, node.api(), &db, 1, DEADLINE)?;

    // Written while apart: no announcement is heard by anyone; the exchange on reconnect is all there is.
    left.hangup(node.peer_id())?;
    eventually(DEADLINE, "the left peer is alone", || {
        let peers = left.peers()?;
        paperclip_tests::ensure(peers.is_empty(), || format!("it has {peers:?}"))
    })?;
    let apart = left.add(&db, &json!("written while apart"))?;
    left.dial(&node.addr())?;
    right.await_head(&db, &apart)
}

#[test]
fn a_latecomer_gets_everything_from_paperclip_alone() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let db = js.create("late", "events", json!({}))?.address;
    let hashes = js.add_many(&db, &(0..200).map(|n| json!({ "n": n })).collect::<Vec<_>>())?;
    node.api().pin(&db)?;
    js_agrees(&mut js, node.api(), &db, 200, DEADLINE)?;
    js.stop()?;

    let mut late = JsPeer::start(&home.path().join("late"), Storage::Memory)?;
    late.dial(&node.addr())?;
    late.open(&db)?;
    late.await_head(&db, &hashes[199])?;
    let mut seen = late.hashes(&db)?;
    seen.reverse();
    assert_eq!(seen, hashes);
    Ok(())
}
