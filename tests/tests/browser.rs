//! The app of `docs/cookbook/browsers.md`, as it stands there, in a real Chromium beside a real node.

use paperclip_tests::{
    Browser, DEADLINE, Node, NodeOptions, Result, Shown, ensure, ensure_eq, eventually, folder,
};
use serde_json::json;

fn websocket_at(addr: &str) -> Vec<String> {
    vec!["--websocket-listen".to_owned(), addr.to_owned()]
}

/// The address for browsers, as a person finds it: in the node's status.
fn websocket_address(node: &Node) -> Result<String> {
    let status = node.api().status()?;
    let addresses = status["addrs"].as_array().into_iter().flatten().filter_map(|addr| addr.as_str());
    let mut found = addresses.filter(|addr| addr.contains("/ws/")).map(str::to_owned);
    found.next().ok_or_else(|| paperclip_tests::HarnessError::NotYet(format!("no /ws/ address in {status}")))
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
    browser.open(&websocket_address(&node)?)?;
    let first = shows(&mut browser, "the app is connected", |shown| shown.links == 1)?;

    // What the browser writes reaches the node.
    browser.add("from the browser")?;
    node.api().pin(&first.address)?;
    eventually(DEADLINE, "the node has what the browser wrote", || {
        ensure_eq(&texts(&node, &first.address)?, &vec!["from the browser".to_owned()])
    })?;
    // What is written on the node reaches the browser.
    node.api().put_doc(&first.address, "n", &json!({ "_id": "n", "text": "from the node" }))?;
    let before =
        shows(&mut browser, "the browser has what the node wrote", |shown| has(shown, "from the node"))?;

    // A reload without the node: the same writer, the same database, the same texts.
    let address = websocket_address(&node)?;
    node.kill()?;
    shows(&mut browser, "the app sees that the node is gone", |shown| shown.links == 0)?;
    browser.open(&address)?;
    let after = shows(&mut browser, "the app shows its texts again", |shown| shown.texts.len() == 2)?;
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
