//! Dials: those under way, of configured peers or on request, and how they ended.

use super::{
    behaviour::SwarmBehaviour,
    dialer::{ConfiguredPeer, Dialer, last_peer},
    errors::ConnectError,
    peers::Peers,
    reasons::dial_reason,
};
use libp2p::{
    Multiaddr, PeerId, Swarm,
    swarm::{ConnectionId, DialError, dial_opts::DialOpts},
};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::sync::oneshot;

/// Dials that wait for their outcome; further ones that are asked for are refused.
const MAX_DIALS: usize = 256;

/// How dials ended since the start, those that somebody asked for included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DialStats {
    /// With a connection.
    pub connected: u64,
    /// Without one.
    pub failed: u64,
}

/// The counters behind [`DialStats`].
#[derive(Debug, Clone, Default)]
pub(super) struct DialCounters(Arc<(AtomicU64, AtomicU64)>);

impl DialCounters {
    pub(super) fn ended(&self, connected: bool) {
        let counter = if connected { &self.0.0 } else { &self.0.1 };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> DialStats {
        DialStats { connected: self.0.0.load(Ordering::Relaxed), failed: self.0.1.load(Ordering::Relaxed) }
    }
}

/// For whom a dial is.
enum Dial {
    /// The peer that is configured with this address.
    Configured(Multiaddr),
    /// Whoever asked.
    Requested(Reply),
}

type Reply = oneshot::Sender<Result<PeerId, ConnectError>>;

/// Dials peers on request, and keeps the configured ones connected.
pub(super) struct Dials {
    dialer: Dialer,
    under_way: HashMap<ConnectionId, Dial>,
    counters: DialCounters,
}

impl Dials {
    pub(super) fn new(configured: &[Multiaddr], local: PeerId, counters: DialCounters) -> Self {
        let mut dialer = Dialer::default();
        dialer.set(configured, local, Instant::now());
        Self { dialer, under_way: HashMap::new(), counters }
    }

    /// Dials a peer unless it is connected, and answers once the outcome is known.
    pub(super) fn dial(
        &mut self,
        swarm: &mut Swarm<SwarmBehaviour>,
        peers: &Peers,
        address: Multiaddr,
        reply: Reply,
    ) {
        if let Some(peer) = last_peer(&address).filter(|peer| peers.contains_key(peer)) {
            return answer(reply, Ok(peer));
        }
        self.under_way.retain(|_, dial| !matches!(dial, Dial::Requested(reply) if reply.is_closed()));
        if self.under_way.len() >= MAX_DIALS {
            return answer(reply, Err(ConnectError::Busy));
        }
        let options = DialOpts::from(address);
        let id = options.connection_id();
        match swarm.dial(options) {
            Ok(()) => drop(self.under_way.insert(id, Dial::Requested(reply))),
            Err(error) => answer(reply, Err(ConnectError::Dial(Arc::new(error)))),
        }
    }

    /// Dials the configured peers whose turn it is.
    pub(super) fn dial_due(&mut self, swarm: &mut Swarm<SwarmBehaviour>, peers: &Peers) {
        for address in self.dialer.due(Instant::now(), |peer| peers.contains_key(peer)) {
            let options = DialOpts::from(address.clone());
            let id = options.connection_id();
            match swarm.dial(options) {
                Ok(()) => drop(self.under_way.insert(id, Dial::Configured(address))),
                Err(error) => self.configured_failed(&address, &error),
            }
        }
    }

    /// When [`dial_due`](Self::dial_due) has something to do again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.dialer.next()
    }

    /// Configured peers that are not connected.
    pub(super) fn unconnected(&self) -> usize {
        self.dialer.unconnected()
    }

    /// The configured peers.
    pub(super) fn configured(&self) -> Vec<ConfiguredPeer> {
        self.dialer.configured()
    }

    /// A connection to a peer stands, dialled or not.
    pub(super) fn connected(&mut self, peer: PeerId, connection: ConnectionId) {
        let dial = self.under_way.remove(&connection);
        if dial.is_some() {
            self.counters.ended(true);
        }
        let address = match dial {
            Some(Dial::Configured(address)) => Some(address),
            Some(Dial::Requested(reply)) => {
                answer(reply, Ok(peer));
                None
            }
            None => None,
        };
        self.dialer.connected(peer, address.as_ref(), Instant::now());
    }

    /// A connection that was dialled did not come about.
    pub(super) fn failed(&mut self, connection: ConnectionId, error: DialError) {
        let Some(dial) = self.under_way.remove(&connection) else { return };
        self.counters.ended(false);
        match dial {
            Dial::Configured(address) => self.configured_failed(&address, &error),
            Dial::Requested(reply) => answer(reply, Err(ConnectError::Dial(Arc::new(error)))),
        }
    }

    /// The last connection to a peer is gone.
    pub(super) fn disconnected(&mut self, peer: PeerId) {
        self.dialer.disconnected(peer, Instant::now(), rand::random());
    }

    fn configured_failed(&mut self, address: &Multiaddr, error: &DialError) {
        let own = matches!(error, DialError::LocalPeerId { .. });
        let reason = dial_reason(error);
        tracing::debug!(%address, reason, "dial failed");
        if self.dialer.failed(address, own, reason.clone(), Instant::now(), rand::random()) {
            tracing::warn!(%address, reason, "cannot reach a configured peer; the node keeps dialling it");
        }
    }
}

/// Answers who asked, unless it has given up.
fn answer(reply: Reply, outcome: Result<PeerId, ConnectError>) {
    let _ = reply.send(outcome);
}
