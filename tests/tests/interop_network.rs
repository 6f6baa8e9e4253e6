//! The network between a JavaScript OrbitDB and a PaperClip node, where it is less than ideal.

use paperclip_tests::{
    DEADLINE, JsPeer, Link, Node, NodeOptions, Result, Storage, ensure, eventually, folder, js_agrees,
};
use serde_json::json;

#[test]
fn a_peer_with_many_open_databases_is_understood() -> Result<()> {
    // Each open database adds some 76 bytes to what JavaScript says in identify; 64 of them pass 4 KiB, the usual limit.
    const DATABASES: usize = 64;
    let home = folder()?;
    let node = Node::start(&home.path().join("node"), NodeOptions::default())?;
    let mut js = JsPeer::start(&home.path().join("js"), Storage::Memory)?;
    let mut last = String::new();
    for n in 0..DATABASES {
        last = js.create(&format!("db-{n}"), "events", json!({ "write": ["*"] }))?.address;
    }
    js.add(&last, &json!("from js"))?;
    js.dial(&node.addr())?;
    node.api().pin(&last)?;
    js_agrees(&mut js, node.api(), &last, 1, DEADLINE)?;
    node.api().add(&last, &json!("from paperclip"))?;
    js_agrees(&mut js, node.api(), &last, 2, DEADLINE)
}

#[test]
fn a_replication_that_a_kill_interrupts_goes_on_after_the_restart() -> Result<()> {
    const ENTRIES: usize = 600;
    let home = folder()?;
    let mut js = JsPeer::start(&home.path().join("js"), Storage::Disk)?;
    let db = js.create("interrupted", "events", json!({}))?.address;
    js.add_many(&db, &(0..ENTRIES).map(|n| json!({ "n": n })).collect::<Vec<_>>())?;
    // The node dials the peer by itself, at first and after the restart.
    let options = NodeOptions { peers: vec![js.addr().to_owned()], ..NodeOptions::default() };
    let mut node = Node::start(&home.path().join("node"), options)?;
    node.api().pin(&db)?;
    node.kill()?;
    node.run()?;
    js_agrees(&mut js, node.api(), &db, ENTRIES, DEADLINE)
}

#[test]
fn a_broken_connection_is_dialled_again_and_what_was_missed_arrives() -> Result<()> {
    let home = folder()?;
    let mut js = JsPeer::start(&home.path().join("js"), Storage::Memory)?;
    let db = js.create("broken", "events", json!({ "write": ["*"] }))?.address;
    let port = js.addr().split('/').nth(4).and_then(|text| text.parse().ok()).unwrap_or_default();
    let link = Link::to(port)?;
    let through = format!("/ip4/127.0.0.1/tcp/{}/p2p/{}", link.port(), js.peer_id());
    let options = NodeOptions { peers: vec![through], ..NodeOptions::default() };
    let node = Node::start(&home.path().join("node"), options)?;
    node.api().pin(&db)?;
    for round in 0..3 {
        // A JavaScript peer that is cut off while it opens its stream of heads dials the node's own address, past the link.
        js.wait_for_event(DEADLINE, |event| event["event"] == "join")?;
        link.cut();
        eventually(DEADLINE, "JavaScript sees the break", || {
            let peers = js.peers()?;
            ensure(peers.is_empty(), || format!("{peers:?}"))
        })?;
        js.add(&db, &json!({ "js": round }))?;
        node.api().add(&db, &json!({ "paperclip": round }))?;
        link.heal();
        js_agrees(&mut js, node.api(), &db, 2 * (round + 1), DEADLINE)?;
    }
    Ok(())
}

#[test]
fn one_database_that_cannot_be_had_stalls_no_other() -> Result<()> {
    let home = folder()?;
    let node = Node::start(&home.path().join("node"), NodeOptions::default())?;
    let mut js = JsPeer::start(&home.path().join("js"), Storage::Memory)?;
    js.dial(&node.addr())?;
    // A manifest that nobody holds: well-formed, and nowhere.
    let nowhere = JsPeer::start(&home.path().join("gone"), Storage::Memory)?
        .create("nowhere", "events", json!({}))?
        .address;
    let pinned = node.api().pin(&nowhere);
    let db = js.create("reachable", "events", json!({}))?.address;
    js.add(&db, &json!("here"))?;
    node.api().pin(&db)?;
    js_agrees(&mut js, node.api(), &db, 1, DEADLINE)?;
    // Whether it was refused at once or is waited for, the address is named.
    let seen = match pinned {
        Ok(shown) => shown.to_string(),
        Err(error) => error.to_string(),
    };
    assert!(seen.contains(nowhere.trim_start_matches("/orbitdb/")), "{seen}");
    Ok(())
}

#[test]
fn a_pin_repeated_asks_the_connected_peers_at_once() -> Result<()> {
    let home = folder()?;
    let node = Node::start(&home.path().join("node"), NodeOptions::default())?;
    let mut js = JsPeer::start(&home.path().join("js"), Storage::Memory)?;
    // The address of a database that the peer will have, from another that makes the same one.
    let address = JsPeer::start(&home.path().join("other"), Storage::Memory)?
        .create("later", "events", json!({ "write": ["*"] }))?
        .address;
    js.dial(&node.addr())?;
    node.api().pin(&address)?;
    assert_eq!(js.create("later", "events", json!({ "write": ["*"] }))?.address, address);
    // The answer waits for 5 s; the next round of asking would come after 10.
    let pinned = node.api().pin(&address)?;
    assert_eq!(pinned["state"], "open", "{pinned}");
    Ok(())
}
