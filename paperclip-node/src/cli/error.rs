//! Errors of commands: what people are told, and the exit code.

use super::{backup::error::BackupFileError, client::ClientError, run::RunError};
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

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The configuration has faults.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A value on the command line is of no use.
    #[error("{0}")]
    Usage(String),
    /// The node did not do what it was asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The node did, and the answer is that something is wrong.
    #[error("{0}")]
    NotSound(String),
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
            Self::Config(_) | Self::Usage(_) => WRONG_USAGE,
            _ => FAILED,
        }
    }
}
