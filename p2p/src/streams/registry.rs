//! Which protocols are accepted, and where their streams go.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use libp2p::{PeerId, StreamProtocol};
use tokio::sync::{mpsc, watch};

use super::{accepted::Names, stream::Stream};

/// Whether peers are told of a protocol by identify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// [`crate::identify`] lists it. Bitswap must be: JavaScript asks only peers that list it.
    Advertised,
    /// Accepted when asked for, not listed.
    Hidden,
}

/// The protocol has an acceptor already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is accepted already")]
pub struct AlreadyAccepting(pub StreamProtocol);

/// An inbound stream and who opened it.
pub(super) type Inbound = (PeerId, Stream);

#[derive(Debug, Clone)]
struct Acceptor {
    queue: mpsc::Sender<Inbound>,
    visibility: Visibility,
}

/// The accepted protocols at one moment. Replaced as a whole, so that a connection reads it without waiting.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    acceptors: HashMap<StreamProtocol, Acceptor>,
    /// Of `acceptors`, once somebody has asked since they changed.
    names: OnceLock<Names>,
}

impl Table {
    pub(super) fn names(&self) -> Names {
        let named = |visibility| {
            let chosen = self.acceptors.iter().filter(move |(_, acceptor)| acceptor.visibility == visibility);
            chosen.map(|(name, _)| name.clone())
        };
        let make = || Names {
            advertised: named(Visibility::Advertised).collect(),
            hidden: Arc::new(named(Visibility::Hidden).collect()),
        };
        self.names.get_or_init(make).clone()
    }

    pub(super) fn queue(&self, protocol: &StreamProtocol) -> Option<&mpsc::Sender<Inbound>> {
        self.acceptors.get(protocol).map(|acceptor| &acceptor.queue)
    }

    fn is_hidden(&self, protocol: &StreamProtocol) -> bool {
        self.acceptors.get(protocol).is_some_and(|acceptor| acceptor.visibility == Visibility::Hidden)
    }
}

/// The one place that changes the [`Table`].
#[derive(Debug, Clone)]
pub(super) struct Registry(watch::Sender<Table>);

impl Registry {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Table::default()))
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Table> {
        self.0.subscribe()
    }

    pub(super) fn is_hidden(&self, protocol: &StreamProtocol) -> bool {
        self.0.borrow().is_hidden(protocol)
    }

    pub(super) fn add(
        &self,
        protocol: &StreamProtocol,
        capacity: usize,
        visibility: Visibility,
    ) -> Result<mpsc::Receiver<Inbound>, AlreadyAccepting> {
        let (queue, incoming) = mpsc::channel(capacity.max(1));
        let added = self.0.send_if_modified(|table| {
            if table.acceptors.contains_key(protocol) {
                return false;
            }
            table.acceptors.insert(protocol.clone(), Acceptor { queue, visibility });
            table.names.take();
            true
        });
        if added { Ok(incoming) } else { Err(AlreadyAccepting(protocol.clone())) }
    }

    pub(super) fn remove(&self, protocol: &StreamProtocol) {
        self.0.send_if_modified(|table| {
            let removed = table.acceptors.remove(protocol).is_some();
            table.names.take();
            removed
        });
    }
}
