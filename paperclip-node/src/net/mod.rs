//! The network: one task owns the libp2p swarm, everybody else holds a [`Network`].
//!
//! What a node speaks: TCP (and websocket) with noise and yamux, identify, ping, gossipsub for new heads, one heads protocol
//! per database, bitswap for blocks. All of it as the wire document says, whose section numbers stand where they matter.

mod behaviour;
mod command;
mod conduct;
mod config;
mod dialer;
mod dials;
mod errors;
mod gossip;
mod handshakes;
pub mod heads;
mod hosts;
mod log_budget;
mod message;
mod peer_key;
mod peers;
mod reasons;
mod refusals;
mod room;
mod task;
mod topics;
mod transport;

pub use conduct::{ConductStats, Offence};
pub use config::Config;
pub use dialer::{ConfiguredPeer, DialState};
pub use dials::DialStats;
pub use errors::{CONNECT_TIMEOUT, ConnectError, StartError};
pub use gossip::MAX_GOSSIP_BYTES;
pub use handshakes::HandshakeStats;
pub use message::{GossipMessage, MessageId, Topic, Validity};
pub use peer_key::{PeerKeyError, load_or_create as load_or_create_peer_key};
pub use peers::{Peer, Peers};
pub use refusals::{ConnectionRefusals, RefusedConnection};
pub use room::{Held, MAX_GOSSIP_BYTES_WAITING, MAX_HEADS_BYTES, Room};
pub use topics::TopicStats;

use command::Command;

use bytes::Bytes;
use cid::Cid;
use libp2p::{Multiaddr, PeerId, StreamProtocol};
use oplog::Hash;
use p2p::{
    bitswap::{BlockSource, Unmet},
    streams::Visibility,
};
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Commands on their way to the swarm's task; whoever sends more waits.
const COMMAND_QUEUE: usize = 1024;

/// A hash as bitswap names it.
#[expect(clippy::expect_used, reason = "the bytes of a hash are those of a CID")]
pub fn cid(hash: Hash) -> Cid {
    Cid::try_from(hash.to_cid_bytes().as_slice()).expect("a CID")
}

/// The handle to the network. Cheap to clone; everything ends when the task does.
#[derive(Clone)]
pub struct Network {
    commands: mpsc::Sender<Command>,
    peers: watch::Receiver<Arc<Peers>>,
    listen: watch::Receiver<Vec<Multiaddr>>,
    unconnected: watch::Receiver<usize>,
    local: PeerId,
    streams: p2p::streams::Control,
    blocks: p2p::bitswap::Handle,
    conduct: conduct::ConductCounters,
    handshakes: handshakes::HandshakeCounters,
    topics: topics::TopicCounters,
    siblings: watch::Receiver<Arc<BTreeSet<PeerId>>>,
    configured: watch::Receiver<Arc<Vec<ConfiguredPeer>>>,
    dials: dials::DialCounters,
    catalog_protocol: StreamProtocol,
    pace: heads::Pace,
    heads_room: Room,
    refused: ConnectionRefusals,
}

/// A network that listens but does not run yet.
pub struct Listening<S: BlockSource> {
    /// The handle.
    pub network: Network,
    task: task::Task,
    driver: p2p::bitswap::Driver<S>,
    ping: p2p::ping::Responder,
}

impl<S: BlockSource> Listening<S> {
    /// Runs the network until `stop` is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let exchange = tokio::spawn(self.driver.run());
        let ping = tokio::spawn(self.ping.run());
        self.task.run(stop).await;
        exchange.abort();
        ping.abort();
        // Only when they are gone is the source of blocks let go of, and with it the data directory.
        for ended in [exchange.await, ping.await] {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "a task of the network ended with a panic");
            }
        }
    }
}

/// Opens the listeners. Blocks of `source` are served to every peer that asks. Errors name the address that could not be
/// opened.
pub async fn start<S: BlockSource>(
    key: libp2p::identity::Keypair,
    config: &Config,
    source: S,
) -> Result<Listening<S>, StartError> {
    let local = key.public().to_peer_id();
    let handshakes = handshakes::HandshakeCounters::default();
    let (swarm, streams) = behaviour::build(key, config, handshakes.clone())?;
    let set_up = |what| {
        move |error: p2p::streams::AlreadyAccepting| StartError::SetUp { what, reason: error.to_string() }
    };
    let (blocks, driver) = p2p::bitswap::new(streams.clone(), source).map_err(set_up("bitswap"))?;
    let ping = p2p::ping::Responder::new(&streams).map_err(set_up("ping"))?;
    let (commands, command_queue) = mpsc::channel(COMMAND_QUEUE);
    let (peers_tx, peers) = watch::channel(Arc::default());
    let (listen_tx, listen) = watch::channel(Vec::new());
    let (unconnected_tx, unconnected) = watch::channel(config.peers.len());
    let (configured_tx, configured) = watch::channel(Arc::default());
    let dials = dials::DialCounters::default();
    let (siblings_tx, siblings) = watch::channel(Arc::default());
    let refused = ConnectionRefusals::default();
    let publish = task::Published {
        peers: peers_tx,
        listen: listen_tx,
        unconnected: unconnected_tx,
        siblings: siblings_tx,
        configured: configured_tx,
        dials: dials.clone(),
        refused: refused.clone(),
    };
    let topics = topics::TopicCounters::default();
    let conduct = conduct::ConductCounters::default();
    let task = task::Task::new(
        swarm,
        command_queue,
        publish,
        config,
        blocks.clone(),
        conduct.clone(),
        topics.clone(),
    );
    let network = Network {
        commands,
        peers,
        listen,
        unconnected,
        local,
        streams,
        blocks,
        conduct,
        handshakes,
        topics,
        siblings,
        configured,
        dials,
        catalog_protocol: config.catalog_protocol.clone(),
        pace: heads::Pace::default(),
        heads_room: Room::new(MAX_HEADS_BYTES),
        refused,
    };
    Ok(Listening { network, task, driver, ping })
}

impl Network {
    /// This node's peer id.
    pub fn local(&self) -> PeerId {
        self.local
    }

    /// Plain streams.
    pub fn streams(&self) -> &p2p::streams::Control {
        &self.streams
    }

    /// The exchange of blocks.
    pub fn blocks(&self) -> &p2p::bitswap::Handle {
        &self.blocks
    }

    /// The configured peers, connected or not.
    pub fn configured(&self) -> Arc<Vec<ConfiguredPeer>> {
        self.configured.borrow().clone()
    }

    /// How dials ended.
    pub fn dials(&self) -> DialStats {
        self.dials.snapshot()
    }

    /// Connected nodes of the same cluster: whatever the catalog pins, they have it or will have it, subscribed or not.
    pub fn siblings(&self) -> watch::Receiver<Arc<BTreeSet<PeerId>>> {
        self.siblings.clone()
    }

    /// Whether peers are told of a heads protocol: of the catalog's alone, by which siblings know each other.
    pub fn visibility(&self, protocol: &StreamProtocol) -> Visibility {
        if *protocol == self.catalog_protocol { Visibility::Advertised } else { Visibility::Hidden }
    }

    /// Whose turn it is to exchange heads.
    pub fn pace(&self) -> &heads::Pace {
        &self.pace
    }

    /// Room for heads that peers send.
    pub fn heads_room(&self) -> &Room {
        &self.heads_room
    }

    /// How often inbound connections were refused, by reason.
    pub fn refused_connections(&self) -> &ConnectionRefusals {
        &self.refused
    }

    /// How many topics there are.
    pub fn topics(&self) -> TopicStats {
        self.topics.snapshot()
    }

    /// How handshakes of inbound connections went.
    pub fn handshakes(&self) -> HandshakeStats {
        self.handshakes.snapshot()
    }

    /// Connected peers, as they are now and whenever they change.
    pub fn peers(&self) -> watch::Receiver<Arc<Peers>> {
        self.peers.clone()
    }

    /// How many of the configured peers are not connected, now and whenever that changes.
    pub fn unconnected(&self) -> watch::Receiver<usize> {
        self.unconnected.clone()
    }

    /// Addresses that the node listens on, each ending in `/p2p/<its id>`.
    pub fn listen_addrs(&self) -> Vec<Multiaddr> {
        self.listen.borrow().clone()
    }

    /// Waits until at least one address is open.
    pub async fn listening(&self) {
        let mut listen = self.listen.clone();
        // an error means that the task ended, and with it the wait
        drop(listen.wait_for(|listen| !listen.is_empty()).await);
    }

    /// Joins a topic; `None` when the node is shutting down.
    pub async fn subscribe(&self, topic: String) -> Option<Topic> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Subscribe { topic, reply }).await.ok()?;
        answer.await.ok()
    }

    /// Leaves a topic.
    pub async fn unsubscribe(&self, topic: String) {
        self.tell(Command::Unsubscribe { topic }).await;
    }

    /// Sends a message to whoever is subscribed. That nobody is, is no error: they get the heads when they come.
    pub async fn publish(&self, topic: String, data: Bytes) {
        self.tell(Command::Publish { topic, data }).await;
    }

    /// Says what a message is worth: accepted ones are passed on.
    pub async fn validate(&self, id: MessageId, verdict: Validity) {
        self.tell(Command::Validate { id, verdict }).await;
    }

    /// Tells that a peer did, `times` times, what no honest replica does. A peer that goes on loses its connections.
    pub async fn misbehaved(&self, peer: PeerId, offence: Offence, times: u32) {
        self.tell(Command::Misbehaved { peer, offence, times }).await;
    }

    /// What peers were told of so far.
    pub fn conduct(&self) -> ConductStats {
        self.conduct.snapshot()
    }

    /// Blocks are in the store now: peers that asked for them in vain get them.
    pub async fn stored(&self, hashes: Vec<Hash>) {
        if self.blocks.stored(hashes.into_iter().map(cid).collect()).await.is_err() {
            tracing::debug!("the exchange of blocks has ended");
        }
    }

    /// Blocks that no peer has given yet, all databases together.
    pub async fn unmet(&self) -> Vec<Unmet> {
        self.blocks.unmet().await.unwrap_or_default()
    }

    /// Connects to a peer, giving its id.
    pub async fn connect(&self, address: Multiaddr) -> Result<PeerId, ConnectError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Dial { address, reply }).await.map_err(|_| ConnectError::Closed)?;
        match tokio::time::timeout(CONNECT_TIMEOUT, answer).await {
            Ok(answer) => answer.unwrap_or(Err(ConnectError::Closed)),
            Err(_) => Err(ConnectError::Timeout),
        }
    }

    /// Commands to a network that has stopped have nothing left to do.
    async fn tell(&self, command: Command) {
        if self.commands.send(command).await.is_err() {
            tracing::debug!("the network has stopped");
        }
    }
}
