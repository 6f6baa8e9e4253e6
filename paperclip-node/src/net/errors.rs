//! Why the network cannot start, or a peer not be connected.

use super::reasons::dial_reason;
use libp2p::{Multiaddr, swarm::DialError};
use std::{sync::Arc, time::Duration};

/// Why the network cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// Why, in one line.
        reason: String,
    },
    /// A transport or protocol cannot be set up.
    #[error("cannot set up {what}: {reason}")]
    SetUp {
        /// Which part.
        what: &'static str,
        /// Why, in one line.
        reason: String,
    },
}

/// Why a peer could not be connected.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// The dial failed.
    #[error("{}", dial_reason(.0))]
    Dial(Arc<DialError>),
    /// As many are under way as may be.
    #[error("too many dials under way; try again")]
    Busy,
    /// The dial took longer than [`CONNECT_TIMEOUT`].
    #[error("no connection within {} s", CONNECT_TIMEOUT.as_secs())]
    Timeout,
    /// The node is shutting down.
    #[error("the node is shutting down")]
    Closed,
}

/// How long a requested connection may take, all its addresses and handshakes together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
