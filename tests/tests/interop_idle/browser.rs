//! The app of `docs/cookbook/browsers.md`, as it stands there, in a real Chromium beside a real node.

use std::time::{Duration, Instant};

use paperclip_tests::{
    Browser, DEADLINE, Node, NodeOptions, Result, Shown, ensure, ensure_eq, eventually, folder,
};
use serde_json::json;

/// Longer than js-libp2p waits for an answer to its ping before it cuts a peer off (15 s), twice over.
const IDLE: Duration = Duration::from_secs(40);

fn websocket_at(addr: &str) -> Vec<String> {
    vec!["--websocket-listen".to_owned(), addr.to_owned()]
}

fn shows(browser: &mut Browser, what: &str, holds: impl Fn(&Shown) -> bool) -> Result<Shown> {
    eventually(DEADLINE, what, || {
        let shown = browser.look()?;
        ensure(holds(&shown), || format!("{shown:?}")).map(|()| shown)
    })
}

/// The texts that the node has.
fn texts(node: &Node, db: &str) -> Result<Vec<String>> {
    let rows = node.api().query(db, &json!({}))?;
    Ok(rows.iter().filter_map(|row| row.value["text"].as_str()).map(str::to_owned).collect())
}

fn has(shown: &Shown, text: &str) -> bool {
    shown.texts.iter().any(|listed| listed == text)
}

#[test]
fn the_app_of_the_browsers_page_works_in_a_browser() -> Result<()> {
    let home = folder()?;
    let options = NodeOptions { args: websocket_at("/ip4/127.0.0.1/tcp/0/ws"), ..NodeOptions::default() };
    let mut node = Node::start(&home.path().join("node"), options)?;
    let mut browser = Browser::start(&home.path().join("browser"))?;
    browser.open(&node.websocket_addr()?)?;
    let first = shows(&mut browser, "the app is connected", |shown| shown.links == 1)?;
    let connected_at = Instant::now();

    // What the browser writes reaches the node.
    browser.add("from the browser")?;
    node.api().pin(&first.address)?;
    eventually(DEADLINE, "the node has what the browser wrote", || {
        ensure_eq(&texts(&node, &first.address)?, &vec!["from the browser".to_owned()])
    })?;
    // What is written on the node reaches the browser.
    node.api().put_doc(&first.address, "n", &json!({ "_id": "n", "text": "from the node" }))?;
    shows(&mut browser, "the browser has what the node wrote", |shown| has(shown, "from the node"))?;

    // Nobody says anything for longer than it takes to cut off a peer that does not answer pings.
    eventually(IDLE * 2, "the connection has been idle", || {
        let shown = browser.look()?;
        assert_eq!(shown.links, 1, "the connection broke after {:?}", connected_at.elapsed());
        ensure(connected_at.elapsed() > IDLE, || format!("{:?}", connected_at.elapsed()))
    })?;
    node.api().put_doc(&first.address, "late", &json!({ "_id": "late", "text": "after the idle time" }))?;
    let before = shows(&mut browser, "a late write arrives", |shown| has(shown, "after the idle time"))?;

    // A reload without the node: the same writer, the same database, the same texts.
    let address = node.websocket_addr()?;
    node.kill()?;
    shows(&mut browser, "the app sees that the node is gone", |shown| shown.links == 0)?;
    browser.open(&address)?;
    let after = shows(&mut browser, "the app shows its texts again", |shown| shown.texts.len() == 3)?;
    assert_eq!(after, Shown { links: 0, ..before });

    // The node comes back where it was; what was written meanwhile reaches it.
    browser.add("while the node was away")?;
    node.options_mut().args = websocket_at(address.split("/p2p/").next().unwrap_or_default());
    node.run()?;
    eventually(DEADLINE, "the node has what was written while it was away", || {
        let texts = texts(&node, &first.address)?;
        ensure(texts.contains(&"while the node was away".to_owned()), || format!("{texts:?}"))
    })
}
