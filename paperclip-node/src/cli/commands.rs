//! The commands and their arguments, as `docs/reference/cli.md` lists them.

use super::{
    ConfigFlags, backup, data, databases,
    error::CliError,
    identity, log, network, run,
    target::{AtDatabase, ClientArgs, OneOrAll},
};
use crate::demo;
use clap::{Parser, Subcommand};

/// Server that keeps OrbitDB databases available: a full replica that speaks OrbitDB's own protocol
#[derive(Debug, Parser)]
#[command(name = "paperclip-node", version, about, max_term_width = 110, subcommand_required = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start several nodes on this machine, cut one off, reconnect it, and show that all agree
    Demo(demo::DemoArgs),
    /// Run a node until SIGTERM or Ctrl-C. SIGHUP rereads metrics-listen and planned-nodes from the file
    Run(ConfigFlags),
    /// Show the status of the node and its databases
    Status(ClientArgs),
    /// Create, pin, list, show and unpin databases
    #[command(subcommand)]
    Db(databases::DbCommand),
    /// Append an event and print the hash of its entry
    Add {
        #[command(flatten)]
        at: AtDatabase,
        /// Value as JSON; - reads standard input
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Set a key, or store a document under its _id
    Put {
        #[command(flatten)]
        at: AtDatabase,
        /// Key, or the document's _id
        key: String,
        /// Value as JSON; - reads standard input
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Print the value of a key, or a document
    Get {
        #[command(flatten)]
        at: AtDatabase,
        /// Key, or the document's _id
        key: String,
    },
    /// Delete a key or a document
    Del {
        #[command(flatten)]
        at: AtDatabase,
        /// Key, or the document's _id
        key: String,
    },
    /// Print all events, keys or documents, newest first
    All(AtDatabase),
    /// Print the documents that match a filter
    Query {
        #[command(flatten)]
        at: AtDatabase,
        /// Conditions on fields, such as {"n": {"$gt": 3}}
        #[arg(long, value_name = "JSON")]
        filter: Option<String>,
        /// Field to sort by; -FIELD sorts in descending order
        #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
        sort: Option<String>,
        /// Maximum number of documents
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show the log of a database
    #[command(subcommand)]
    Log(log::LogCommand),
    /// List the peers of the node
    Peers(ClientArgs),
    /// Connect to a peer
    Connect {
        #[command(flatten)]
        client: ClientArgs,
        /// Address of the peer, such as /ip4/10.0.0.1/tcp/4747/p2p/12D3Koo…
        address: String,
    },
    /// Compare databases with peers and fetch missing entries
    Resync {
        #[command(flatten)]
        at: OneOrAll,
        /// Number of peers to wait for; a database is complete once that many have answered
        #[arg(long, value_name = "N")]
        wait_peers: Option<usize>,
    },
    /// Check every block, signature and index of databases
    Verify {
        #[command(flatten)]
        at: OneOrAll,
        /// Fetch damaged blocks from peers again, then check once more
        #[arg(long)]
        repair: bool,
    },
    /// Write databases to one file while the node runs, checked on its way
    Backup(backup::BackupArgs),
    /// List the backups in an S3 bucket
    Backups(backup::BackupsArgs),
    /// Restore a backup into the node, or only check it
    Restore(backup::RestoreArgs),
    /// Create and certify keys (works on files; needs no running node)
    #[command(subcommand)]
    Identity(identity::IdentityCommand),
}

pub(super) fn execute(cli: Cli) -> Result<(), CliError> {
    match cli.command {
        Command::Demo(args) => Ok(demo::run(&args)?),
        Command::Run(flags) => {
            let config = flags.load()?;
            Ok(run::run(config, &flags)?)
        }
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
        Command::Verify { at: OneOrAll { client, db }, repair } => {
            network::verify(&client, db.as_deref(), repair)
        }
        Command::Backup(args) => backup::back_up(&args),
        Command::Backups(args) => backup::list(&args),
        Command::Restore(args) => backup::restore(&args),
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

    #[test]
    fn help_fits_its_terminal_and_breaks_no_brackets() {
        for width in [80, 100, 140] {
            for (path, command) in leaves(&Cli::command().term_width(width), "paperclip-node") {
                let help = command.term_width(width).render_help().to_string();
                for line in help.lines() {
                    assert!(line.chars().count() <= width, "{path} at {width}: {line}");
                    let open =
                        ["[env:", "[default:"].iter().map(|part| line.matches(part).count()).sum::<usize>();
                    assert!(line.matches(']').count() >= open, "{path} at {width}: {line}");
                }
            }
        }
    }

    #[test]
    fn help_is_imperative() {
        for (path, command) in leaves(&Cli::command(), "paperclip-node") {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let verb = about.split_whitespace().next().unwrap_or_default();
            assert!(!verb.is_empty() && !verb.ends_with('s'), "{path}: {about}");
        }
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
        let items: Vec<&str> = page.split("\n* ").collect();
        // Those that all clients share stand above the lists; those of `run` on a page of their own.
        let shared = ["api", "token-file", "ca-file", "json", "help", "version"];
        for (path, command) in leaves(&Cli::command(), "paperclip-node") {
            let row = items.iter().find(|item| item.starts_with(&format!("`{path}")));
            let row = row.unwrap_or_else(|| panic!("`{path}` is missing"));
            if ["paperclip-node run", "paperclip-node identity show"].contains(&path.as_str()) {
                continue;
            }
            for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
                let named = shared.contains(&flag) || row.contains(&format!("--{flag}"));
                assert!(named, "`{path}` has --{flag}");
            }
        }
        let named = items.iter().filter(|item| item.starts_with("`paperclip-node")).count();
        assert_eq!(named, leaves(&Cli::command(), "").len(), "a command that does not exist");
    }
}
