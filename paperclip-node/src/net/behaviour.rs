//! What the swarm is made of.

use super::{
    config::Config, errors::StartError, gossip, handshakes::HandshakeCounters, hosts, reasons::listen_reason,
    transport::transport,
};
use libp2p::{
    Multiaddr, Swarm, allow_block_list,
    connection_limits::{self, ConnectionLimits},
    multiaddr::Protocol,
    swarm::{self, NetworkBehaviour},
};
use p2p::{identify, streams};
use std::{io, time::Duration};

/// Our name in identify.
const AGENT: &str = concat!("paperclip/", env!("CARGO_PKG_VERSION"));

/// The protocol family that identify asks for; other implementations ignore it.
const IDENTIFY: &str = "ipfs/0.1.0";

/// Dials under way at a time.
const MAX_DIALING: u32 = 64;

/// Connections to one peer: both sides may dial at once, and a third is an attack or a bug.
const MAX_PER_PEER: u32 = 4;

/// Streams that one connection may have under negotiation.
const MAX_NEGOTIATING: usize = 256;

#[derive(NetworkBehaviour)]
pub(super) struct SwarmBehaviour {
    pub(super) refused: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub(super) limits: connection_limits::Behaviour,
    pub(super) hosts: hosts::Behaviour,
    pub(super) identify: identify::Behaviour,
    pub(super) gossipsub: gossip::Gossip,
    pub(super) streams: streams::Behaviour,
}

pub(super) fn build(
    key: libp2p::identity::Keypair,
    config: &Config,
    handshakes: HandshakeCounters,
) -> Result<(Swarm<SwarmBehaviour>, streams::Control), StartError> {
    let streams = streams::Behaviour::default();
    let control = streams.control();
    let gossipsub = gossip::behaviour(key.clone())
        .map_err(|reason| StartError::SetUp { what: "gossipsub", reason: reason.into() })?;
    let identify = identify::Config {
        public_key: key.public(),
        protocol_version: IDENTIFY.into(),
        agent_version: AGENT.into(),
    };
    let behaviour = SwarmBehaviour {
        refused: allow_block_list::Behaviour::default(),
        limits: connection_limits::Behaviour::new(limits(config)),
        hosts: hosts::Behaviour::new(config.max_connections),
        identify: identify::Behaviour::new(identify, control.clone()),
        gossipsub,
        streams,
    };
    let transport = transport(&key, &control, handshakes)?;
    // Peers are kept: a database that is quiet for an hour still wants its replicas.
    let swarm_config = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(Duration::MAX)
        .with_max_negotiating_inbound_streams(MAX_NEGOTIATING);
    let mut swarm = Swarm::new(transport, behaviour, key.public().to_peer_id(), swarm_config);
    for address in &config.listen {
        let taken = probe(address);
        taken.map_err(|error| StartError::Listen { address: address.clone(), reason: error.to_string() })?;
        let listen = swarm.listen_on(address.clone());
        listen.map_err(|error| StartError::Listen {
            address: address.clone(),
            reason: listen_reason(&error),
        })?;
    }
    for address in &config.announce {
        swarm.add_external_address(address.clone());
    }
    Ok((swarm, control))
}

/// Takes the port for a moment as its only owner. libp2p shares ports (`SO_REUSEPORT`), so that two nodes on one port would
/// each get some of the connections and neither would be told.
fn probe(address: &Multiaddr) -> io::Result<()> {
    let mut parts = address.iter();
    let ip: std::net::IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) => std::net::TcpListener::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}

fn limits(config: &Config) -> ConnectionLimits {
    let most = u32::try_from(config.max_connections).unwrap_or(u32::MAX);
    ConnectionLimits::default()
        .with_max_established(Some(most))
        .with_max_established_per_peer(Some(MAX_PER_PEER))
        .with_max_pending_outgoing(Some(MAX_DIALING))
}
