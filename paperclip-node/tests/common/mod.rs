//! What tests of whole nodes in one process share.

#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "tests, each of which uses a part")]

use oplog::{Address, reading::Reading};
use paperclip_node::{
    config::{Config, SETTINGS, Sources},
    database::{Database, Settings},
    metrics::Metrics,
    node::{Create, CreateAccess, Node},
};
use std::{path::Path, time::Duration};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn start(dir: &Path, root: &Path, peers: &[String]) -> Node {
    start_with(dir, root, peers, 512).await
}

/// The same with so many connections at most.
pub(crate) async fn start_with(dir: &Path, root: &Path, peers: &[String], connections: usize) -> Node {
    let mut sources = Sources::default();
    let given = [
        (&SETTINGS.data_dir.key, vec![dir.display().to_string()]),
        (&SETTINGS.listen.key, vec!["/ip4/127.0.0.1/tcp/0".to_owned()]),
        (&SETTINGS.root_key.key, vec![root.display().to_string()]),
        (&SETTINGS.peers.key, peers.to_vec()),
        (&SETTINGS.max_connections.key, vec![connections.to_string()]),
    ];
    sources.flags(given);
    let config = Config::from_sources(&sources, Vec::new()).unwrap();
    Node::start(&config, Metrics::new().unwrap()).await.unwrap()
}

pub(crate) fn addresses(node: &Node) -> Vec<String> {
    node.network().listen_addrs().iter().map(ToString::to_string).collect()
}

pub(crate) fn create(name: &str, reading: Reading) -> Create {
    let access = CreateAccess::Ipfs(Vec::new());
    Create { name: name.to_owned(), reading, access, meta: None, settings: Settings::default() }
}

/// Waits for something, but not for ever.
pub(crate) async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, wait).await {
        Ok(value) => value,
        Err(_) => panic!("not within {DEADLINE:?}: {what}"),
    }
}

/// Asks again and again until something holds that nobody tells of, but not for ever.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let held = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(what, held).await;
}

pub(crate) async fn open(node: &Node, address: Address) -> Database {
    let mut registry = node.registry();
    let opened =
        registry.wait_for(|registry| registry.get(&address).is_some_and(|known| known.open().is_some()));
    drop(within("the database is open", opened).await.unwrap());
    node.database(&address.to_string()).unwrap()
}

pub(crate) async fn holds(database: &Database, entries: u64) -> String {
    let mut status = database.status();
    let held =
        within("all entries are there", status.wait_for(|status| status.len == entries)).await.unwrap();
    held.digest()
}

/// The seed of a random test: that of `PAPERCLIP_SEED`, or a new one. Its failures must tell it.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("PAPERCLIP_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(rand::random)
}
