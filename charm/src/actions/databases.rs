//! Which databases the cluster keeps.

use juju_hooks::Invoke;
use paperclip_client::db_path;
use paperclip_client::shape::{self, Database, Open};
use serde_json::json;

use super::parameters::{Create, NoParameters, Pin, Unpin};
use super::unit::{ActionError, Results, Unit, json as line, seconds};

/// How long creating and pinning may take: pinning waits for the manifest, which may be with a peer only.
const OPEN_SECONDS: u64 = 60;

pub(super) fn list<I: Invoke>(_: &NoParameters, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let databases: Vec<Database> = unit.node()?.get("/v1/databases")?;
    let summary: Vec<String> = databases.iter().map(summary).collect();
    let told = databases.iter().map(|database| {
        let open = database.open.as_ref();
        json!({
            "address": database.address,
            "name": database.name,
            "type": open.map(|open| &open.kind),
            "state": database.state,
            "entries": open.map_or(0, |open| open.entries),
            "heads": open.map_or(0, |open| open.heads),
            "digest": open.map_or("", |open| &open.digest),
            "pending": open.map_or(0, |open| open.pending),
        })
    });
    Ok(vec![
        ("count", databases.len().to_string()),
        ("summary", if summary.is_empty() { "no databases".into() } else { summary.join(", ") }),
        ("databases", line(&told.collect::<Vec<_>>())),
    ])
}

fn summary(database: &Database) -> String {
    let kind = database.open.as_ref().map_or(database.state.word(), |open| &open.kind);
    let entries = database.open.as_ref().map_or(0, |open| open.entries);
    format!("{} ({kind}, {entries} entries)", database.label())
}

pub(super) fn create<I: Invoke>(asked: &Create, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let plain = shape::Create::new(asked.name.needed("name")?, asked.kind.word());
    opened(unit, &Open::Create(shape::Create { access: asked.access, write: asked.write.0.clone(), ..plain }))
}

pub(super) fn pin<I: Invoke>(asked: &Pin, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    opened(unit, &Open::Pin(shape::Pin::new(asked.address.needed("address")?)))
}

fn opened<I: Invoke>(unit: &Unit<'_, I>, wanted: &Open) -> Result<Results, ActionError> {
    let database: Database = unit.node()?.post("/v1/databases", wanted, seconds(OPEN_SECONDS))?;
    let kind = database.open.map(|open| open.kind).unwrap_or_default();
    Ok(vec![("address", database.address), ("name", database.name.unwrap_or_default()), ("type", kind)])
}

pub(super) fn unpin<I: Invoke>(asked: &Unpin, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let database = asked.database.needed("database")?;
    if !asked.confirm {
        let problem = format!("must be true: every unit stops keeping {database}");
        return Err(ActionError::Parameter { name: "confirm", problem });
    }
    unit.node()?.delete(&db_path(database, &[]))?;
    Ok(vec![("unpinned", database.to_owned())])
}
