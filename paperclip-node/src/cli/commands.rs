//! The commands and their arguments, as the design document lists them.

use super::{CliError, ConfigFlags, data, databases, identity, log, network, run, target::ClientArgs};
use crate::demo;
use clap::{Args, Parser, Subcommand};

/// A server that keeps OrbitDB databases alive: a full replica that speaks OrbitDB's own protocol.
#[derive(Debug, Parser)]
#[command(name = "paperclip-node", version, about, max_term_width = 110, subcommand_required = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows three nodes that converge: starts them here, cuts one off, heals it, stops them
    Demo(demo::DemoArgs),
    /// Runs a node until SIGTERM or Ctrl-C
    Run(ConfigFlags),
    /// Tells how a node and its databases are
    Status(ClientArgs),
    /// Creates, pins, lists and unpins databases
    #[command(subcommand)]
    Db(databases::DbCommand),
    /// Appends an event; prints the entry's hash
    Add {
        #[command(flatten)]
        at: AtDatabase,
        /// JSON; - reads standard input
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Sets a key, or stores a document under its _id
    Put {
        #[command(flatten)]
        at: AtDatabase,
        /// The key, or the document's _id
        key: String,
        /// JSON; - reads standard input
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Prints a key's value or a document
    Get {
        #[command(flatten)]
        at: AtDatabase,
        /// The key, or the document's _id
        key: String,
    },
    /// Deletes a key or a document
    Del {
        #[command(flatten)]
        at: AtDatabase,
        /// The key, or the document's _id
        key: String,
    },
    /// Prints all events, keys or documents, newest first
    All(AtDatabase),
    /// Prints the documents that fit a filter
    Query {
        #[command(flatten)]
        at: AtDatabase,
        /// Fields and what they must be: {"n": {"$gt": 3}}
        #[arg(long, value_name = "JSON")]
        filter: Option<String>,
        /// A field to sort by; -FIELD for the greatest first
        #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
        sort: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Shows the log underneath a database
    #[command(subcommand)]
    Log(log::LogCommand),
    /// Lists the peers that are connected
    Peers(ClientArgs),
    /// Connects to a peer
    Connect {
        #[command(flatten)]
        client: ClientArgs,
        /// /ip4/10.0.0.1/tcp/4747/p2p/12D3Koo…
        address: String,
    },
    /// Compares databases with the peers again and fetches what is missing
    Resync {
        #[command(flatten)]
        at: OneOrAll,
        /// Wait until this many peers serve each database, and call it complete when so many have answered
        #[arg(long, value_name = "N")]
        wait_peers: Option<usize>,
    },
    /// Checks every block and index of databases
    Verify(OneOrAll),
    /// Makes and certifies keys; works on files, without a running node
    #[command(subcommand)]
    Identity(identity::IdentityCommand),
}

/// A database of a running node.
#[derive(Debug, Args)]
pub(super) struct AtDatabase {
    #[command(flatten)]
    pub(super) client: ClientArgs,
    /// A name or an address
    pub(super) db: String,
}

/// One database of a running node, or all.
#[derive(Debug, Args)]
struct OneOrAll {
    #[command(flatten)]
    client: ClientArgs,
    /// A name or an address; all databases if left out
    db: Option<String>,
}

pub(super) fn execute(cli: Cli) -> Result<(), CliError> {
    match cli.command {
        Command::Demo(args) => Ok(demo::run(&args)?),
        Command::Run(flags) => Ok(run::run(flags.load()?)?),
        Command::Status(client) => network::status(&client),
        Command::Db(command) => databases::execute(command),
        Command::Add { at, value } => data::add(&at, &value),
        Command::Put { at, key, value } => data::put(&at, &key, &value),
        Command::Get { at, key } => data::get(&at, &key),
        Command::Del { at, key } => data::del(&at, &key),
        Command::All(at) => data::all(&at),
        Command::Query { at, filter, sort, limit } => data::query(&at, filter.as_deref(), sort, limit),
        Command::Log(command) => log::execute(command),
        Command::Peers(client) => network::peers(&client),
        Command::Connect { client, address } => network::connect(&client, &address),
        Command::Resync { at: OneOrAll { client, db }, wait_peers } => {
            network::resync(&client, db.as_deref(), wait_peers)
        }
        Command::Verify(OneOrAll { client, db }) => network::verify(&client, db.as_deref()),
        Command::Identity(command) => identity::execute(command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Every command with its path, below `command`.
    fn leaves(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let below: Vec<_> = command.get_subcommands().filter(|sub| sub.get_name() != "help").collect();
        if below.is_empty() {
            return vec![(path.to_owned(), command.clone())];
        }
        below.into_iter().flat_map(|sub| leaves(sub, &format!("{path} {}", sub.get_name()))).collect()
    }

    #[test]
    fn the_reference_names_every_command_and_flag() {
        let page = include_str!("../../../docs/reference/cli.md");
        // Those that all clients share stand above the tables; those of `run` on a page of their own.
        let shared = ["api", "token-file", "ca-file", "json", "help", "version"];
        for (path, command) in leaves(&Cli::command(), "paperclip-node") {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{path}")));
            let row = row.unwrap_or_else(|| panic!("`{path}` is missing"));
            if ["paperclip-node run", "paperclip-node identity show"].contains(&path.as_str()) {
                continue;
            }
            for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
                let named = shared.contains(&flag) || row.contains(&format!("--{flag}"));
                assert!(named, "`{path}` has --{flag}");
            }
        }
        let rows = page.lines().filter(|line| line.starts_with("| `paperclip-node"));
        assert_eq!(rows.count(), leaves(&Cli::command(), "").len(), "a command that does not exist");
    }
}
