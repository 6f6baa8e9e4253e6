//! Which protocols are accepted, and where their streams go.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use libp2p::{PeerId, StreamProtocol};
use tokio::sync::{mpsc, watch};

use super::{accepted::STAND_IN, stream::Stream};

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

/// The accepted protocols at one moment.
#[derive(Debug, Default)]
pub(super) struct Table {
    acceptors: HashMap<StreamProtocol, Acceptor>,
    /// What the swarm is told, once it has asked since that changed.
    names: OnceLock<Arc<[StreamProtocol]>>,
}

impl Table {
    /// The advertised protocols, and the stand-in for hidden ones.
    pub(super) fn names(&self) -> Arc<[StreamProtocol]> {
        let make = || {
            let advertised = self.acceptors.keys().filter(|name| !self.is_hidden(name));
            advertised.cloned().chain([STAND_IN]).collect()
        };
        Arc::clone(self.names.get_or_init(make))
    }

    /// An acceptor came or went. Whether connections have to know: hidden protocols are looked up when they are asked for.
    fn changed(&mut self, visibility: Visibility) -> bool {
        let told = visibility == Visibility::Advertised;
        if told {
            self.names.take();
        }
        told
    }

    pub(super) fn queue(&self, protocol: &StreamProtocol) -> Option<&mpsc::Sender<Inbound>> {
        self.acceptors.get(protocol).map(|acceptor| &acceptor.queue)
    }

    fn is_hidden(&self, protocol: &StreamProtocol) -> bool {
        let hidden = |acceptor: &Acceptor| acceptor.visibility == Visibility::Hidden;
        *protocol == STAND_IN || self.acceptors.get(protocol).is_some_and(hidden)
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
        let mut added = false;
        self.0.send_if_modified(|table| {
            if table.acceptors.contains_key(protocol) {
                return false;
            }
            table.acceptors.insert(protocol.clone(), Acceptor { queue, visibility });
            added = true;
            table.changed(visibility)
        });
        if added { Ok(incoming) } else { Err(AlreadyAccepting(protocol.clone())) }
    }

    pub(super) fn remove(&self, protocol: &StreamProtocol) {
        self.0.send_if_modified(|table| {
            let removed = table.acceptors.remove(protocol);
            removed.is_some_and(|acceptor| table.changed(acceptor.visibility))
        });
    }
}

/// The names of hidden protocols, to be looked up. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct HiddenNames(pub(super) Registry);

impl HiddenNames {
    /// Whether this is a hidden protocol that is accepted now.
    pub(crate) fn contains(&self, name: &str) -> bool {
        let protocol = StreamProtocol::try_from_owned(name.to_owned());
        protocol.is_ok_and(|protocol| protocol != STAND_IN && self.0.is_hidden(&protocol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_hidden_protocols_are_nothing_to_a_connection() {
        let registry = Registry::new();
        let _listed = registry.add(&StreamProtocol::new("/listed"), 1, Visibility::Advertised).unwrap();
        let mut connection = registry.subscribe();
        let names = connection.borrow_and_update().names();
        let hidden = |nth| StreamProtocol::try_from_owned(format!("/hidden/{nth}")).unwrap();
        let queues: Vec<_> =
            (0..10_000).map(|nth| registry.add(&hidden(nth), 1, Visibility::Hidden).unwrap()).collect();
        assert!(!connection.has_changed().unwrap(), "nothing to poll it for");
        assert_eq!(*names, [StreamProtocol::new("/listed"), STAND_IN]);
        assert!(Arc::ptr_eq(&names, &connection.borrow().names()), "nothing is made anew");
        let looked_up = HiddenNames(registry.clone());
        assert!(looked_up.contains("/hidden/9999") && !looked_up.contains("/hidden/10000"));
        assert!(!looked_up.contains("/listed") && !looked_up.contains(STAND_IN.as_ref()));
        drop(queues);
        registry.remove(&hidden(9999));
        assert!(!looked_up.contains("/hidden/9999"));
    }
}
