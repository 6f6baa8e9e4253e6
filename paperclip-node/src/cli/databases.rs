//! `db`: databases created, pinned, listed, shown, unpinned.

use super::{
    CliError,
    client::{ClientArgs, db_path},
    commands::AtDatabase,
    output::{cell, duration, pairs, table},
    value,
};
use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value as Json, json};

const DATABASES: &str = "/v1/databases";

#[derive(Debug, Subcommand)]
pub(super) enum DbCommand {
    /// Creates a database and pins it; prints its address
    Create {
        #[command(flatten)]
        client: ClientArgs,
        /// Any text
        name: String,
        /// How its entries are read
        #[arg(long = "type", value_name = "TYPE")]
        kind: Kind,
        /// What decides who may write: a fixed list (ipfs), or a database of grants (orbitdb)
        #[arg(long, value_name = "CONTROLLER", default_value = "ipfs")]
        access: Access,
        /// Identity ids that may write (ipfs) or grant (orbitdb), * for all; the cluster alone if left out
        #[arg(long, value_name = "ID")]
        write: Vec<String>,
        /// Takes entries whose key is not their identity's, as JavaScript does (see the reference)
        #[arg(long)]
        allow_foreign_keys: bool,
        /// JSON that anybody may read from the manifest
        #[arg(long, value_name = "JSON")]
        meta: Option<String>,
    },
    /// Keeps a database that others have
    Pin {
        #[command(flatten)]
        client: ClientArgs,
        /// /orbitdb/zdpu…
        address: String,
    },
    /// Lists the databases
    List(ClientArgs),
    /// Shows one database
    Show(AtDatabase),
    /// Keeps a database no longer, on no node of the cluster
    Unpin {
        #[command(flatten)]
        at: AtDatabase,
        /// Have every node remove what it has on disk as well
        #[arg(long)]
        remove: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    /// A log of values
    Events,
    /// Keys and their newest values
    Keyvalue,
    /// Documents by their _id
    Documents,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Access {
    /// A fixed list
    Ipfs,
    /// A database of grants
    Orbitdb,
}

pub(super) fn execute(command: DbCommand) -> Result<(), CliError> {
    match command {
        DbCommand::Create { client, name, kind, access, write, allow_foreign_keys, meta } => {
            let mut request = Map::from_iter([
                ("name".to_owned(), json!(name)),
                ("type".to_owned(), json!(word(kind))),
                ("access".to_owned(), json!(word(access))),
                ("allow_foreign_keys".to_owned(), json!(allow_foreign_keys)),
            ]);
            if !write.is_empty() {
                request.insert("write".to_owned(), json!(write));
            }
            if let Some(meta) = meta {
                let meta = serde_json::from_str(&value::json(&meta)?).map_err(std::io::Error::from)?;
                request.insert("meta".to_owned(), meta);
            }
            opened(&client, &Json::Object(request))
        }
        DbCommand::Pin { client, address } => opened(&client, &json!({ "address": address })),
        DbCommand::List(client) => list(&client),
        DbCommand::Show(at) => {
            let database = at.client.connect()?.get(&db_path(&at.db, &[]))?.json;
            Ok(at.client.output().document(&database, || describe(&database))?)
        }
        DbCommand::Unpin { at, remove } => {
            let path = format!("{}?remove={remove}", db_path(&at.db, &[]));
            let gone = at.client.connect()?.delete(&path)?;
            Ok(at.client.output().document(&gone, || format!("unpinned {}", cell(&gone, "address")))?)
        }
    }
}

fn word(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The address is what people need next, so it is all that they get.
fn opened(client: &ClientArgs, request: &Json) -> Result<(), CliError> {
    let database = client.connect()?.post(DATABASES, request)?;
    Ok(client.output().document(&database, || cell(&database, "address"))?)
}

fn list(client: &ClientArgs) -> Result<(), CliError> {
    let databases = client.connect()?.get(DATABASES)?.json;
    Ok(client.output().rows(rows(&databases), &HEADER, row)?)
}

/// The columns of a list of databases.
pub(super) const HEADER: [&str; 7] = ["NAME", "TYPE", "STATE", "ENTRIES", "HEADS", "PENDING", "ADDRESS"];

/// The cells of one database in such a list.
pub(super) fn row(database: &Json) -> Vec<String> {
    ["name", "type", "state", "entries", "heads", "pending", "address"]
        .map(|field| cell(database, field))
        .into()
}

/// The items of an array.
pub(super) fn rows(documents: &Json) -> &[Json] {
    documents.as_array().map_or(&[], Vec::as_slice)
}

fn describe(database: &Json) -> String {
    let field = |name| cell(database, name);
    let list = |value: Option<&Json>| {
        let items = value.map_or(&[][..], rows).iter();
        items
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let access = database.get("access");
    let mut lines = vec![
        ("address", field("address")),
        ("name", field("name")),
        ("type", field("type")),
        ("state", field("state")),
        ("access", access.map_or_else(|| "-".to_owned(), |access| cell(access, "address"))),
        ("writers", list(access.and_then(|access| access.get("write")))),
        ("entries", field("entries")),
        ("heads", field("heads")),
        ("digest", field("digest")),
        ("pending", field("pending")),
        ("refused", field("refused")),
        ("peers", list(database.get("peers"))),
        ("last exchange", duration(database.get("seconds_since_exchange").and_then(Json::as_f64))),
    ];
    if let Some(meta) = database.get("meta") {
        lines.push(("meta", meta.to_string()));
    }
    if let Some(error) = database.get("error").and_then(Json::as_str) {
        lines.push(("error", error.to_owned()));
    }
    let mut text = pairs(&lines);
    let unreachable = database.get("unreachable_blocks").map_or(&[][..], rows);
    if !unreachable.is_empty() {
        let cells = unreachable.iter().map(|block| {
            vec![
                cell(block, "hash"),
                duration(block.get("age_seconds").and_then(Json::as_f64)),
                cell(block, "asked"),
            ]
        });
        text.push_str("\nblocks that no peer gives:\n");
        text.push_str(&table(&["HASH", "FOR", "ASKED"], cells));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_described_whatever_is_known_of_it() {
        let text = describe(&json!({
            "address": "/orbitdb/zdpu1", "name": "a", "state": "opening", "seconds_since_exchange": 3.0,
            "access": { "address": "/ipfs/zdpu2", "write": ["*"] },
            "unreachable_blocks": [{ "hash": "zdpu3", "age_seconds": 300.0, "asked": 4 }],
        }));
        assert!(text.contains("writers        *\n") && text.contains("entries        -\n"), "{text}");
        assert!(text.contains("zdpu3  5 min  4"), "{text}");
    }
}
