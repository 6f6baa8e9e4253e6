//! What the network is given.

use libp2p::{Multiaddr, StreamProtocol};

/// What the network is given.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses to listen on, TCP and websocket.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others reach the node, if they differ.
    pub announce: Vec<Multiaddr>,
    /// Peers to keep connected.
    pub peers: Vec<Multiaddr>,
    /// The most connections, both ways together.
    pub max_connections: usize,
    /// The heads protocol of the cluster's catalog, which only nodes of the cluster serve: by it they know each other.
    pub catalog_protocol: StreamProtocol,
}
