//! Who is connected.

use libp2p::{Multiaddr, PeerId, StreamProtocol};
use std::{collections::BTreeMap, time::Instant};

/// Connected peers by id.
pub type Peers = BTreeMap<PeerId, Peer>;

/// A connected peer.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The other end of the oldest connection.
    pub address: Multiaddr,
    /// Whether we dialled.
    pub outbound: bool,
    /// When the oldest connection was made.
    pub since: Instant,
    /// What it calls itself, once identified.
    pub agent: Option<String>,
    /// What it lists by identify.
    pub protocols: Vec<StreamProtocol>,
}

impl Peer {
    /// Whether the peer exchanges blocks with us: JavaScript does so only with peers that list this very protocol.
    pub fn speaks_bitswap(&self) -> bool {
        self.protocols.iter().any(|protocol| protocol.as_ref() == p2p::bitswap::PROTOCOL.as_ref())
    }
}
