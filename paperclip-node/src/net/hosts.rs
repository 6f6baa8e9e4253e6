//! Connections of peers by the host that they come from: each host has a share of them, so that one address does not shut out
//! all others. libp2p's own limits know peers, of which an address has as many as it likes.

use super::handshakes::Host;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};
use oplog::shares::Shares;
use std::{
    collections::HashMap,
    convert::Infallible,
    task::{Context, Poll},
};

/// The host has as many connections as one host may have.
#[derive(Debug, thiserror::Error)]
#[error("too many connections from one address")]
pub(super) struct TooManyOfHost;

/// Bounds inbound connections by host. Those that we dialled are of our own choice.
#[derive(Debug)]
pub(super) struct Behaviour {
    shares: Shares<Host>,
    open: HashMap<ConnectionId, Host>,
}

impl Behaviour {
    /// So many connections are shared by all hosts.
    pub(super) fn new(connections: usize) -> Self {
        Self { shares: Shares::new(connections as u64), open: HashMap::new() }
    }

    fn check(&self, from: &Multiaddr) -> Result<(), ConnectionDenied> {
        let host = Host::of(from);
        let fits = self.shares.held(host) < self.shares.allowance(host);
        if fits { Ok(()) } else { Err(ConnectionDenied::new(TooManyOfHost)) }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.check(from)
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check(from)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(established) if established.endpoint.is_listener() => {
                let host = Host::of(established.endpoint.get_remote_address());
                self.shares.take_always(host, 1);
                self.open.insert(established.connection_id, host);
            }
            FromSwarm::ConnectionClosed(closed) => {
                if let Some(host) = self.open.remove(&closed.connection_id) {
                    self.shares.give_back(host, 1);
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(host: u8, port: u64) -> Multiaddr {
        format!("/ip4/10.0.0.{host}/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn one_address_leaves_connections_to_others() {
        let mut hosts = Behaviour::new(64);
        let mut connect = |host| {
            let address = from(host, 1);
            let allowed = hosts.check(&address).is_ok();
            if allowed {
                hosts.shares.take_always(Host::of(&address), 1);
            }
            allowed
        };
        assert_eq!((0..100).filter(|_| connect(1)).count(), 48, "three quarters");
        assert_eq!((0..100).filter(|_| connect(2)).count(), 8, "half of what is left");
        assert!(connect(3) && !connect(1));
    }
}
