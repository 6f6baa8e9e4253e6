//! The handle that the rest of a program holds.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use libp2p::{PeerId, StreamProtocol};
use tokio::sync::{mpsc, oneshot};

use super::{
    AlreadyAccepting, Stats, Stream, Visibility,
    registry::{HiddenNames, Inbound, Registry},
    slots::Slot,
    stats::{Counters, count},
};

/// Why a stream could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no connection to the peer, or the one there was broke meanwhile.
    #[error("not connected to {0}")]
    NotConnected(PeerId),
    /// The peer does not speak the protocol, or not yet: a JavaScript peer subscribes to a database's topic before
    /// it accepts its heads protocol.
    #[error("{0} is not spoken by the peer")]
    Unsupported(StreamProtocol),
    /// The peer did not answer within [`NEGOTIATION_TIMEOUT`](super::NEGOTIATION_TIMEOUT).
    #[error("no answer in time")]
    Timeout,
    /// One of this module's bounds is reached; streams must end first.
    #[error("too many streams or opens under way")]
    TooMany,
    /// The connection failed, or the peer broke the rules of the negotiation.
    #[error("connection failed")]
    Io(#[from] io::Error),
}

/// An open that is on its way through the swarm to a connection.
#[derive(Debug)]
pub struct OpenRequest {
    pub(super) peer: PeerId,
    pub(super) protocol: StreamProtocol,
    pub(super) reply: oneshot::Sender<Result<Stream, OpenError>>,
    /// Counts the request against the peer's pending ones; set by the behaviour.
    pub(super) pending: Option<Arc<()>>,
    /// The place of the stream to be; set by the connection.
    pub(super) slot: Option<Slot>,
}

/// Opens and accepts streams. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Control {
    requests: mpsc::Sender<OpenRequest>,
    registry: Registry,
    counters: Arc<Counters>,
}

impl Control {
    pub(super) fn new(
        requests: mpsc::Sender<OpenRequest>,
        registry: Registry,
        counters: Arc<Counters>,
    ) -> Self {
        Self { requests, registry, counters }
    }

    /// Opens a stream on an existing connection to `peer`; it never dials.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]. Nothing is retried here.
    pub async fn open(&self, peer: PeerId, protocol: StreamProtocol) -> Result<Stream, OpenError> {
        let (reply, answer) = oneshot::channel();
        let request = OpenRequest { peer, protocol, reply, pending: None, slot: None };
        let result = match self.requests.send(request).await {
            // A request is dropped unanswered when its connection ends, or the swarm.
            Ok(()) => answer.await.unwrap_or(Err(OpenError::NotConnected(peer))),
            Err(_) => Err(OpenError::NotConnected(peer)),
        };
        count(match &result {
            Ok(_) => &self.counters.opened,
            Err(OpenError::NotConnected(_)) => &self.counters.open_not_connected,
            Err(OpenError::Unsupported(_)) => &self.counters.open_unsupported,
            Err(OpenError::Timeout) => &self.counters.open_timeout,
            Err(OpenError::TooMany) => &self.counters.open_too_many,
            Err(OpenError::Io(_)) => &self.counters.open_io,
        });
        result
    }

    /// Accepts streams of `protocol` from now on, on all connections, until the result is dropped. At most
    /// `capacity` (at least 1) of them wait for [`Incoming`] to be read; further ones are reset.
    ///
    /// # Errors
    ///
    /// Somebody accepts the protocol already.
    pub fn accept(
        &self,
        protocol: StreamProtocol,
        capacity: usize,
        visibility: Visibility,
    ) -> Result<Incoming, AlreadyAccepting> {
        let queue = self.registry.add(&protocol, capacity, visibility)?;
        Ok(Incoming { protocol, queue, registry: self.registry.clone() })
    }

    /// Whether `protocol` is accepted here but not to be listed by identify.
    pub(crate) fn is_hidden(&self, protocol: &StreamProtocol) -> bool {
        self.registry.is_hidden(protocol)
    }

    /// The names of hidden protocols.
    pub(crate) fn hidden_names(&self) -> HiddenNames {
        HiddenNames(self.registry.clone())
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        self.counters.snapshot()
    }
}

/// The inbound streams of one protocol with the peers that opened them: a [`futures::Stream`] that ends only with
/// the swarm. Dropping it ends the accepting.
#[derive(Debug)]
pub struct Incoming {
    protocol: StreamProtocol,
    queue: mpsc::Receiver<Inbound>,
    registry: Registry,
}

impl futures::Stream for Incoming {
    type Item = (PeerId, Stream);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.queue.poll_recv(cx)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.registry.remove(&self.protocol);
    }
}
