//! `db`: databases created, pinned, listed, shown, set, unpinned.

use super::{
    CliError,
    commands::AtDatabase,
    description::{describe, listing, optional},
    output::{Progress, Text, tell},
    target::ClientArgs,
    value,
};
use clap::{
    Subcommand, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser},
};
use oplog::reading::{AUTO, TYPES};
use paperclip_client::{
    Client, Reply, db_path,
    shape::{Change, Controller, Create, Database, Open, Pin, Refusals, State, Status, Unpinned},
};
use serde_json::Value as Json;
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
            let request = Create {
                index_by,
                access: match access {
                    Access::Ipfs => Controller::Ipfs,
                    Access::Orbitdb => Controller::Orbitdb,
                },
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

fn open(client: &Client, request: &Open) -> Result<Reply, CliError> {
    let _waiting = Progress::waiting("waiting until the database is open");
    Ok(client.post(DATABASES, request)?)
}

/// Pins a database and prints its address, which is what people need next. A pin is kept whether a peer has the database
/// now or not; who can be misled by that is told, unless told to wait for one.
fn pin(args: &ClientArgs, address: &str, wait: Option<Duration>) -> Result<(), CliError> {
    let client = args.connect()?;
    let mut answer = open(&client, &Open::Pin(Pin::new(address)))?;
    let mut database: Database = answer.read()?;
    if let Some(wait) = wait {
        let _waiting = Progress::waiting("waiting for a peer that has the database");
        let deadline = Instant::now() + wait;
        while database.state == State::Opening && Instant::now() < deadline {
            thread::sleep(POLL.min(deadline.saturating_duration_since(Instant::now())));
            answer = client.get(&db_path(&database.address, &[]))?;
            database = answer.read()?;
        }
    }
    args.output().document(&answer.json()?, || Text::line(database.address.as_str()))?;
    match database.state {
        State::Open => Ok(()),
        State::Opening => {
            let Status { peers, .. } = client.get("/v1/status")?.read()?;
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
        State::Failed => {
            let why = optional(database.error.as_deref());
            Err(CliError::NotSound(format!("pinned, but it cannot be opened: {why}")))
        }
    }
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
