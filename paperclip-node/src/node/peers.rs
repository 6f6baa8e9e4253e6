//! Peers of a node: connected ones with the databases that they serve, and configured ones that are away.

use super::{handle::Node, info::PeerInfo, registry::Registered};
use crate::net::{ConfiguredPeer, ConnectError, DialState};
use libp2p::{Multiaddr, PeerId};
use oplog::Address;
use std::sync::Arc;

impl Node {
    /// Connected peers.
    pub fn peers(&self) -> Vec<PeerInfo> {
        let registry = Arc::clone(&self.0.registry.borrow());
        let serving: Vec<(Address, Vec<PeerId>)> = registry
            .values()
            .filter_map(Registered::open)
            .map(|database| (database.address(), database.exchanges().peers))
            .collect();
        let peers = self.0.network.peers().borrow().clone();
        let configured = self.0.network.configured();
        let address_of = |peer: &PeerId| {
            configured.iter().find(|known| known.peer == Some(*peer)).map(|known| known.address.clone())
        };
        let info = |(peer_id, peer): (&PeerId, &crate::net::Peer)| PeerInfo {
            peer_id: *peer_id,
            address: peer.address.clone(),
            outbound: peer.outbound,
            connected: peer.since.elapsed(),
            agent: peer.agent.clone(),
            protocols: peer.protocols.iter().map(ToString::to_string).collect(),
            databases: serving
                .iter()
                .filter(|(_, by)| by.contains(peer_id))
                .map(|(address, _)| *address)
                .collect(),
            configured: address_of(peer_id),
        };
        peers.iter().map(info).collect()
    }

    /// Configured peers that are not connected.
    pub fn unconnected_peers(&self) -> Vec<ConfiguredPeer> {
        let configured = self.0.network.configured();
        configured.iter().filter(|peer| peer.state != DialState::Connected).cloned().collect()
    }

    /// Connects to a peer, once; peers to keep are configured.
    pub async fn connect(&self, address: Multiaddr) -> Result<PeerId, ConnectError> {
        self.0.network.connect(address).await
    }
}
