//! Which databases the cluster keeps.

use juju_hooks::Invoke;
use serde_json::{Value, json};

use super::parameters::{Create, NoParameters, Pin, Unpin};
use super::unit::{ActionError, Results, Unit, json as line, seconds};
use crate::node::{Database, segment};

/// How long creating and pinning may take: pinning waits for the manifest, which may be with a peer only.
const OPEN_SECONDS: u64 = 60;

pub(super) fn list<I: Invoke>(_: &NoParameters, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let databases: Vec<Database> = unit.node()?.get("/v1/databases")?;
    let summary: Vec<String> = databases
        .iter()
        .map(|db| {
            format!("{} ({}, {} entries)", db.label(), db.kind.as_deref().unwrap_or(&db.state), db.entries)
        })
        .collect();
    Ok(vec![
        ("count", databases.len().to_string()),
        ("summary", if summary.is_empty() { "no databases".into() } else { summary.join(", ") }),
        ("databases", line(&databases)),
    ])
}

pub(super) fn create<I: Invoke>(asked: &Create, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let mut access = json!({ "type": asked.access.word() });
    if !asked.write.0.is_empty() {
        access["write"] = json!(asked.write.0);
    }
    let document = json!({ "name": asked.name.needed("name")?, "type": asked.kind.word(), "access": access });
    opened(unit, &document)
}

pub(super) fn pin<I: Invoke>(asked: &Pin, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    opened(unit, &json!({ "address": asked.address.needed("address")? }))
}

fn opened<I: Invoke>(unit: &Unit<'_, I>, document: &Value) -> Result<Results, ActionError> {
    let answer = unit.node()?.post("/v1/databases", document, seconds(OPEN_SECONDS))?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(vec![("address", text("address")), ("name", text("name")), ("type", text("type"))])
}

pub(super) fn unpin<I: Invoke>(asked: &Unpin, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let database = asked.database.needed("database")?;
    if !asked.confirm {
        let problem = format!("must be true: every unit stops keeping {database}");
        return Err(ActionError::Parameter { name: "confirm", problem });
    }
    unit.node()?.delete(&format!("/v1/databases/{}", segment(database)))?;
    Ok(vec![("unpinned", database.to_owned())])
}
