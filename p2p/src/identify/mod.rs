//! Identify: what peers tell each other about themselves on every new connection.
//!
//! `libp2p::identify` does this too, and this module's behaviour and events have its shape, but it fails databases in
//! numbers (wire document, section 14): every open database adds some 76 bytes to the list of a JavaScript peer.
//!
//! * It reads at most 4 KiB, so a JavaScript peer with about 50 open databases is never identified and never asked
//!   for a block. Here it is [`MAX_MESSAGE`].
//! * It lists every protocol that is accepted, so with 50 databases of our own Rust peers, and with 100 JavaScript
//!   peers (which read 8 KiB), would fail on us. Here [`streams`](crate::streams) protocols that are
//!   [`Hidden`](crate::streams::Visibility::Hidden) are not listed.
//!
//! Peers are asked when they connect, again after [`ASK_AGAIN_AFTER`], and sooner if that failed; they are told anew
//! (`/ipfs/id/push/1.0.0`) when our protocols or addresses change. Signed peer records are neither sent nor read:
//! without them JavaScript takes addresses as uncertified, which it dials all the same.

mod behaviour;
mod handler;
mod message;

use std::time::Duration;

use libp2p::{Multiaddr, PeerId, StreamProtocol, identity::PublicKey, swarm::ConnectionId};

pub use behaviour::Behaviour;

/// To be asked on.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/ipfs/id/1.0.0");

/// To be told anew on.
pub const PUSH_PROTOCOL: StreamProtocol = StreamProtocol::new("/ipfs/id/push/1.0.0");

/// The most that is read of a peer's description, in bytes: some 800 open databases at a JavaScript peer.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Characters that are kept of the name and version that a peer gives itself.
pub const MAX_NAME_CHARS: usize = 128;

/// Addresses of ours that are told to peers; further ones are left out, to stay below the 4 KiB that Rust peers read.
pub const MAX_ADDRESSES: usize = 32;

/// Identify streams of one connection, both directions; further inbound ones are reset.
pub const MAX_STREAMS: usize = 8;

/// For one exchange, from the opening of its stream to its end.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// How often a peer is asked again.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5 * 60);

/// When a peer is asked again after asking it failed.
pub const RETRY_AFTER: Duration = Duration::from_secs(15);

/// What we say about ourselves besides protocols and addresses.
#[derive(Debug, Clone)]
pub struct Config {
    /// The key that our peer id is made of.
    pub public_key: PublicKey,
    /// The family of protocols, by custom `ipfs/0.1.0`.
    pub protocol_version: String,
    /// Name and version of the program.
    pub agent_version: String,
}

/// What a peer says about itself. Only its key is verified, by the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The key that its peer id is made of.
    pub public_key: PublicKey,
    /// The family of protocols.
    pub protocol_version: String,
    /// Name and version of the program.
    pub agent_version: String,
    /// Where it can be reached, by its own account.
    pub listen_addrs: Vec<Multiaddr>,
    /// What it speaks.
    pub protocols: Vec<StreamProtocol>,
    /// Our address, as it sees it.
    pub observed_addr: Option<Multiaddr>,
}

/// What happened on a connection.
#[derive(Debug)]
pub enum Event {
    /// A peer has told about itself, on our asking or by itself.
    Received {
        /// Who.
        peer_id: PeerId,
        /// Where.
        connection_id: ConnectionId,
        /// What.
        info: Box<Info>,
    },
    /// A peer could not be asked, or not be told. It is asked again after [`RETRY_AFTER`].
    Failed {
        /// Who.
        peer_id: PeerId,
        /// Where.
        connection_id: ConnectionId,
        /// Why.
        error: Error,
    },
}

/// Why a peer's description could not be exchanged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More than [`MAX_MESSAGE`].
    #[error("a description of more than {MAX_MESSAGE} bytes")]
    TooLong,
    /// Not the protobuf that it should be.
    #[error("malformed description: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// No key, or not the one that the peer id is made of.
    #[error("the key is missing or not the peer's")]
    WrongKey,
    /// Not within [`TIMEOUT`].
    #[error("no answer in time")]
    Timeout,
    /// The peer does not speak the protocol.
    #[error("not spoken by the peer")]
    Unsupported,
    /// The stream broke.
    #[error("the stream broke: {0}")]
    Io(#[from] std::io::Error),
}
