//! The task that owns the swarm: takes commands, tells others what happens.

use super::{
    behaviour::{SwarmBehaviour, SwarmBehaviourEvent},
    command::Command,
    conduct::{Conduct, ConductCounters, Offence},
    config::Config,
    dialer::ConfiguredPeer,
    dials::{DialCounters, Dials},
    log_budget::LogBudget,
    message::{MessageId, Topic, Validity},
    peers::{Peer, Peers},
    refusals::ConnectionRefusals,
    topics::{TopicCounters, Topics},
};
use crate::timer;
use bytes::Bytes;
use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm,
    core::ConnectedPoint,
    gossipsub::{self, IdentTopic, MessageAcceptance, PublishError},
    multiaddr::Protocol,
    swarm::{ConnectionId, SwarmEvent},
};
use p2p::{bitswap, identify};
use std::{collections::BTreeSet, sync::Arc, time::Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Where the task tells what is there now.
pub(super) struct Published {
    pub(super) peers: watch::Sender<Arc<Peers>>,
    pub(super) listen: watch::Sender<Vec<Multiaddr>>,
    pub(super) unconnected: watch::Sender<usize>,
    pub(super) siblings: watch::Sender<Arc<BTreeSet<PeerId>>>,
    pub(super) configured: watch::Sender<Arc<Vec<ConfiguredPeer>>>,
    pub(super) dials: DialCounters,
    pub(super) refused: ConnectionRefusals,
}

/// What the exchange of blocks must be told.
enum BlockPeer {
    Ready(PeerId),
    Gone(PeerId),
}

pub(super) struct Task {
    swarm: Swarm<SwarmBehaviour>,
    commands: mpsc::Receiver<Command>,
    published: Published,
    peers: Peers,
    topics: Topics,
    catalog_protocol: StreamProtocol,
    dials: Dials,
    conduct: Conduct,
    log_budget: LogBudget,
    blocks: bitswap::Handle,
    /// News for `blocks`, told at the end of each turn.
    block_peers: Vec<BlockPeer>,
}

impl Task {
    pub(super) fn new(
        swarm: Swarm<SwarmBehaviour>,
        commands: mpsc::Receiver<Command>,
        published: Published,
        config: &Config,
        blocks: bitswap::Handle,
        conduct: ConductCounters,
        topics: TopicCounters,
    ) -> Self {
        let dials = Dials::new(&config.peers, *swarm.local_peer_id(), published.dials.clone());
        Self {
            swarm,
            commands,
            published,
            peers: Peers::new(),
            topics: Topics::new(topics),
            catalog_protocol: config.catalog_protocol.clone(),
            dials,
            conduct: Conduct::new(conduct),
            log_budget: LogBudget::new(Instant::now()),
            blocks,
            block_peers: Vec::new(),
        }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            self.tell_blocks().await;
            self.forgive_due();
            self.dials.dial_due(&mut self.swarm, &self.peers);
            self.tell_configured();
            let next = self.dials.next().into_iter().chain(self.conduct.next_forgiven()).min();
            tokio::select! {
                () = stop.cancelled() => break,
                event = self.swarm.select_next_some() => self.event(event),
                command = self.commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                () = timer::until(next) => {}
            }
        }
    }

    fn tell_configured(&self) {
        self.published.unconnected.send_replace(self.dials.unconnected());
        let configured = self.dials.configured();
        self.published.configured.send_if_modified(|known| {
            let changed = **known != configured;
            if changed {
                *known = Arc::new(configured);
            }
            changed
        });
    }

    /// The exchange never waits for the swarm, so waiting for it here cannot lock up. When it has ended, so does the node.
    async fn tell_blocks(&mut self) {
        for news in self.block_peers.drain(..) {
            let told = match news {
                BlockPeer::Ready(peer) => self.blocks.peer_ready(peer).await,
                BlockPeer::Gone(peer) => self.blocks.peer_gone(peer).await,
            };
            if told.is_err() {
                tracing::debug!("the exchange of blocks has ended");
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Subscribe { topic, reply } => self.subscribe(topic, reply),
            Command::Unsubscribe { topic } => {
                let topic = IdentTopic::new(topic);
                self.swarm.behaviour_mut().gossipsub.unsubscribe(&topic);
                self.topics.leave(&topic.hash());
            }
            Command::Publish { topic, data } => self.publish(topic, &data),
            Command::Validate { id, verdict } => {
                let verdict = match verdict {
                    Validity::Accept => MessageAcceptance::Accept,
                    Validity::Reject => MessageAcceptance::Reject,
                    Validity::Ignore => MessageAcceptance::Ignore,
                };
                let gossipsub = &mut self.swarm.behaviour_mut().gossipsub;
                gossipsub.report_message_validation_result(&id.id, &id.from, verdict);
            }
            Command::Misbehaved { peer, offence, times } => self.misbehaved(peer, offence, times),
            Command::Dial { address, reply } => {
                self.dials.dial(&mut self.swarm, &self.peers, address, reply);
            }
        }
    }

    fn forgive_due(&mut self) {
        while let Some(peer) = self.conduct.forgiven(Instant::now()) {
            self.swarm.behaviour_mut().refused.unblock_peer(peer);
        }
    }

    fn misbehaved(&mut self, peer: PeerId, offence: Offence, times: u32) {
        if !self.peers.contains_key(&peer) || !self.conduct.offended(peer, offence, times) {
            return;
        }
        tracing::warn!(%peer, last = offence.label(), "peer disconnected: it offers what no honest replica accepts");
        let refused = &mut self.swarm.behaviour_mut().refused;
        refused.block_peer(peer);
        if let Some(forgiven) = self.conduct.refuse(peer, Instant::now()) {
            refused.unblock_peer(forgiven);
        }
    }

    fn subscribe(&mut self, topic: String, reply: oneshot::Sender<Topic>) {
        let topic = IdentTopic::new(topic);
        if let Err(error) = self.swarm.behaviour_mut().gossipsub.subscribe(&topic) {
            tracing::warn!(%topic, %error, "cannot subscribe");
        }
        // nobody there to take it: the asker is gone, and will not read the topic either
        drop(reply.send(self.topics.join(topic.hash())));
    }

    fn publish(&mut self, topic: String, data: &Bytes) {
        let topic = IdentTopic::new(topic);
        // signing a message that nobody hears costs as much as signing an entry
        if !self.topics.is_heard(&topic.hash()) {
            return;
        }
        match self.swarm.behaviour_mut().gossipsub.publish(topic, data.to_vec()) {
            Ok(_) | Err(PublishError::NoPeersSubscribedToTopic | PublishError::Duplicate) => {}
            Err(error) => {
                tracing::debug!(%error, bytes = data.len(), "not published; an exchange of heads will tell")
            }
        }
    }

    fn event(&mut self, event: SwarmEvent<SwarmBehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(SwarmBehaviourEvent::Gossipsub(event)) => self.gossip(event),
            SwarmEvent::Behaviour(SwarmBehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => self.identified(peer_id, *info),
            SwarmEvent::NewListenAddr { .. } | SwarmEvent::ExpiredListenAddr { .. } => self.listening(),
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "listener"),
            SwarmEvent::ListenerClosed { addresses, reason: Err(error), .. } => {
                tracing::error!(?addresses, %error, "listener closed");
                self.listening();
            }
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, connection_id, .. } => {
                self.connected(peer_id, &endpoint, connection_id);
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } => {
                if let Some(withheld) = self.log_budget.take(Instant::now()) {
                    tracing::info!(peer = %peer_id, cause = cause.map(tracing::field::display), withheld, "peer gone");
                }
                self.gone(peer_id);
            }
            SwarmEvent::IncomingConnectionError { error, .. } => self.published.refused.note(&error),
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.dials.failed(connection_id, error);
            }
            _ => {}
        }
    }

    fn listening(&mut self) {
        let local = *self.swarm.local_peer_id();
        let addresses: Vec<Multiaddr> =
            self.swarm.listeners().map(|address| address.clone().with(Protocol::P2p(local))).collect();
        tracing::info!(?addresses, "listening");
        self.published.listen.send_replace(addresses);
    }

    fn connected(&mut self, peer: PeerId, endpoint: &ConnectedPoint, connection: ConnectionId) {
        self.dials.connected(peer, connection);
        self.peers.entry(peer).or_insert_with(|| {
            if let Some(withheld) = self.log_budget.take(Instant::now()) {
                let (address, outbound) = (endpoint.get_remote_address(), endpoint.is_dialer());
                tracing::info!(%peer, %address, outbound, withheld, "peer connected");
            }
            Peer {
                address: endpoint.get_remote_address().clone(),
                outbound: endpoint.is_dialer(),
                since: Instant::now(),
                agent: None,
                protocols: Vec::new(),
            }
        });
        self.publish_peers();
    }

    fn gone(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
        self.conduct.gone(&peer);
        self.block_peers.push(BlockPeer::Gone(peer));
        self.dials.disconnected(peer);
        self.topics.gone(peer);
        self.set_sibling(peer, false);
        self.publish_peers();
    }

    fn identified(&mut self, id: PeerId, info: identify::Info) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.agent = Some(info.agent_version);
        peer.protocols = info.protocols;
        if peer.speaks_bitswap() {
            self.block_peers.push(BlockPeer::Ready(id));
        }
        let sibling = peer.protocols.contains(&self.catalog_protocol);
        self.set_sibling(id, sibling);
        self.publish_peers();
    }

    fn set_sibling(&self, peer: PeerId, sibling: bool) {
        self.published.siblings.send_if_modified(|siblings| {
            let known = siblings.contains(&peer);
            match (known, sibling) {
                (false, true) => Arc::make_mut(siblings).insert(peer),
                (true, false) => Arc::make_mut(siblings).remove(&peer),
                _ => false,
            }
        });
    }

    fn publish_peers(&self) {
        self.published.peers.send_replace(Arc::new(self.peers.clone()));
    }

    fn gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Subscribed { peer_id, topic } => {
                if let Some(greediest) = self.topics.subscribed(peer_id, topic) {
                    self.misbehaved(greediest, Offence::TooManyTopics, u32::MAX);
                }
            }
            gossipsub::Event::Unsubscribed { peer_id, topic } => self.topics.unsubscribed(peer_id, &topic),
            gossipsub::Event::Message { propagation_source: from, message_id: id, message } => {
                let id = MessageId { id, from };
                let own = message.source == Some(from);
                self.topics.deliver(&message.topic, id, own, message.data.into());
            }
            gossipsub::Event::GossipsubNotSupported { .. } | gossipsub::Event::SlowPeer { .. } => {}
        }
    }
}
