//! The part of the swarm that knows which connections there are.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm,
    },
};
use tokio::sync::mpsc;

use super::{
    Control, MAX_PENDING_OPENS, OPEN_QUEUE, OpenError, control::OpenRequest, handler::Handler,
    registry::Registry, stats::Counters,
};

/// A peer that we are connected to.
#[derive(Debug, Default)]
struct Peer {
    /// Oldest first, never empty.
    connections: Vec<ConnectionId>,
    /// One reference per open under way, and this one.
    pending: Arc<()>,
}

/// Plain streams as a part of a swarm. It makes no events.
#[derive(Debug)]
pub struct Behaviour {
    peers: HashMap<PeerId, Peer>,
    requests: mpsc::Receiver<OpenRequest>,
    registry: Registry,
    counters: Arc<Counters>,
    control: Control,
}

impl Default for Behaviour {
    fn default() -> Self {
        let (sender, requests) = mpsc::channel(OPEN_QUEUE);
        let registry = Registry::new();
        let counters = Arc::new(Counters::default());
        let control = Control::new(sender, registry.clone(), Arc::clone(&counters));
        Self { peers: HashMap::new(), requests, registry, counters, control }
    }
}

impl Behaviour {
    /// The handle by which streams are opened and accepted.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    fn handler(&self, peer: PeerId) -> Handler {
        Handler::new(peer, self.registry.subscribe(), Arc::clone(&self.counters))
    }

    /// Sends a request to a connection of its peer, or answers that it cannot.
    fn route(&self, mut request: OpenRequest) -> Option<ToSwarm<Infallible, OpenRequest>> {
        let peer_id = request.peer;
        // Of several connections the newest is the likeliest to be alive: the peer may have restarted.
        let connection = self.peers.get(&peer_id).and_then(|peer| Some((peer, *peer.connections.last()?)));
        let refusal = match connection {
            None => OpenError::NotConnected(peer_id),
            Some((peer, _)) if Arc::strong_count(&peer.pending) > MAX_PENDING_OPENS => OpenError::TooMany,
            Some((peer, connection)) => {
                request.pending = Some(Arc::clone(&peer.pending));
                let handler = NotifyHandler::One(connection);
                return Some(ToSwarm::NotifyHandler { peer_id, handler, event: request });
            }
        };
        // An asker that is gone needs no answer.
        let _ = request.reply.send(Err(refusal));
        None
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(established) => {
                self.peers
                    .entry(established.peer_id)
                    .or_default()
                    .connections
                    .push(established.connection_id);
            }
            FromSwarm::ConnectionClosed(closed) => {
                if let Some(peer) = self.peers.get_mut(&closed.peer_id) {
                    peer.connections.retain(|connection| *connection != closed.connection_id);
                    if peer.connections.is_empty() {
                        self.peers.remove(&closed.peer_id);
                    }
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // The channel never closes: `self.control` keeps it open.
        while let Poll::Ready(Some(request)) = self.requests.poll_recv(cx) {
            if let Some(routed) = self.route(request) {
                return Poll::Ready(routed);
            }
        }
        Poll::Pending
    }
}
