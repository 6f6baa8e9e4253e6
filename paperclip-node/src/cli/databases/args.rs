//! Arguments of `db`.

use crate::cli::target::{AtDatabase, ClientArgs};
use clap::{
    Subcommand, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser},
};
use oplog::reading::{AUTO, TYPES};
use paperclip_client::shape::Controller;

/// The longest that `db pin` waits.
const MAX_WAIT_SECONDS: u64 = 86_400;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum DbCommand {
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
pub(in crate::cli) enum Access {
    /// Fixed list of writers
    Ipfs,
    /// Database of grants
    Orbitdb,
}

impl From<Access> for Controller {
    fn from(access: Access) -> Self {
        match access {
            Access::Ipfs => Self::Ipfs,
            Access::Orbitdb => Self::Orbitdb,
        }
    }
}
