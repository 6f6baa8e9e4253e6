//! How far the replicas are.

use std::time::{Duration, Instant};

use juju_hooks::Invoke;
use serde::Deserialize;
use serde_json::{Value, json};

use super::parameters::{Heads, Resync as Asked, Text, Timed};
use super::unit::{ActionError, Results, Unit, json as line};
use crate::node::{Database, NodeApi, segment};

/// How much longer than the time limit it was given the node is waited for.
const GRACE: Duration = Duration::from_secs(5);

/// A head, as the node shows entries.
#[derive(Deserialize)]
struct Head {
    hash: String,
}

/// What the node says of a resync.
#[derive(Deserialize)]
struct Resync {
    state: String,
    error: Option<String>,
    fetched: u64,
    peers: u64,
    failed: u64,
    unconnected: u64,
    settled: bool,
    complete: bool,
}

impl Resync {
    /// What stands in the way of being complete.
    fn lacks(&self) -> String {
        match self {
            Self { error: Some(error), state, .. } => format!("{state}, {error}"),
            Self { peers: 0, .. } => "no peer has answered".to_owned(),
            Self { settled: false, .. } => "not all that was offered has come in".to_owned(),
            Self { peers, failed, unconnected, .. } => {
                format!("{peers} peers answered, {failed} did not, {unconnected} are not connected")
            }
        }
    }
}

/// What the node says of a verification.
#[derive(Deserialize)]
struct Verification {
    sound: bool,
    entries: u64,
}

/// What the node keeps, open or not, the catalog among it.
#[derive(Deserialize)]
struct Kept {
    cluster: Cluster,
    databases: Vec<Database>,
}

#[derive(Deserialize)]
struct Cluster {
    catalog: String,
}

fn path(database: &str, rest: &str) -> String {
    format!("/v1/databases/{}{rest}", segment(database))
}

/// The databases that are meant: the one that is named, or all.
fn meant(node: &NodeApi, database: &Text) -> Result<Vec<Database>, ActionError> {
    Ok(match database.given() {
        Some(name) => vec![node.get(&path(name, ""))?],
        None => node.get("/v1/databases")?,
    })
}

pub(super) fn show_heads<I: Invoke>(asked: &Heads, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let node = unit.node()?;
    let databases = meant(&node, &asked.database)?;
    let mut told = Vec::new();
    let mut summary = Vec::new();
    for database in &databases {
        let heads: Vec<Head> = node.get(&path(&database.address, "/heads"))?;
        let hashes: Vec<String> = heads.into_iter().map(|head| head.hash).collect();
        summary.push(format!("{}: {} heads, {} entries", database.label(), hashes.len(), database.entries));
        told.push(json!({
            "database": database.label(),
            "address": database.address,
            "heads": hashes,
            "entries": database.entries,
            "digest": database.digest,
        }));
    }
    let digest = match databases.as_slice() {
        [one] => one.digest.clone(),
        _ => unit.facts.node.as_ref().map(|node| node.heads_digest.clone()).unwrap_or_default(),
    };
    Ok(vec![
        ("summary", if summary.is_empty() { "no databases".into() } else { summary.join(", ") }),
        ("entries", databases.iter().map(|database| database.entries).sum::<u64>().to_string()),
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
        return each(&node.get(&path(name, ""))?);
    }
    let Kept { cluster: Cluster { catalog }, .. } = node.get("/v1/status")?;
    each(&node.get(&path(&catalog, ""))?)?;
    let Kept { databases, .. } = node.get("/v1/status")?;
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
        let mut body = json!({ "timeout_seconds": left.as_secs() });
        if let Some(wanted) = asked.wait_peers {
            body["wait_peers"] = json!(wanted);
        }
        let answer = node.post(&path(&database.address, "/resync"), &body, left + GRACE)?;
        let report: Resync = serde_json::from_value(answer).map_err(crate::node::NodeError::from)?;
        fetched += report.fetched;
        if !report.complete {
            incomplete.push(format!("{} ({})", database.label(), report.lacks()));
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
        let answer = node.post(&path(&database.address, "/verify"), &json!({}), left)?;
        let report: Verification =
            serde_json::from_value(answer.clone()).map_err(crate::node::NodeError::from)?;
        entries += report.entries;
        if !report.sound {
            unsound.push(format!("{}: {answer}", database.label()));
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
