//! JavaScript peers in Node.js.

use std::path::Path;
use std::time::Duration;

use paperclip_tests::{
    DEADLINE, JsOptions, JsPeer, Node, NodeOptions, Release, Result, Storage, Transport, ensure, folder,
    joined, js_agrees,
};
use serde_json::json;

/// Four rounds of the monitor, which pings every 10 s and waits 5 s for the answer.
const IDLE: Duration = Duration::from_secs(40);

/// As Voyager was watched: before, it lost its connection five times in this time.
const IDLE_OF_VOYAGER: Duration = Duration::from_secs(60);

/// Connects the peer to a node, writes from both sides, leaves them alone for `idle`, and writes from both sides again.
fn stays_connected(home: &Path, options: JsOptions, idle: Duration) -> Result<()> {
    let websocket = ["--websocket-listen".to_owned(), "/ip4/127.0.0.1/tcp/0/ws".to_owned()];
    let node =
        Node::start(&home.join("node"), NodeOptions { args: websocket.into(), ..NodeOptions::default() })?;
    let mut js = JsPeer::start(&home.join("js"), options)?;
    match options.transport {
        Transport::Tcp => js.dial(&node.addr())?,
        Transport::WebSocket => js.dial(&node.websocket_addr()?)?,
    };
    let db = js.create("idle", "events", json!({ "write": ["*"] }))?.address;
    js.add(&db, &json!("from JavaScript, at once"))?;
    node.api().pin(&db)?;
    js_agrees(&mut js, node.api(), &db, 1, DEADLINE)?;
    node.api().add(&db, &json!("from PaperClip, at once"))?;
    js_agrees(&mut js, node.api(), &db, 2, DEADLINE)?;

    js.without_event(idle, |event| event["event"] == "disconnect")?;

    js.add(&db, &json!("from JavaScript, later"))?;
    js_agrees(&mut js, node.api(), &db, 3, DEADLINE)?;
    node.api().add(&db, &json!("from PaperClip, later"))?;
    js_agrees(&mut js, node.api(), &db, 4, DEADLINE)?;
    let peers = node.api().peers()?;
    let connected = peers[0]["connected_seconds"].as_f64().unwrap_or_default();
    ensure(connected >= idle.as_secs_f64(), || format!("not one connection for all the time: {peers}"))
}

/// All side by side: each mostly waits.
#[test]
fn quiet_peers_stay_connected_whatever_services_they_have() -> Result<()> {
    let home = folder()?;
    let readme = JsOptions::from(Storage::Memory);
    let cases = [
        ("readme-tcp", readme, IDLE),
        ("readme-websocket", JsOptions { transport: Transport::WebSocket, ..readme }, IDLE),
        ("voyager", JsOptions { release: Release::V2_5, ..readme }, IDLE_OF_VOYAGER),
        ("with-ping", JsOptions { ping: true, ..readme }, IDLE),
    ];
    std::thread::scope(|scope| {
        let run = |(name, options, idle): (&str, _, _)| {
            let home = home.path().join(name);
            scope.spawn(move || stays_connected(&home, options, idle))
        };
        let running: Vec<_> = cases.into_iter().map(run).collect();
        running.into_iter().try_for_each(joined)
    })
}

#[test]
fn a_peer_with_the_ping_service_pings_the_node() -> Result<()> {
    let home = folder()?;
    let node = Node::start(&home.path().join("node"), NodeOptions::default())?;
    let options = JsOptions { ping: true, ..JsOptions::from(Storage::Memory) };
    let mut js = JsPeer::start(&home.path().join("js"), options)?;
    for _ in 0..3 {
        let answer = js.call("ping", json!({ "addr": node.addr() }))?;
        ensure(answer["ms"].is_number(), || answer.to_string())?;
    }
    Ok(())
}
