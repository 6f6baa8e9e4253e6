//! How far the replicas are.

use juju_hooks::Invoke;
use serde_json::{Value, json};

use super::parameters::{Heads, Text, Timed};
use super::{ActionError, Results, Unit, json as line, seconds};
use crate::node::{Database, NodeApi, segment};

/// The databases that are meant: the one that is named, or all.
fn meant(node: &NodeApi, database: &Text) -> Result<Vec<Database>, ActionError> {
    Ok(match database.given() {
        Some(name) => vec![node.get(&format!("/v1/databases/{}", segment(name)))?],
        None => node.get("/v1/databases")?,
    })
}

pub(super) fn show_heads<I: Invoke>(asked: &Heads, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let node = unit.node()?;
    let databases = meant(&node, &asked.database)?;
    let entries: u64 = databases.iter().map(|db| db.entries).sum();
    let summary: Vec<String> = databases
        .iter()
        .map(|db| format!("{}: {} heads, {} entries", db.name, db.heads.len(), db.entries))
        .collect();
    let digest = match databases.as_slice() {
        [one] => one.digest.clone(),
        _ => unit.facts.node.as_ref().map(|node| node.heads_digest.clone()).unwrap_or_default(),
    };
    let heads: Vec<Value> = databases
        .iter()
        .map(|db| {
            json!({ "database": db.name, "address": db.address, "heads": db.heads, "entries": db.entries, "digest": db.digest })
        })
        .collect();
    Ok(vec![
        ("summary", if summary.is_empty() { "no databases".into() } else { summary.join(", ") }),
        ("entries", entries.to_string()),
        ("digest", digest),
        ("heads", line(&heads)),
    ])
}

pub(super) fn resync<I: Invoke>(asked: &Timed, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let node = unit.node()?;
    let deadline = std::time::Instant::now() + seconds(asked.timeout.0);
    let mut fetched = 0;
    let mut told = Vec::new();
    for database in meant(&node, &asked.database)? {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            let done: Vec<&str> = told.iter().filter_map(|one: &Value| one["database"].as_str()).collect();
            let problem = format!(
                "{} s were not enough; done: {}. Ask for more with timeout=",
                asked.timeout.0,
                if done.is_empty() { "none".to_owned() } else { done.join(", ") }
            );
            return Err(ActionError::Refused(problem));
        }
        unit.juju.log_action(&format!("resync of {}", database.name))?;
        let path = format!("/v1/databases/{}/resync", segment(&database.address));
        let answer = node.post(&path, &json!({}), left)?;
        let after: Database = node.get(&format!("/v1/databases/{}", segment(&database.address)))?;
        let new = after.entries.saturating_sub(database.entries);
        fetched += new;
        told.push(
            json!({ "database": database.name, "fetched": new, "entries": after.entries, "node": answer }),
        );
    }
    Ok(vec![
        ("summary", format!("{} databases compared, {fetched} entries fetched", told.len())),
        ("fetched", fetched.to_string()),
        ("databases", line(&told)),
    ])
}

pub(super) fn verify<I: Invoke>(asked: &Timed, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let node = unit.node()?;
    let mut told = Vec::new();
    for database in meant(&node, &asked.database)? {
        unit.juju.log_action(&format!("verify {}", database.name))?;
        let path = format!("/v1/databases/{}/verify", segment(&database.address));
        let answer = node.post(&path, &json!({}), seconds(asked.timeout.0))?;
        told.push(json!({ "database": database.name, "result": answer }));
    }
    Ok(vec![("summary", format!("{} databases verified", told.len())), ("databases", line(&told))])
}
