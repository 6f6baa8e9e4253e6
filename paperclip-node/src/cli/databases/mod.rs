//! `db`: databases created, pinned, listed, shown, set, unpinned.

mod args;
mod open;

pub(super) use args::DbCommand;

use super::{
    description::{describe, listing, optional},
    error::CliError,
    target::{AtDatabase, ClientArgs},
    value,
};
use crate::output::Text;
use open::{DATABASES, open, pin};
use paperclip_client::{
    db_path,
    shape::{Change, Create, Database, Open, Refusals, Unpinned},
};
use serde_json::Value as Json;
use std::time::Duration;

pub(super) fn execute(command: DbCommand) -> Result<(), CliError> {
    match command {
        DbCommand::Create {
            client,
            name,
            kind,
            index_by,
            access,
            write,
            allow_foreign_keys,
            javascript,
            meta,
        } => {
            let request = Create {
                index_by,
                access: access.into(),
                write,
                meta: meta.as_deref().map(value::document).transpose()?,
                allow_foreign_keys,
                javascript,
                ..Create::new(&name, &kind)
            };
            let answer = open(&client.connect()?, &Open::Create(request))?;
            let database: Database = answer.read()?;
            Ok(client.output().document(&answer.json()?, || Text::line(database.address))?)
        }
        DbCommand::Pin { client, wait, address } => pin(&client, &address, wait.map(Duration::from_secs)),
        DbCommand::List(client) => list(&client),
        DbCommand::Show(at) => show(&at),
        DbCommand::Set { at, reading, index_by, javascript } => {
            let change = Change { reading, index_by, javascript };
            let answer = at.client.connect()?.patch(&db_path(&at.db, &[]), &change)?;
            let database: Database = answer.read()?;
            Ok(at.client.output().document(&answer.json()?, || describe(&database, &[]))?)
        }
        DbCommand::Unpin { at, remove } => {
            let path = format!("{}?remove={remove}", db_path(&at.db, &[]));
            let answer = at.client.connect()?.delete(&path)?;
            let Unpinned { address, .. } = answer.read()?;
            let output = at.client.output();
            Ok(output.document(&answer.json()?, || Text::line(format!("unpinned {address}")))?)
        }
    }
}

/// Shows a database, with what it refused last.
fn show(at: &AtDatabase) -> Result<(), CliError> {
    let client = at.client.connect()?;
    let answer = client.get(&db_path(&at.db, &[]))?;
    let (mut document, database): (Json, Database) = (answer.json()?, answer.read()?);
    let mut last = Vec::new();
    if database.open.as_ref().is_some_and(|open| open.refused > 0) {
        let refused = client.get(&db_path(&at.db, &["refused"]))?;
        document["refused_last"] = refused.json()?["last"].take();
        last = refused.read::<Refusals>()?.last;
    }
    Ok(at.client.output().document(&document, || describe(&database, &last))?)
}

fn list(client: &ClientArgs) -> Result<(), CliError> {
    let answer = client.connect()?.get(DATABASES)?;
    let documents: Vec<Json> = answer.read()?;
    let mut both: Vec<(Database, Json)> =
        answer.read::<Vec<Database>>()?.into_iter().zip(documents).collect();
    both.sort_by_cached_key(|(database, _)| (optional(database.name.as_deref()), database.address.clone()));
    let (databases, documents): (Vec<Database>, Vec<Json>) = both.into_iter().unzip();
    Ok(client.output().documents(&documents, || listing(&databases))?)
}
