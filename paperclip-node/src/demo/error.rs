//! Errors of the demonstration, and how long its steps may take.

use crate::identity::KeyFileError;
use paperclip_client::ClientError;
use std::{io, time::Duration};

/// How long any one step may take.
pub(super) const STEP_TIMEOUT: Duration = Duration::from_secs(STEP_SECONDS);
const STEP_SECONDS: u64 = 120;

/// Why the demonstration failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// Files, processes or sockets of this machine.
    #[error("{action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The cluster's key could not be made.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A node did not do what it was asked.
    #[error("node {node}: {source}")]
    Node {
        /// Which.
        node: usize,
        /// Why.
        source: ClientError,
    },
    /// A node ended by itself.
    #[error("node {node} ended ({status}); it logged last:\n{log}")]
    Ended {
        /// Which.
        node: usize,
        /// How.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// Something did not happen in time.
    #[error("{0}: not within {STEP_SECONDS} s")]
    Timeout(&'static str),
    /// Equal digests with different content: a fault in PaperClip.
    #[error("the heads agree and the content does not")]
    Content,
    /// Ctrl-C.
    #[error("interrupted; the nodes are stopped and their data is removed")]
    Interrupted,
}

pub(super) fn system(action: &'static str) -> impl FnOnce(io::Error) -> DemoError {
    move |source| DemoError::System { action, source }
}
