//! A client of a node's API as the command line has it: what goes wrong is told with the flag that mends it.

use crate::identity::KeyFileError;
use std::{io, path::PathBuf};

/// Why there is no answer, or none that was hoped for.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// What is there cannot prove that it is the host.
    #[error("cannot trust {base}: {reason}; name the authority that signed its certificate with --ca-file")]
    Untrusted {
        /// The API.
        base: String,
        /// Why.
        reason: String,
    },
    /// The node wants a token, and none was given.
    #[error("{0} asks for a token: name its file with --token-file or PAPERCLIP_TOKEN_FILE")]
    TokenWanted(String),
    /// The node wants another token.
    #[error("{0} does not take the token of --token-file; it takes the one in the node's api-token-file")]
    TokenRefused(String),
    /// The file of certificate authorities cannot be read.
    #[error("--ca-file: {}: {source}", path.display())]
    AuthorityFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of certificate authorities holds none, or something else.
    #[error("--ca-file: {}: expected certificates in PEM form", .0.display())]
    NoAuthority(PathBuf),
    /// The token's file cannot be used.
    #[error("--token-file: {0}")]
    TokenFile(#[from] KeyFileError),
    /// The token's file holds none.
    #[error("--token-file: {0} holds no token")]
    NoToken(String),
    /// Anything else, which no flag mends.
    #[error(transparent)]
    Request(paperclip_client::ClientError),
}

impl From<paperclip_client::ClientError> for ClientError {
    fn from(error: paperclip_client::ClientError) -> Self {
        use paperclip_client::ClientError as Failed;
        match error {
            Failed::Untrusted { base, reason } => Self::Untrusted { base, reason },
            Failed::Unauthorized { base, sent: false } => Self::TokenWanted(base),
            Failed::Unauthorized { base, sent: true } => Self::TokenRefused(base),
            other => Self::Request(other),
        }
    }
}
