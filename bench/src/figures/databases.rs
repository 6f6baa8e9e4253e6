//! Thousands of databases on three nodes: pinning them, memory for each, updates with all of them pinned, a restart.

use std::path::Path;
use std::time::{Duration, Instant};

use paperclip_tests::{Api, Changes, Cluster, HarnessError, Node, Result, ensure, eventually, joined};
use rand::Rng as _;
use serde_json::json;

use super::live::percentile;
use super::scale::{Scale, value};
use crate::progress::say;
use crate::table::{Row, Table, Target};

/// How long one step may take before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Clients that create and write side by side.
const CREATORS: usize = 8;
/// The node that is written to, and the one that is restarted.
const WRITER: usize = 0;
const RESTARTED: usize = 1;
/// Nodes of the cluster.
const NODES: usize = 3;
/// How long the nodes are watched at rest.
const REST: Duration = Duration::from_secs(20);
/// Bytes in a kilobyte.
const KILOBYTE: f64 = 1_000.0;

pub(super) fn measure(folder: &Path, scale: &Scale, table: &mut Table) -> Result<()> {
    say("databases");
    let mut cluster = Cluster::start(folder, NODES, &[])?;
    let databases = create(&cluster, scale.databases, table)?;
    live(&cluster, &databases, scale.updates, table)?;
    write_to_each(&cluster, &databases, table)?;
    restart(&mut cluster, scale.databases, table)
}

/// A figure that is compared with nothing.
fn row(work: String, unit: &'static str, ours: f64) -> Row {
    Row { work, unit, ours, compared: None, target: Target::None }
}

/// Work on every item, by [`CREATORS`] threads.
fn side_by_side<T: Send>(count: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let take = || next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let worker = || -> Result<Vec<T>> {
        std::iter::repeat_with(take).take_while(|&nth| nth < count).map(&work).collect()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CREATORS).map(|_| scope.spawn(worker)).collect();
        let done: Result<Vec<Vec<T>>> = threads.into_iter().map(joined).collect();
        Ok(done?.into_iter().flatten().collect())
    })
}

fn create(cluster: &Cluster, count: usize, table: &mut Table) -> Result<Vec<String>> {
    let resident =
        || cluster.nodes.iter().map(Node::resident_bytes).sum::<Result<u64>>().map(|bytes| bytes as f64);
    let (empty, idle) = (resident()?, cpu_time(cluster)?);
    let start = Instant::now();
    let api = cluster.api(WRITER);
    let databases = side_by_side(count, |nth| {
        if nth % 1_000 == 0 {
            say(&format!("  {nth} created after {:.0} s", start.elapsed().as_secs_f64()));
        }
        create_one(api, nth)
    })?;
    let created = start.elapsed();
    cluster.apis().into_iter().try_for_each(|api| shares_all(api, count))?;
    let pinned = start.elapsed();
    let work = |what: &str| format!("{count} databases on {NODES} nodes: {what}");
    let seconds = created.as_secs_f64();
    table.add(row(work("created on one, with 8 clients"), "s", seconds));
    table.add(row(work("pinned and shared by all nodes"), "s", pinned.as_secs_f64()));
    let cpu = cpu_time(cluster)?.saturating_sub(idle).as_secs_f64() * 1_000.0;
    table.add(row(work("CPU of all nodes for each"), "ms", cpu / count as f64));
    let memory = (resident()? - empty) / (NODES * count) as f64;
    table.add(row(work("memory of a node for each"), "kB", memory / KILOBYTE));
    rest(cluster, count, table)?;
    Ok(databases)
}

/// Its address. Whether it is open yet does not matter: that is waited for at the end.
fn create_one(api: &Api, nth: usize) -> Result<String> {
    let made = api.post("/v1/databases", &json!({ "name": format!("db-{nth}"), "type": "events" }))?;
    let without = || HarnessError::NotYet(format!("a database without an address: {made}"));
    made["address"].as_str().map(str::to_owned).ok_or_else(without)
}

/// CPU time of all nodes since their start.
fn cpu_time(cluster: &Cluster) -> Result<Duration> {
    cluster.nodes.iter().map(Node::cpu_time).sum()
}

/// What the nodes do when nobody asks anything of them.
fn rest(cluster: &Cluster, count: usize, table: &mut Table) -> Result<()> {
    let before = cpu_time(cluster)?;
    std::thread::sleep(REST);
    let share = cpu_time(cluster)?.saturating_sub(before).as_secs_f64() / REST.as_secs_f64() / NODES as f64;
    table.add(row(format!("{count} databases: CPU of a node at rest"), "% of a core", share * 100.0));
    Ok(())
}

/// Waits until a node has joined the topics of all databases and of the catalog, and shares them with both others.
fn shares_all(api: &Api, count: usize) -> Result<()> {
    let topics = (count + 1) as f64;
    eventually(PATIENCE, "all databases are open and shared", || {
        let metrics = api.metrics()?;
        let (own, shared) = (metrics.sum("paperclip_topics", ""), metrics.sum("paperclip_topics_shared", ""));
        let all = own == topics && shared == topics * (NODES - 1) as f64;
        ensure(all, || format!("{own} topics, {shared} shared"))
    })
}

/// One write at a time to any of the databases, until both others show it.
fn live(cluster: &Cluster, databases: &[String], updates: usize, table: &mut Table) -> Result<()> {
    let mut times = Vec::with_capacity(updates);
    for _ in 0..updates {
        let db = &databases[rand::rng().random_range(0..databases.len())];
        let others = || (0..NODES).filter(|&node| node != WRITER);
        let mut changes: Vec<Changes> =
            others().map(|node| cluster.api(node).changes(db)).collect::<Result<_>>()?;
        let start = Instant::now();
        let hash = cluster.api(WRITER).add(db, &value())?;
        for changes in &mut changes {
            let ended = || HarnessError::NotYet("the stream of changes ended".to_owned());
            while changes.next().ok_or_else(ended)??.hash != hash {}
        }
        times.push(start.elapsed());
    }
    let count = databases.len();
    for (share, name) in [(0.5, "median"), (0.99, "99th percentile")] {
        let work = format!("{count} databases: write on A to visible on B and C, {name}");
        table.add(row(work, "ms", percentile(&mut times, share)));
    }
    Ok(())
}

/// A write to every database, until both others have all of them.
fn write_to_each(cluster: &Cluster, databases: &[String], table: &mut Table) -> Result<()> {
    let others = || cluster.apis().into_iter().enumerate().filter(|(node, _)| *node != WRITER);
    let joined = |api: &Api| Ok(api.metrics()?.sum("paperclip_entries_joined_total", ""));
    let before: Vec<f64> = others().map(|(_, api)| joined(api)).collect::<Result<_>>()?;
    let start = Instant::now();
    let api = cluster.api(WRITER);
    side_by_side(databases.len(), |nth| api.add(&databases[nth], &value()).map(drop))?;
    let written = start.elapsed();
    for ((_, api), before) in others().zip(before) {
        eventually(PATIENCE, "a write to each database is everywhere", || {
            let seen = joined(api)? - before;
            ensure(seen >= databases.len() as f64, || format!("{seen} entries joined"))
        })?;
    }
    let arrived = start.elapsed();
    let work = |what: &str| format!("{} databases: a write to each, {what}", databases.len());
    table.add(row(work("written"), "s", written.as_secs_f64()));
    table.add(row(work("on all nodes"), "s", arrived.as_secs_f64()));
    Ok(())
}

/// Kills a node and starts it again.
fn restart(cluster: &mut Cluster, count: usize, table: &mut Table) -> Result<()> {
    cluster.nodes[RESTARTED].kill()?;
    let start = Instant::now();
    cluster.nodes[RESTARTED].run()?;
    let ready = start.elapsed();
    cluster.apis().into_iter().try_for_each(|api| shares_all(api, count))?;
    let shared = start.elapsed();
    let work = |what: &str| format!("{count} databases: a killed node, from its start until {what}");
    table.add(row(work("it is ready"), "s", ready.as_secs_f64()));
    table.add(row(work("it shares all with both others"), "s", shared.as_secs_f64()));
    Ok(())
}
