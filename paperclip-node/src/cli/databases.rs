//! `db`: databases created, pinned, listed, shown, set, unpinned.

use super::{
    CliError,
    client::{Client, db_path},
    commands::AtDatabase,
    output::{Cell, Progress, Text, cell, duration, tell},
    target::ClientArgs,
    value,
};
use clap::{
    Subcommand, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser},
};
use oplog::reading::{AUTO, TYPES};
use serde_json::{Map, Value as Json, json};
use std::{
    thread,
    time::{Duration, Instant},
};

/// The longest that `db pin` waits.
const MAX_WAIT_SECONDS: u64 = 86_400;

/// How often it looks meanwhile.
const POLL: Duration = Duration::from_millis(250);

const DATABASES: &str = "/v1/databases";

#[derive(Debug, Subcommand)]
pub(super) enum DbCommand {
    /// Create a database, pin it and print its address
    Create {
        #[command(flatten)]
        client: ClientArgs,
        /// Name of the database
        name: String,
        /// Database type
        #[arg(long = "type", value_name = "TYPE", value_parser = PossibleValuesParser::new(types()))]
        kind: String,
        /// Field that names a document, for documents; _id if omitted
        #[arg(long, value_name = "FIELD")]
        index_by: Option<String>,
        /// Access controller: a fixed list of writers (ipfs), or grants that can change (orbitdb)
        #[arg(long, value_name = "CONTROLLER", default_value = "ipfs")]
        access: Access,
        /// Identity that may write (ipfs) or grant access (orbitdb); * for everybody, only the cluster if omitted
        #[arg(long, value_name = "ID")]
        write: Vec<String>,
        /// Accept entries signed with another key than their identity's, as JavaScript does
        #[arg(long)]
        allow_foreign_keys: bool,
        /// Refuse values that JavaScript would not read as they are written
        #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
        javascript: bool,
        /// Metadata as JSON, stored in the manifest and readable by everybody
        #[arg(long, value_name = "JSON")]
        meta: Option<String>,
    },
    /// Replicate and keep an existing database
    Pin {
        #[command(flatten)]
        client: ClientArgs,
        /// Wait up to this long for a peer that has the database; exit with 1 if none appears
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=MAX_WAIT_SECONDS))]
        wait: Option<u64>,
        /// Address of the database: /orbitdb/zdpu…, or the hash alone
        address: String,
    },
    /// List the databases that are pinned
    List(ClientArgs),
    /// Show one database
    Show(AtDatabase),
    /// Change how a database is read and by whom, on every node of the cluster
    Set {
        #[command(flatten)]
        at: AtDatabase,
        /// How to read its operations; auto infers it from them
        #[arg(
            long = "as",
            value_name = "READING",
            value_parser = readings(),
            required_unless_present = "javascript"
        )]
        reading: Option<String>,
        /// Field that names a document, for documents; _id if omitted
        #[arg(long, value_name = "FIELD", requires = "reading")]
        index_by: Option<String>,
        /// Refuse values that JavaScript would not read as they are written
        #[arg(long, value_name = "BOOL")]
        javascript: Option<bool>,
    },
    /// Stop keeping a database on every node of the cluster
    Unpin {
        #[command(flatten)]
        at: AtDatabase,
        /// Also remove its data from the disk of every node
        #[arg(long)]
        remove: bool,
    },
}

/// The database types by their names.
fn types() -> impl Iterator<Item = PossibleValue> {
    TYPES.iter().map(|it| PossibleValue::new(it.name()).help(it.about()))
}

fn readings() -> PossibleValuesParser {
    PossibleValuesParser::new(types().chain([PossibleValue::new(AUTO).help("Inferred from the operations")]))
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Access {
    /// Fixed list of writers
    Ipfs,
    /// Database of grants
    Orbitdb,
}

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
            let mut request = Map::from_iter([
                ("name".to_owned(), json!(name)),
                ("type".to_owned(), json!(kind)),
                ("access".to_owned(), json!(word(access))),
                ("allow_foreign_keys".to_owned(), json!(allow_foreign_keys)),
                ("javascript".to_owned(), json!(javascript)),
            ]);
            if let Some(field) = index_by {
                request.insert("index_by".to_owned(), json!(field));
            }
            if !write.is_empty() {
                request.insert("write".to_owned(), json!(write));
            }
            if let Some(meta) = meta {
                request.insert("meta".to_owned(), value::document(&meta)?);
            }
            let connection = client.connect()?;
            let database = open(&connection, &Json::Object(request))?;
            Ok(client.output().document(&database, || Text::line(cell(&database, "address")))?)
        }
        DbCommand::Pin { client, wait, address } => pin(&client, &address, wait.map(Duration::from_secs)),
        DbCommand::List(client) => list(&client),
        DbCommand::Show(at) => {
            let client = at.client.connect()?;
            let mut database = client.get(&db_path(&at.db, &[]))?.json;
            if database.get("refused").and_then(Json::as_u64) > Some(0) {
                let refused = client.get(&db_path(&at.db, &["refused"]))?.json;
                database["refused_last"] = refused.get("last").cloned().unwrap_or_default();
            }
            Ok(at.client.output().document(&database, || describe(&database))?)
        }
        DbCommand::Set { at, reading, index_by, javascript } => {
            let given = [
                ("reading", reading.map(Json::from)),
                ("index_by", index_by.map(Json::from)),
                ("javascript", javascript.map(Json::from)),
            ];
            let request = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            let request = Json::Object(request.collect());
            let database = at.client.connect()?.patch(&db_path(&at.db, &[]), &request)?;
            Ok(at.client.output().document(&database, || describe(&database))?)
        }
        DbCommand::Unpin { at, remove } => {
            let path = format!("{}?remove={remove}", db_path(&at.db, &[]));
            let gone = at.client.connect()?.delete(&path)?;
            Ok(at
                .client
                .output()
                .document(&gone, || Text::line(format!("unpinned {}", cell(&gone, "address"))))?)
        }
    }
}

fn word(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn open(client: &Client, request: &Json) -> Result<Json, CliError> {
    let _waiting = Progress::waiting("waiting until the database is open");
    Ok(client.post(DATABASES, request)?)
}

/// Pins a database and prints its address, which is what people need next. A pin is kept whether a peer has the database
/// now or not; who can be misled by that is told, unless told to wait for one.
fn pin(args: &ClientArgs, address: &str, wait: Option<Duration>) -> Result<(), CliError> {
    let client = args.connect()?;
    let mut database = open(&client, &json!({ "address": address }))?;
    if let Some(wait) = wait {
        let _waiting = Progress::waiting("waiting for a peer that has the database");
        let deadline = Instant::now() + wait;
        while cell(&database, "state") == "opening" && Instant::now() < deadline {
            thread::sleep(POLL.min(deadline.saturating_duration_since(Instant::now())));
            database = client.get(&db_path(&cell(&database, "address"), &[]))?.json;
        }
    }
    args.output().document(&database, || Text::line(cell(&database, "address")))?;
    match cell(&database, "state").as_str() {
        "open" => Ok(()),
        "opening" => {
            let peers =
                client.get("/v1/status")?.json.get("peers").and_then(Json::as_u64).unwrap_or_default();
            let told = format!(
                "pinned, but not open yet: no peer has provided it so far ({peers} connected). The node keeps \
                 asking; `paperclip-node db show` shows when it is open"
            );
            if wait.is_some() {
                return Err(CliError::NotSound(told));
            }
            tell(&told);
            Ok(())
        }
        _ => {
            Err(CliError::NotSound(format!("pinned, but it cannot be opened: {}", cell(&database, "error"))))
        }
    }
}

fn list(client: &ClientArgs) -> Result<(), CliError> {
    let databases = client.connect()?.get(DATABASES)?.json;
    let mut databases = rows(&databases).to_vec();
    databases.sort_by_cached_key(|database| (cell(database, "name"), cell(database, "address")));
    Ok(client.output().documents(&databases, || listing(&databases))?)
}

/// Databases as a table, and below it why some of them cannot be served.
pub(super) fn listing(databases: &[Json]) -> Text {
    let table = Text::table(&HEADER, databases.iter().map(row));
    let failed = databases.iter().filter_map(|database| {
        let name = if database.get("name").is_some_and(Json::is_string) { "name" } else { "address" };
        let error = database.get("error")?.as_str()?;
        Some(Text::line(Cell::bad(format!("{}: {error}", cell(database, name)))))
    });
    failed.reduce(Text::then).map_or(table.clone(), |failed| table.apart(failed))
}

/// The columns of a list of databases.
const HEADER: [&str; 7] = ["NAME", "READ AS", "STATE", "ENTRIES", "HEADS", "PENDING", "ADDRESS"];

/// The cells of one database in such a list.
fn row(database: &Json) -> Vec<Cell> {
    let field = |name| Cell::from(cell(database, name));
    vec![
        field("name"),
        field("reading"),
        state(database),
        field("entries"),
        field("heads"),
        field("pending"),
        field("address"),
    ]
}

fn state(database: &Json) -> Cell {
    let state = cell(database, "state");
    match state.as_str() {
        "open" => Cell::good(state),
        "opening" => Cell::warning(state),
        _ => Cell::bad(state),
    }
}

/// The items of an array.
pub(super) fn rows(documents: &Json) -> &[Json] {
    documents.as_array().map_or(&[], Vec::as_slice)
}

/// Lines of a list of texts: each on a line of its own, `-` for none.
pub(super) fn listed(name: &'static str, items: Option<&Json>) -> Vec<(&'static str, Cell)> {
    let items = items.map_or(&[][..], rows);
    if items.is_empty() {
        return vec![(name, "-".into())];
    }
    let texts = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
    texts.enumerate().map(|(at, text)| (if at == 0 { name } else { "" }, text.into())).collect()
}

/// The reading, with the field that names a document, and whether it was chosen or found.
fn reading(database: &Json) -> String {
    let read = cell(database, "reading");
    let field = database.get("index_by").and_then(Json::as_str).map(|field| format!(" by {field}"));
    let chosen = match database.get("reading_chosen").and_then(Json::as_bool) {
        Some(true) => " (set)",
        Some(false) => " (inferred)",
        None => "",
    };
    format!("{read}{}{chosen}", field.unwrap_or_default())
}

/// How many refused entries are shown; `--json` has all that the node lists.
const SHOWN_REFUSED: usize = 10;

/// How many entries were refused, and for what.
fn refused(database: &Json) -> String {
    let reasons = database.get("refused_by_reason").and_then(Json::as_object);
    let counts = reasons.into_iter().flatten().map(|(reason, count)| format!("{reason} {count}"));
    match counts.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => cell(database, "refused"),
        counts => format!("{} ({counts})", cell(database, "refused")),
    }
}

fn describe(database: &Json) -> Text {
    let field = |name: &'static str| vec![(name, Cell::from(cell(database, name)))];
    let state = match state(database) {
        Cell { text, .. } if text == "opening" => Cell::warning("opening: waiting for a peer that has it"),
        state => state,
    };
    let access = database.get("access");
    let controller = access.map_or_else(|| "-".to_owned(), |access| cell(access, "address"));
    let exchanged = duration(database.get("seconds_since_exchange").and_then(Json::as_f64));
    let mut lines = [
        field("address"),
        field("name"),
        field("type"),
        vec![("read as", reading(database).into())],
        field("javascript"),
        vec![("state", state)],
        vec![("access", controller.into())],
        listed("writers", access.and_then(|access| access.get("write"))),
        field("entries"),
        field("heads"),
        field("digest"),
        field("pending"),
        vec![("refused", refused(database).into())],
        field("unreadable"),
        listed("peers", database.get("peers")),
        vec![("last exchange", exchanged.into())],
    ]
    .concat();
    if let Some(meta) = database.get("meta") {
        lines.push(("meta", meta.to_string().into()));
    }
    if let Some(error) = database.get("error").and_then(Json::as_str) {
        lines.push(("error", Cell::bad(error)));
    }
    if database.get("damaged_blocks").is_some_and(|hashes| !rows(hashes).is_empty()) {
        lines.extend(listed("damaged blocks", database.get("damaged_blocks")));
    }
    let problems = database.get("problems").map_or(&[][..], rows).iter().filter_map(Json::as_str);
    lines.extend(problems.map(|problem| ("problem", Cell::bad(problem))));
    let mut text = Text::pairs(lines);
    let refused = database.get("refused_last").map_or(&[][..], rows);
    if !refused.is_empty() {
        let cells = refused.iter().take(SHOWN_REFUSED).map(|entry| {
            vec![
                cell(entry, "hash"),
                duration(entry.get("age_seconds").and_then(Json::as_f64)),
                cell(entry, if entry["writer"].is_null() { "key" } else { "writer" }),
                cell(entry, "peer"),
                cell(entry, "detail"),
            ]
        });
        let header = ["HASH", "AGO", "WRITER", "PEER", "WHY"];
        text = text.apart(Text::line(Cell::bad("last refused:"))).then(Text::table(&header, cells));
    }
    let unreachable = database.get("unreachable_blocks").map_or(&[][..], rows);
    if unreachable.is_empty() {
        return text;
    }
    let cells = unreachable.iter().map(|block| {
        vec![
            cell(block, "hash"),
            duration(block.get("age_seconds").and_then(Json::as_f64)),
            cell(block, "asked"),
        ]
    });
    let header = ["HASH", "MISSING FOR", "REQUESTS"];
    text.apart(Text::line(Cell::bad("unreachable blocks:"))).then(Text::table(&header, cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_described_whatever_is_known_of_it() {
        let text = describe(&json!({
            "address": "/orbitdb/zdpu1", "name": "a", "state": "opening", "seconds_since_exchange": 3.0,
            "access": { "address": "/ipfs/zdpu2", "write": ["*"] },
            "refused": 3, "refused_by_reason": { "bad-signature": 1, "encrypted": 2 }, "problems": ["look here"],
            "refused_last": [{ "hash": "zdpu4", "age_seconds": 2.0, "writer": null, "key": "02ab", "peer": "12D3", "detail": "no" }],
            "unreachable_blocks": [{ "hash": "zdpu3", "age_seconds": 300.0, "asked": 4 }],
        }))
        .in_full();
        for line in [
            "writers        *",
            "entries        -",
            "peers          -",
            "zdpu3  5 min        4",
            "refused        3 (bad-signature 1, encrypted 2)",
            "problem        look here",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
        }
    }
}
