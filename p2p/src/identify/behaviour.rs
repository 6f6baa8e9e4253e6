//! The part of the swarm that knows our addresses.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm,
        behaviour::{ExternalAddresses, ListenAddresses},
    },
};
use tokio::sync::watch;

use super::{
    Config, Event, MAX_ADDRESSES,
    handler::{Handler, Outcome},
};
use crate::streams::Control;

/// Identify as a part of a swarm.
#[derive(Debug)]
pub struct Behaviour {
    config: Arc<Config>,
    streams: Control,
    listening: ListenAddresses,
    external: ExternalAddresses,
    /// What connections tell.
    addresses: watch::Sender<Arc<[Multiaddr]>>,
    /// Drained by every poll of the swarm; connections wait while it is not.
    events: VecDeque<Event>,
    waker: Option<Waker>,
}

impl Behaviour {
    /// Tells peers of `config`, our addresses, and all protocols of the swarm but those that `streams` hides.
    pub fn new(config: Config, streams: Control) -> Self {
        Self {
            config: Arc::new(config),
            streams,
            listening: ListenAddresses::default(),
            external: ExternalAddresses::default(),
            addresses: watch::Sender::new(Arc::new([])),
            events: VecDeque::new(),
            waker: None,
        }
    }

    fn handler(&self, peer: PeerId, observed: &Multiaddr) -> Handler {
        let (config, streams) = (Arc::clone(&self.config), self.streams.clone());
        Handler::new(peer, observed.clone(), config, streams, self.addresses.subscribe())
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote_addr: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer, remote_addr))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        addr: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer, addr))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        let listening = self.listening.on_swarm_event(&event);
        let external = self.external.on_swarm_event(&event);
        if listening || external {
            // What others can reach comes first, in case not all fit.
            let external: BTreeSet<&Multiaddr> = self.external.iter().collect();
            let listening: BTreeSet<&Multiaddr> =
                self.listening.iter().filter(|a| !external.contains(a)).collect();
            let told = external.into_iter().chain(listening).take(MAX_ADDRESSES).cloned().collect();
            self.addresses.send_replace(told);
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer_id: PeerId,
        connection_id: ConnectionId,
        outcome: THandlerOutEvent<Self>,
    ) {
        self.events.push_back(match outcome {
            Outcome::Received(info) => Event::Received { peer_id, connection_id, info },
            Outcome::Failed(error) => Event::Failed { peer_id, connection_id, error },
        });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(event) = self.events.pop_front() {
            return Poll::Ready(ToSwarm::GenerateEvent(event));
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
