//! Errors of the client: why there is no answer, or none that was hoped for.

use crate::problem::Problem;

/// The status of a request without the right token.
pub(super) const UNAUTHORIZED: u16 = 401;

/// Why there is no answer, or none that was hoped for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers.
    #[error("cannot reach {base}: {reason}; is `paperclip-node run` running there?")]
    Unreachable {
        /// The API.
        base: String,
        /// Why.
        reason: String,
    },
    /// What is there cannot prove that it is the host.
    #[error("cannot trust {base}: {reason}")]
    Untrusted {
        /// The API.
        base: String,
        /// Why.
        reason: String,
    },
    /// The node wants a token: none was sent, or another one.
    #[error("{base} {}", if *.sent { "does not take this token" } else { "asks for a token" })]
    Unauthorized {
        /// The API.
        base: String,
        /// Whether a token was sent.
        sent: bool,
    },
    /// The API is not on HTTP.
    #[error("{0}: expected http://<host>:<port> or https://<host>")]
    Url(String),
    /// The node refused or failed, and says why.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// Something refused or failed that does not say why as a node does.
    #[error("{base} answers {status}")]
    Status {
        /// The API.
        base: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer is not what this version of the API gives.
    #[error("{base} does not answer like a PaperClip node: {reason}")]
    NotANode {
        /// The API.
        base: String,
        /// What was wrong.
        reason: String,
    },
}

impl ClientError {
    /// The HTTP status, if there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            Self::Status { status, .. } => Some(*status),
            Self::Unauthorized { .. } => Some(UNAUTHORIZED),
            Self::Unreachable { .. } | Self::Untrusted { .. } | Self::Url(_) | Self::NotANode { .. } => None,
        }
    }

    /// What the node says about it, if it does.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }
}
