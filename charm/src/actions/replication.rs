//! How far the replicas are.

use std::time::{Duration, Instant};

use juju_hooks::Invoke;
use paperclip_client::db_path;
use paperclip_client::shape::{
    Cluster, Count, Database, Entry, HowLong, Repair, Resync, Status, Verification,
};
use serde_json::{Value, json};

use super::parameters::{Heads, Resync as Asked, Text, Timed};
use super::unit::{ActionError, Results, Unit, json as line};
use crate::node::NodeApi;

/// How much longer than the time limit it was given the node is waited for.
const GRACE: Duration = Duration::from_secs(5);

/// What stands in the way of being complete.
fn lacks(report: &Resync) -> String {
    match report {
        Resync { error: Some(error), state, .. } => format!("{state}, {error}"),
        Resync { peers: 0, .. } => "no peer has answered".to_owned(),
        Resync { settled: false, .. } => "not all that was offered has come in".to_owned(),
        Resync { peers, failed, unconnected, .. } => {
            format!("{peers} peers answered, {failed} did not, {unconnected} are not connected")
        }
    }
}

/// The databases that are meant: the one that is named, or all.
fn meant(node: &NodeApi, database: &Text) -> Result<Vec<Database>, ActionError> {
    Ok(match database.given() {
        Some(name) => vec![node.get(&db_path(name, &[]))?],
        None => node.get("/v1/databases")?,
    })
}

fn entries(database: &Database) -> u64 {
    database.open.as_ref().map_or(0, |open| open.entries)
}

fn digest(database: &Database) -> &str {
    database.open.as_ref().map_or("", |open| &open.digest)
}

pub(super) fn show_heads<I: Invoke>(asked: &Heads, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let node = unit.node()?;
    let databases = meant(&node, &asked.database)?;
    let mut told = Vec::new();
    let mut summary = Vec::new();
    for database in &databases {
        let heads: Vec<Entry> = node.get(&db_path(&database.address, &["heads"]))?;
        let hashes: Vec<String> = heads.into_iter().map(|head| head.hash).collect();
        summary.push(format!("{}: {} heads, {} entries", database.label(), hashes.len(), entries(database)));
        told.push(json!({
            "database": database.label(),
            "address": database.address,
            "heads": hashes,
            "entries": entries(database),
            "digest": digest(database),
        }));
    }
    let digest = match databases.as_slice() {
        [one] => digest(one).to_owned(),
        _ => unit.facts.node.as_ref().map(|node| node.heads_digest.clone()).unwrap_or_default(),
    };
    Ok(vec![
        ("summary", if summary.is_empty() { "no databases".into() } else { summary.join(", ") }),
        ("entries", databases.iter().map(entries).sum::<u64>().to_string()),
        ("digest", digest),
        ("heads", line(&told)),
    ])
}

/// The one that is named, or everything that the node keeps: the catalog first, since it may name more.
fn kept(
    node: &NodeApi,
    database: &Text,
    mut each: impl FnMut(&Database) -> Result<(), ActionError>,
) -> Result<(), ActionError> {
    if let Some(name) = database.given() {
        return each(&node.get(&db_path(name, &[]))?);
    }
    let Status { cluster: Cluster { catalog, .. }, .. } = node.get("/v1/status")?;
    each(&node.get(&db_path(&catalog, &[]))?)?;
    let Status { databases, .. } = node.get("/v1/status")?;
    databases.iter().filter(|database| database.address != catalog).try_for_each(each)
}

pub(super) fn resync<I: Invoke>(asked: &Asked, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let node = unit.node()?;
    let deadline = Instant::now() + Duration::from_secs(asked.timeout.0);
    let mut told: Vec<Value> = Vec::new();
    let (mut fetched, mut incomplete) = (0, Vec::new());
    kept(&node, &asked.database, |database| {
        unit.juju.log_action(&format!("resync of {}", database.label()))?;
        // At least a second: a limit that is used up must not become no limit.
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
        let how = HowLong {
            timeout_seconds: Some(Count(left.as_secs())),
            wait_peers: asked.wait_peers.map(|wanted| Count(wanted.into())),
        };
        let path = db_path(&database.address, &["resync"]);
        let report: Resync = node.post(&path, &how, left + GRACE)?;
        fetched += report.fetched;
        if !report.complete {
            incomplete.push(format!("{} ({})", database.label(), lacks(&report)));
        }
        told.push(json!({ "database": database.label(), "fetched": report.fetched, "peers": report.peers }));
        Ok(())
    })?;
    if !incomplete.is_empty() {
        return Err(ActionError::Refused(format!(
            "not known to be in step after {} s: {}; {fetched} entries were fetched",
            asked.timeout.0,
            incomplete.join(", ")
        )));
    }
    Ok(vec![
        ("summary", format!("{} databases compared, {fetched} entries fetched", told.len())),
        ("fetched", fetched.to_string()),
        ("databases", line(&told)),
    ])
}

pub(super) fn verify<I: Invoke>(asked: &Timed, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let node = unit.node()?;
    let deadline = Instant::now() + Duration::from_secs(asked.timeout.0);
    let mut told: Vec<Value> = Vec::new();
    let (mut entries, mut unsound) = (0, Vec::new());
    kept(&node, &asked.database, |database| {
        unit.juju.log_action(&format!("verify {}", database.label()))?;
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
        let path = db_path(&database.address, &["verify"]);
        let report: Verification = node.post(&path, &Repair::default(), left)?;
        entries += report.entries;
        if !report.sound {
            unsound.push(format!("{}: {}", database.label(), line(&report)));
        }
        told.push(json!({ "database": database.label(), "sound": report.sound, "entries": report.entries }));
        Ok(())
    })?;
    if !unsound.is_empty() {
        return Err(ActionError::Refused(format!("not sound: {}", unsound.join("; "))));
    }
    Ok(vec![
        ("summary", format!("{} databases sound, {entries} entries", told.len())),
        ("databases", line(&told)),
    ])
}
