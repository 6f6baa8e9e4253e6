//! More databases than gossip's defaults have room for: a hundred topics a peer.

use std::path::Path;
use std::time::Duration;

use paperclip_tests::{Api, Cluster, Result, ensure, eventually, folder, joined};
use serde_json::{Value, json};

/// For all databases together.
const DEADLINE: Duration = Duration::from_secs(180);

/// Waits until a node has this many entries in each of the databases.
fn has(api: &Api, databases: &[String], entries: u64) -> Result<()> {
    eventually(DEADLINE, &format!("{entries} entries in each of {} databases", databases.len()), || {
        let status = api.status()?;
        let shown = status["databases"].as_array().into_iter().flatten();
        // the catalog has as many entries as there are databases, and is none of them
        let complete = |shown: &&Value| shown["role"] == "pinned" && shown["entries"] == entries;
        let complete = shown.filter(complete).count();
        ensure(complete == databases.len(), || format!("{complete} have them"))
    })
}

fn write_to_each(api: &Api, databases: &[String], text: &str) -> Result<()> {
    databases.iter().try_for_each(|db| api.add(db, &json!(text)).map(drop))
}

/// A write to every database reaches all three nodes: by gossip, after a kill, and from the node that was killed.
fn all_replicate(home: &Path, count: usize) -> Result<()> {
    let mut cluster = Cluster::start(home, 3, &[])?;
    let create = |n| Ok(cluster.api(0).create(&format!("db-{n}"), "events", &[])?.address);
    let databases: Vec<String> = (0..count).map(create).collect::<Result<_>>()?;
    cluster.apis().into_iter().try_for_each(|api| has(api, &databases, 0))?;
    write_to_each(cluster.api(0), &databases, "at first")?;
    cluster.apis().into_iter().try_for_each(|api| has(api, &databases, 1))?;

    cluster.nodes[1].kill()?;
    write_to_each(cluster.api(2), &databases, "while one is away")?;
    cluster.nodes[1].run()?;
    cluster.apis().into_iter().try_for_each(|api| has(api, &databases, 2))?;
    write_to_each(cluster.api(1), &databases, "by the one that was away")?;
    cluster.apis().into_iter().try_for_each(|api| has(api, &databases, 3))?;

    // Gossip reaches all of them, with the catalog: nothing had to wait for a periodic exchange.
    eventually(DEADLINE, "all topics are shared with both siblings", || {
        let metrics = cluster.api(1).metrics()?;
        let (topics, shared) =
            (metrics.sum("paperclip_topics", ""), metrics.sum("paperclip_topics_shared", ""));
        #[expect(clippy::cast_precision_loss, reason = "a count of databases")]
        let wanted = (count + 1) as f64;
        ensure(topics == wanted && shared == 2.0 * wanted, || format!("{topics} topics, {shared} shared"))
    })
}

/// Side by side: each mostly waits for its own turn.
#[test]
fn a_cluster_keeps_a_thousand_databases() -> Result<()> {
    let home = folder()?;
    std::thread::scope(|scope| {
        let run = |count: usize| {
            let home = home.path().join(count.to_string());
            scope.spawn(move || all_replicate(&home, count))
        };
        let running: Vec<_> = [110, 250, 1_000].map(run).into();
        running.into_iter().try_for_each(joined)
    })
}
