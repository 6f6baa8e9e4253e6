//! Whole nodes in one process, without the API.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use oplog::{Address, Value, log::Range, reading::Reading, view::Operation};
use paperclip_node::{
    config::{Config, KEYS, Sources},
    database::{Database, Settings},
    identity::create_key,
    metrics::Metrics,
    node::{Create, CreateAccess, Node},
};
use std::{path::Path, time::Duration};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(20);

async fn start(dir: &Path, root: &Path, peers: &[String]) -> Node {
    let mut sources = Sources::default();
    let given = [
        ("data-dir", vec![dir.display().to_string()]),
        ("listen", vec!["/ip4/127.0.0.1/tcp/0".to_owned()]),
        ("root-key", vec![root.display().to_string()]),
        ("peers", peers.to_vec()),
    ];
    sources.flags(given.map(|(name, values)| (KEYS.iter().find(|key| key.name == name).unwrap(), values)));
    let config = Config::from_sources(&sources, Vec::new()).unwrap();
    Node::start(&config, Metrics::new().unwrap()).await.unwrap()
}

fn addresses(node: &Node) -> Vec<String> {
    node.network().listen_addrs().iter().map(ToString::to_string).collect()
}

fn create(name: &str, reading: Reading) -> Create {
    let access = CreateAccess::Ipfs(Vec::new());
    Create { name: name.to_owned(), reading, access, meta: None, settings: Settings::default() }
}

/// Waits for something, but not for ever.
async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, wait).await {
        Ok(value) => value,
        Err(_) => panic!("not within {DEADLINE:?}: {what}"),
    }
}

async fn open(node: &Node, address: Address) -> Database {
    let mut registry = node.registry();
    let opened =
        registry.wait_for(|registry| registry.get(&address).is_some_and(|known| known.open().is_some()));
    drop(within("the database is open", opened).await.unwrap());
    node.database(&address.to_string()).unwrap()
}

async fn holds(database: &Database, entries: u64) -> String {
    let mut status = database.status();
    let held =
        within("all entries are there", status.wait_for(|status| status.len == entries)).await.unwrap();
    held.digest()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_made_on_one_node_is_written_on_both() {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("root.key");
    create_key(&root).unwrap();
    let a = start(&dir.path().join("a"), &root, &[]).await;
    let b = start(&dir.path().join("b"), &root, &addresses(&a)).await;

    let (info, new) = a.create(create("log", Reading::Events)).await.unwrap();
    assert!(new);
    let (on_a, on_b) = (a.database("log").unwrap(), open(&b, info.address).await);

    for n in 0..100_i64 {
        let database = if n % 2 == 0 { &on_a } else { &on_b };
        database.append(Operation::add(n.into())).await.unwrap();
    }
    assert_eq!(holds(&on_a, 100).await, holds(&on_b, 100).await);

    let values = |entries: Vec<oplog::Entry>| -> Vec<Value> {
        entries.into_iter().map(|entry| entry.payload.get("value").cloned().unwrap()).collect()
    };
    let a_sees = values(on_a.entries(Range::default(), 1000).await.unwrap());
    assert_eq!(a_sees, values(on_b.entries(Range::default(), 1000).await.unwrap()));
    assert_eq!(a_sees.len(), 100);

    // b leaves, a goes on alone, b comes back.
    b.shutdown().await.unwrap();
    drop((on_b, b));
    for n in 100..3000_i64 {
        on_a.append(Operation::add(n.into())).await.unwrap();
    }
    let b = start(&dir.path().join("b"), &root, &addresses(&a)).await;
    let on_b = open(&b, info.address).await;
    assert_eq!(holds(&on_b, 3000).await, holds(&on_a, 3000).await);
    let report = on_b.verify().await.unwrap();
    assert_eq!(report.entries, 3000);
    a.shutdown().await.unwrap();
    b.shutdown().await.unwrap();
}
