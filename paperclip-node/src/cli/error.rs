//! Errors of commands: what people are told, and the exit code.

use super::{
    backup::error::{BackupFileError, PlaceError},
    client::ClientError,
    run::RunError,
    value::ValueError,
};
use crate::{
    config::ConfigError,
    demo::DemoError,
    identity::{KeyFileError, NodeIdentityError},
};
use oplog::identity::IdentityError;
use std::{io, path::PathBuf};

/// A request failed.
const FAILED: u8 = 1;
/// The command line, or the configuration, makes no sense.
pub(super) const WRONG_USAGE: u8 = 2;

/// What is wrong with databases, though the node did what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSound {
    /// A resync was not complete.
    #[error("{}: may be incomplete; see `paperclip-node db show` and `peers`", .0.join(", "))]
    Incomplete(Vec<String>),
    /// A check found differences, or was not made.
    #[error("{}: not found to be sound; `--json` lists what differs", .0.join(", "))]
    Differs(Vec<String>),
    /// A pinned database was not open in time.
    #[error("{0}")]
    NotOpenYet(NotOpenYet),
    /// A pinned database cannot be opened.
    #[error("pinned, but it cannot be opened: {0}")]
    CannotOpen(String),
}

/// A pinned database is not open so far.
#[derive(Debug, thiserror::Error)]
#[error(
    "pinned, but not open yet: no peer has provided it so far ({peers} connected). The node keeps asking; \
     `paperclip-node db show` shows when it is open"
)]
pub(super) struct NotOpenYet {
    /// Peers that the node is connected to.
    pub(super) peers: u64,
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The configuration has faults.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A value on the command line is of no use.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// A place for backups on the command line is of no use.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The node did not do what it was asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The node did, and the answer is that something is wrong.
    #[error(transparent)]
    NotSound(#[from] NotSound),
    /// A backup cannot be written or read.
    #[error(transparent)]
    Backup(#[from] BackupFileError),
    /// The node cannot run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Keys or certificates cannot be used.
    #[error(transparent)]
    Identity(#[from] NodeIdentityError),
    /// A key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A request is not to be certified.
    #[error("{}: {source}", path.display())]
    Certify {
        /// The request's file.
        path: PathBuf,
        /// Why.
        source: IdentityError,
    },
    /// The demonstration failed.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// Standard input or output failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<paperclip_client::ClientError> for CliError {
    fn from(error: paperclip_client::ClientError) -> Self {
        Self::Client(error.into())
    }
}

impl CliError {
    /// What people are told, line by line. Only what is a list by nature has several: a text from outside cannot add one.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Self::Config(ConfigError(faults)) => faults.iter().map(ToString::to_string).collect(),
            Self::Demo(error) => error.to_string().lines().map(str::to_owned).collect(),
            other => vec![other.to_string()],
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Value(ValueError::Input(_)) => FAILED,
            Self::Config(_) | Self::Value(_) | Self::Place(_) => WRONG_USAGE,
            _ => FAILED,
        }
    }
}
