//! The command line: what the words mean, and how commands end.
//!
//! `run` is the node itself, `demo` starts several of them, `identity` works on files. Everything else is a client of a
//! running node's HTTP API. Exit codes: 0 done, 1 the request failed (standard error says why), 2 wrong usage.

mod client;
mod commands;
mod data;
mod databases;
mod description;
mod flags;
mod greeting;
mod identity;
mod log;
mod network;
mod notify;
pub(crate) mod output;
mod reload;
mod run;
mod target;
mod value;

pub use flags::ConfigFlags;

use crate::config::ConfigError;
use clap::{Parser, error::ErrorKind};
use commands::Cli;
use std::process::ExitCode;

/// A request failed.
const FAILED: u8 = 1;
/// The command line, or the configuration, makes no sense.
const WRONG_USAGE: u8 = 2;

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration has faults.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A value on the command line is of no use.
    #[error("{0}")]
    Usage(String),
    /// The node did not do what it was asked.
    #[error(transparent)]
    Client(#[from] client::ClientError),
    /// The node did, and the answer is that something is wrong.
    #[error("{0}")]
    NotSound(String),
    /// The node cannot run.
    #[error(transparent)]
    Run(#[from] run::RunError),
    /// Keys or certificates cannot be used.
    #[error(transparent)]
    Identity(#[from] crate::identity::NodeIdentityError),
    /// A key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] crate::identity::KeyFileError),
    /// A request is not to be certified.
    #[error("{}: {source}", path.display())]
    Certify {
        /// The request's file.
        path: std::path::PathBuf,
        /// Why.
        source: oplog::identity::IdentityError,
    },
    /// The demonstration failed.
    #[error(transparent)]
    Demo(#[from] crate::demo::DemoError),
    /// Standard input or output failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl From<paperclip_client::ClientError> for CliError {
    fn from(error: paperclip_client::ClientError) -> Self {
        Self::Client(error.into())
    }
}

impl CliError {
    /// What people are told, line by line. Only what is a list by nature has several: a text from outside cannot add one.
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Config(ConfigError(faults)) => faults.iter().map(ToString::to_string).collect(),
            Self::Demo(error) => error.to_string().lines().map(str::to_owned).collect(),
            other => vec![other.to_string()],
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Usage(_) => WRONG_USAGE,
            _ => FAILED,
        }
    }
}

/// Reads the command line, does what it says, and tells how that ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // A closed standard output or error leaves nobody to tell.
            drop(error.print());
            return ExitCode::from(if asked_for { 0 } else { WRONG_USAGE });
        }
    };
    match commands::execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has read enough, as `head` does.
        Err(CliError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            error.lines().iter().for_each(|line| output::tell(line));
            ExitCode::from(error.exit_code())
        }
    }
}
