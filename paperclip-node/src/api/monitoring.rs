//! Listeners for monitoring: `/metrics`, `/healthz` and `/readyz` for everybody, on addresses of their own (`metrics-listen`),
//! which change while the node runs.

use super::{
    Api, Limits,
    admit::Scope,
    server::{BindError, Connections, Server},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The setting that names the addresses.
const SETTING: &str = "metrics-listen";

/// Connections to one listener for monitoring.
pub const MAX_MONITORING_CONNECTIONS: usize = 32;

/// The listeners, by the addresses that were asked for. They end with the API.
pub struct Monitoring {
    api: Api,
    listeners: BTreeMap<SocketAddr, Listener>,
}

struct Listener {
    stop: CancellationToken,
    /// Ends when the port is free again.
    accepting: JoinHandle<()>,
}

impl Monitoring {
    /// No listener yet.
    #[must_use]
    pub fn new(api: Api) -> Self {
        Self { api, listeners: BTreeMap::new() }
    }

    /// Listens on these addresses and on no others. Gives those that cannot be had, with the reason; the others are listened
    /// on.
    pub async fn listen(&mut self, addresses: &[SocketAddr]) -> Vec<BindError> {
        let wanted: BTreeSet<SocketAddr> = addresses.iter().copied().collect();
        let known: BTreeSet<SocketAddr> = self.listeners.keys().copied().collect();
        // What goes goes first: a new address may need its port.
        for gone in known.difference(&wanted) {
            if let Some(listener) = self.listeners.remove(gone) {
                listener.stop.cancel();
                if let Err(error) = listener.accepting.await {
                    tracing::error!(%error, address = %gone, "a listener for monitoring has failed");
                }
            }
        }
        let mut missing = Vec::new();
        for new in wanted.difference(&known) {
            match Server::bind_for(SETTING, *new).await {
                Ok(server) => self.add(*new, server),
                Err(error) => missing.push(error),
            }
        }
        missing
    }

    fn add(&mut self, address: SocketAddr, server: Server) {
        let limits =
            Limits { connections: MAX_MONITORING_CONNECTIONS, reserved: 0, ..self.api.limits().clone() };
        let stop = self.api.stop().child_token();
        let connections = Connections::new(self.api.clone(), Scope::Monitoring, limits, stop.clone());
        let accepting = tokio::spawn(async move {
            server.accept(&connections).await;
            tokio::spawn(connections.end());
        });
        self.listeners.insert(address, Listener { stop, accepting });
    }
}
