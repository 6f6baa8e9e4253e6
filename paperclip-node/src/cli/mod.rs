//! The command line: what the words mean, and how commands end.
//!
//! `run` is the node itself, `demo` starts several of them, `identity` works on files. Everything else is a client of a
//! running node's HTTP API. Exit codes: 0 done, 1 the request failed (standard error says why), 2 wrong usage.

mod backup;
mod client;
mod commands;
mod data;
mod databases;
mod description;
mod error;
mod flags;
mod greeting;
mod identity;
mod log;
mod network;
mod notify;
mod reload;
mod run;
mod target;
mod value;

pub(crate) use flags::ConfigFlags;

use crate::output;
use clap::{Parser, error::ErrorKind};
use commands::Cli;
use error::{CliError, WRONG_USAGE};
use std::process::ExitCode;

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
