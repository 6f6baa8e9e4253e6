//! A peer that means harm: the node refuses, counts, stays small, and goes on serving honest peers.

use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use paperclip_tests::{
    DEADLINE, HarnessError, JsPeer, Node, NodeOptions, Result, Storage, ensure, eventually, folder, joined,
    js_agrees, seeded,
};
use rand::RngCore as _;
use serde_json::json;

/// How much an attack may add to the node's resident memory, whatever its size.
const MEMORY_ALLOWED: u64 = 64 * 1024 * 1024;

/// A node that serves a database of an honest peer, and an attacker that is connected to it.
struct Scene {
    node: Node,
    honest: JsPeer,
    attacker: JsPeer,
    db: String,
}

fn scene(home: &Path) -> Result<Scene> {
    let node = Node::start(&home.join("node"), NodeOptions::default())?;
    let mut honest = JsPeer::start(&home.join("honest"), Storage::Memory)?;
    let mut attacker = JsPeer::start(&home.join("attacker"), Storage::Memory)?;
    let db = honest.create("target", "events", json!({}))?.address;
    honest.add(&db, &json!("honest"))?;
    honest.dial(&node.addr())?;
    node.api().pin(&db)?;
    js_agrees(&mut honest, node.api(), &db, 1, DEADLINE)?;
    attacker.dial(&node.addr())?;
    Ok(Scene { node, honest, attacker, db })
}

impl Scene {
    /// What the node has counted as refused: entries, and exchanges of heads that did not end well.
    fn refusals(&self) -> Result<f64> {
        let metrics = self.node.api().metrics()?;
        let exchanges = metrics.sum("paperclip_exchanges_total", "result=\"failed\"");
        Ok(metrics.sum("paperclip_entries_refused_total", "") + exchanges)
    }

    fn counted_more_than(&self, before: f64) -> Result<()> {
        eventually(DEADLINE, "the refusal is counted", || {
            let now = self.refusals()?;
            ensure(now > before, || format!("still {now}"))
        })
    }

    /// The honest peer goes on writing, and the node has just that.
    fn goes_on(&mut self, entries: usize) -> Result<()> {
        self.honest.add(&self.db, &json!("still honest"))?;
        js_agrees(&mut self.honest, self.node.api(), &self.db, entries, DEADLINE)
    }
}

#[test]
fn garbage_on_a_heads_stream_and_on_the_topic_is_refused_and_counted() -> Result<()> {
    let mut random = seeded();
    let home = folder()?;
    let mut scene = scene(home.path())?;
    let remote = scene.node.peer_id().to_owned();
    let mut garbage = |length: usize| {
        let mut bytes = vec![0; length];
        random.fill_bytes(&mut bytes);
        // 0xff is never the first byte of dag-cbor.
        bytes[0] = 0xff;
        hex::encode(bytes)
    };
    for length in [1, 7, 500, 20_000] {
        let before = scene.refusals()?;
        let frame = garbage(length);
        scene.attacker.send_heads(&remote, &scene.db, &[frame])?;
        scene.counted_more_than(before)?;
    }
    let before = scene.refusals()?;
    eventually(DEADLINE, "the attacker sees the node's subscription", || {
        let peers = scene.attacker.subscribers(&scene.db)?;
        ensure(peers.contains(&remote), || format!("{peers:?}"))
    })?;
    let message = garbage(300);
    scene.attacker.publish(&scene.db, &message)?;
    scene.counted_more_than(before)?;
    scene.goes_on(2)
}

#[test]
fn junk_on_the_topic_costs_its_author_the_connection() -> Result<()> {
    let home = folder()?;
    let mut scene = scene(home.path())?;
    let remote = scene.node.peer_id().to_owned();
    eventually(DEADLINE, "the attacker sees the node's subscription", || {
        let peers = scene.attacker.subscribers(&scene.db)?;
        ensure(peers.contains(&remote), || format!("{peers:?}"))
    })?;
    for n in 0..200 {
        scene.attacker.publish(&scene.db, &hex::encode(format!("junk {n}")))?;
    }
    eventually(DEADLINE, "the junk costs the attacker its connection", || {
        let gone = scene.node.api().metrics()?.sum("paperclip_peers_disconnected_total", "");
        ensure(gone == 1.0, || format!("{gone} disconnected"))
    })?;
    scene.goes_on(2)
}

#[test]
fn entries_of_others_arrive_through_a_flood_of_junk() -> Result<()> {
    const MESSAGES: usize = 20_000;
    let home = folder()?;
    let mut scene = scene(home.path())?;
    let mut second = JsPeer::start(&home.path().join("second"), Storage::Memory)?;
    let open = second.create("open", "events", json!({ "write": ["*"] }))?.address;
    second.dial(&scene.node.addr())?;
    second.add(&open, &json!("before"))?;
    scene.node.api().pin(&open)?;
    js_agrees(&mut second, scene.node.api(), &open, 1, DEADLINE)?;
    let remote = scene.node.peer_id().to_owned();
    eventually(DEADLINE, "the attacker sees the node's subscription", || {
        let peers = scene.attacker.subscribers(&open)?;
        ensure(peers.contains(&remote), || format!("{peers:?}"))
    })?;

    let small = scene.node.resident_bytes()?;
    let (node, attacker) = (&scene.node, &mut scene.attacker);
    let heard = std::thread::scope(|scope| {
        let flood = scope.spawn(|| attacker.junk_messages(&open, MESSAGES));
        let written = (2..=11).try_for_each(|entries| {
            second.add(&open, &json!(entries))?;
            js_agrees(&mut second, node.api(), &open, entries, DEADLINE)
        });
        let heard = joined(flood);
        written.and(heard)
    })?;
    assert!(heard > 32, "{heard} messages were sent while the attacker was connected");
    eventually(DEADLINE, "the junk costs the attacker its connection", || {
        let gone = scene.node.api().metrics()?.sum("paperclip_peers_disconnected_total", "");
        ensure(gone == 1.0, || format!("{gone} disconnected"))
    })?;
    let grown = scene.node.resident_bytes()?.saturating_sub(small);
    assert!(grown < MEMORY_ALLOWED, "resident memory grew by {grown} bytes");
    scene.goes_on(2)
}

#[test]
fn a_good_head_between_bad_ones_is_kept() -> Result<()> {
    let home = folder()?;
    let mut scene = scene(home.path())?;
    let remote = scene.node.peer_id().to_owned();
    scene.honest.hangup(&remote)?;
    let apart = scene.honest.add(&scene.db, &json!("written apart"))?;
    let block = scene.honest.get_block(&apart)?;
    let parent = scene.honest.hashes(&scene.db)?[1].clone();
    assert_eq!(scene.node.api().heads(&scene.db)?, [parent]);
    // A whole value of the wrong shape, the good head, and an end in the middle of a value.
    let frames = ["63626164".to_owned(), block, "a3".to_owned()];
    scene.attacker.send_heads(&remote, &scene.db, &frames)?;
    eventually(DEADLINE, "the good head is joined", || {
        let heads = scene.node.api().heads(&scene.db)?;
        ensure(heads == [apart.clone()], || format!("{heads:?}"))
    })
}

#[test]
fn a_stream_without_end_is_cut_off() -> Result<()> {
    let home = folder()?;
    let mut scene = scene(home.path())?;
    let remote = scene.node.peer_id().to_owned();
    let before = scene.refusals()?;
    let small = scene.node.resident_bytes()?;
    // A byte string that announces 2^40 bytes, and then zeros for as long as anyone listens.
    let chunk = format!("5b0000010000000000{}", "00".repeat(60_000));
    let flood = scene.attacker.flood_heads(&remote, &scene.db, &chunk, 256 * 1024 * 1024)?;
    assert_eq!(flood.end, "stopped", "{flood:?}");
    let grown = scene.node.resident_bytes()?.saturating_sub(small);
    assert!(grown < MEMORY_ALLOWED, "resident memory grew by {grown} bytes");
    scene.counted_more_than(before)?;
    scene.goes_on(2)
}

#[test]
fn entries_that_no_one_may_write_are_refused() -> Result<()> {
    let home = folder()?;
    let mut scene = scene(home.path())?;
    let remote = scene.node.peer_id().to_owned();
    let other = scene.honest.create("other", "events", json!({}))?.address;
    let entry = |value: &str| json!({ "op": "ADD", "key": null, "value": value });
    let honest_identity = scene.honest.identity().hash.clone();
    let identity_block = scene.honest.get_block(&honest_identity)?;
    scene.attacker.put_block(&identity_block)?;

    let outsider = json!({ "logId": scene.db, "payload": entry("an outsider") });
    let impostor =
        json!({ "logId": scene.db, "payload": entry("in another's name"), "namedIdentity": honest_identity });
    let foreign = json!({ "logId": other, "payload": entry("for another log") });
    let far_future =
        json!({ "logId": scene.db, "payload": entry("late"), "time": 9_007_199_254_740_991_i64 });
    let oversized = json!({ "logId": scene.db, "payload": entry(&"x".repeat(3 * 1024 * 1024)) });
    for attempt in [outsider, impostor, foreign, far_future, oversized] {
        let before = scene.refusals()?;
        let crafted = scene.attacker.craft(attempt)?;
        scene.attacker.send_heads(&remote, &scene.db, &[crafted.hex])?;
        scene.counted_more_than(before)?;
    }
    assert_eq!(scene.node.api().database(&scene.db)?.entries, 1, "none of them got in");
    scene.goes_on(2)
}

#[test]
fn copies_of_a_signed_entry_are_refused_and_cost_the_connection() -> Result<()> {
    let home = folder()?;
    let mut scene = scene(home.path())?;
    let remote = scene.node.peer_id().to_owned();
    let head = scene.node.api().heads(&scene.db)?[0].clone();
    let block = hex::decode(scene.honest.get_block(&head)?).expect("hex");
    // What any peer can do to an entry that it has read: the signature stays good.
    let copy = |n: i64| {
        let Ok(oplog::Value::Map(mut entry)) = oplog::cbor::decode(&block) else {
            panic!("an entry is a map")
        };
        entry.insert("copy", n.into());
        hex::encode(oplog::cbor::encode(&entry.into()))
    };
    let copies: Vec<String> = (0..100).map(copy).collect();
    for frames in copies.chunks(20) {
        // the connection may be gone already
        drop(scene.attacker.send_heads(&remote, &scene.db, frames));
    }
    eventually(DEADLINE, "the copies cost the attacker its connection", || {
        let metrics = scene.node.api().metrics()?;
        let gone = metrics.sum("paperclip_peers_disconnected_total", "");
        ensure(gone >= 1.0, || format!("{gone} disconnected"))
    })?;
    let refused = scene.node.api().refused(&scene.db)?;
    assert!(refused["refused_by_reason"]["not-canonical"].as_u64() >= Some(32), "{refused}");
    let last = &refused["last"][0];
    assert_eq!((&last["reason"], &last["peer"]), (&json!("not-canonical"), &json!(scene.attacker.peer_id())));
    assert_eq!(scene.node.api().heads(&scene.db)?, [head], "one signed entry, one hash");
    scene.goes_on(2)
}

#[test]
fn a_log_of_which_everything_is_refused_is_no_empty_log() -> Result<()> {
    let home = folder()?;
    let mut scene = scene(home.path())?;
    let remote = scene.node.peer_id().to_owned();
    let empty = scene.honest.create("empty", "events", json!({}))?.address;
    scene.node.api().pin(&empty)?;
    let crafted = scene
        .attacker
        .craft(json!({ "logId": empty, "payload": { "op": "ADD", "key": null, "value": "an outsider" } }))?;
    scene.attacker.send_heads(&remote, &empty, &[crafted.hex])?;
    eventually(DEADLINE, "the database has a problem", || {
        let shown = scene.node.api().shown(&empty)?;
        let told = shown["problems"][0] == "every entry was refused (writer-not-allowed 1)";
        ensure(told && shown["entries"] == 0, || format!("{shown}"))
    })?;
    let last = &scene.node.api().refused(&empty)?["last"][0];
    assert_eq!(last["hash"], json!(crafted.hash));
    assert_eq!(last["writer"], json!(scene.attacker.identity().id));
    assert_eq!(last["peer"], json!(scene.attacker.peer_id()));
    let status = scene.node.api().status()?;
    assert_eq!(status["ready"], json!(true), "{status}");
    let problem = status["problems"][0].as_str().unwrap_or_default();
    assert!(problem.ends_with("empty: every entry was refused (writer-not-allowed 1)"), "{status}");
    Ok(())
}

#[test]
fn the_hole_of_javascript_is_open_only_where_a_user_opens_it() -> Result<()> {
    let home = folder()?;
    let mut scene = scene(home.path())?;
    let remote = scene.node.peer_id().to_owned();
    let lenient = scene.honest.create("lenient", "events", json!({}))?.address;
    let first = scene.honest.add(&lenient, &json!("honest"))?;
    scene.node.api().create_with(&json!({ "address": lenient, "allow_foreign_keys": true }))?;
    js_agrees(&mut scene.honest, scene.node.api(), &lenient, 1, DEADLINE)?;
    let crafted = scene.attacker.craft(json!({
        "logId": lenient,
        "payload": { "op": "ADD", "key": null, "value": "in another's name" },
        "namedIdentity": scene.honest.identity().hash,
        "time": 2,
        "next": [first],
    }))?;
    scene.attacker.send_heads(&remote, &lenient, &[crafted.hex])?;
    eventually(DEADLINE, "the entry that JavaScript takes is taken", || {
        let heads = scene.node.api().heads(&lenient)?;
        ensure(heads == [crafted.hash.clone()], || format!("{heads:?}"))
    })
}

#[test]
fn thousands_of_heads_that_lead_nowhere_stay_bounded() -> Result<()> {
    let home = folder()?;
    let mut scene = scene(home.path())?;
    let remote = scene.node.peer_id().to_owned();
    // Allowed to write, so that every head passes every check but its parents.
    let open = scene.attacker.create("open", "events", json!({ "write": ["*"] }))?.address;
    scene.node.api().pin(&open)?;
    scene.attacker.add(&open, &json!("real"))?;
    js_agrees(&mut scene.attacker, scene.node.api(), &open, 1, DEADLINE)?;

    let small = scene.node.resident_bytes()?;
    for round in 0..4 {
        scene.attacker.junk_heads(&remote, &open, round * 1_000..(round + 1) * 1_000)?;
    }
    let grown = scene.node.resident_bytes()?.saturating_sub(small);
    assert!(grown < MEMORY_ALLOWED, "resident memory grew by {grown} bytes");
    assert_eq!(scene.node.api().database(&open)?.entries, 1, "no head without its ancestors is shown");

    // Neither the flooded database nor the other one stands still.
    let live = scene.attacker.add(&open, &json!("also real"))?;
    eventually(DEADLINE, "the flooded database takes a real entry", || {
        let heads = scene.node.api().heads(&open)?;
        ensure(heads == [live.clone()], || format!("{heads:?}"))
    })?;
    // An honest peer has what must be fetched, entry by entry: its wants do not wait behind those of the attacker.
    let mut writer = JsPeer::start(&home.path().join("writer"), Storage::Memory)?;
    writer.dial(&scene.node.addr())?;
    writer.open(&open)?;
    writer.hangup(&remote)?;
    for n in 0..30 {
        writer.add(&open, &json!(n))?;
    }
    let newest = writer.heads(&open)?;
    writer.dial(&scene.node.addr())?;
    eventually(DEADLINE, "the flooded database takes the history of an honest peer", || {
        let heads = scene.node.api().heads(&open)?;
        ensure(newest.iter().all(|head| heads.contains(head)), || format!("{heads:?}"))
    })?;
    scene.goes_on(2)
}

/// Connects and says nothing: many at once, then seven a second until dropped. Never more than the system lets one process have.
fn silent_connections(port: u16, stop: &std::sync::atomic::AtomicBool) -> Result<Vec<TcpStream>> {
    let connect = || {
        TcpStream::connect(("127.0.0.1", port))
            .map_err(|source| HarnessError::Io { what: "connecting in silence".to_owned(), source })
    };
    let mut held = (0..100).map(|_| connect()).collect::<Result<Vec<_>>>()?;
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(140));
        held.push(connect()?);
    }
    Ok(held)
}

#[test]
fn silent_connections_shut_nobody_out() -> Result<()> {
    const WITHIN: Duration = Duration::from_secs(2);
    let home = folder()?;
    let node = Node::start(&home.path().join("node"), NodeOptions::default())?;
    let mut honest = JsPeer::start(&home.path().join("honest"), Storage::Memory)?;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (port, stop) = (node.listen_port(), &stop);
    std::thread::scope(|scope| {
        let silent = scope.spawn(move || silent_connections(port, stop));
        let dialled = (|| -> Result<()> {
            eventually(DEADLINE, "the silent ones are there", || {
                let open = node.api().metrics()?.sum("paperclip_handshakes_open", "");
                ensure(open >= 30.0, || format!("{open} handshakes"))
            })?;
            for _ in 0..8 {
                let started = Instant::now();
                honest.dial(&node.addr())?;
                let took = started.elapsed();
                ensure(took < WITHIN, || format!("a dial took {took:?}"))?;
                honest.hangup(node.peer_id())?;
            }
            Ok(())
        })();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        joined(silent)?;
        dialled
    })?;
    eventually(DEADLINE, "the silent ones are counted and let go of", || {
        let metrics = node.api().metrics()?;
        let displaced = metrics.sum("paperclip_handshakes_total", "result=\"displaced\"");
        let open = metrics.sum("paperclip_handshakes_open", "");
        ensure(displaced >= 36.0 && open == 0.0, || format!("{displaced} displaced, {open} open"))
    })
}
