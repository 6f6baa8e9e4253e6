//! The part of each connection that negotiates streams.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{FutureExt as _, future::BoxFuture};
use libp2p::{
    PeerId, StreamProtocol,
    core::upgrade::ReadyUpgrade,
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
        handler::ConnectionEvent,
    },
};
use tokio::sync::{mpsc::error::TrySendError, watch};

use crate::changes::next_change;

use super::{
    Accepted, MAX_INBOUND_STREAMS, MAX_OUTBOUND_STREAMS, NEGOTIATION_TIMEOUT, OpenError, Stream,
    control::OpenRequest,
    registry::Table,
    slots::Slots,
    stats::{Counters, count},
};

/// Negotiates the streams of one connection.
pub struct Handler {
    peer: PeerId,
    table: watch::Receiver<Table>,
    /// Ends when `table` changes: the swarm then asks for the protocols again.
    changed: BoxFuture<'static, ()>,
    /// Not handed to the swarm yet; bounded by `MAX_PENDING_OPENS` per peer.
    requests: VecDeque<OpenRequest>,
    inbound: Slots,
    outbound: Slots,
    counters: Arc<Counters>,
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").field("peer", &self.peer).field("requests", &self.requests.len()).finish()
    }
}

impl Handler {
    pub(super) fn new(peer: PeerId, table: watch::Receiver<Table>, counters: Arc<Counters>) -> Self {
        Self {
            peer,
            changed: next_change(table.clone()),
            table,
            requests: VecDeque::new(),
            inbound: Slots::default(),
            outbound: Slots::default(),
            counters,
        }
    }

    fn on_inbound(&mut self, protocol: &StreamProtocol, stream: libp2p::Stream) {
        let Some(slot) = self.inbound.take(protocol, MAX_INBOUND_STREAMS) else {
            tracing::debug!(peer = %self.peer, %protocol, "inbound stream reset: the peer holds too many");
            return count(&self.counters.refused_peer_limit);
        };
        let table = self.table.borrow();
        let Some(queue) = table.queue(protocol) else {
            return count(&self.counters.refused_unaccepted);
        };
        count(match queue.try_send((self.peer, Stream::new(stream, slot))) {
            Ok(()) => &self.counters.accepted,
            Err(TrySendError::Closed(_)) => &self.counters.refused_unaccepted,
            Err(TrySendError::Full(_)) => {
                tracing::debug!(peer = %self.peer, %protocol, "inbound stream reset: its queue is full");
                &self.counters.refused_queue_full
            }
        });
    }

    fn on_outbound(request: OpenRequest, stream: libp2p::Stream) {
        // Set in `poll` for every request that gets here.
        if let Some(slot) = request.slot {
            // An asker that is gone drops the stream, which resets it.
            let _ = request.reply.send(Ok(Stream::new(stream, slot)));
        }
    }

    fn on_outbound_error(request: OpenRequest, error: StreamUpgradeError<Infallible>) {
        let error = match error {
            StreamUpgradeError::Timeout => OpenError::Timeout,
            StreamUpgradeError::NegotiationFailed => OpenError::Unsupported(request.protocol),
            StreamUpgradeError::Io(error) => OpenError::Io(error),
            StreamUpgradeError::Apply(never) => match never {},
        };
        let _ = request.reply.send(Err(error));
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = OpenRequest;
    type ToBehaviour = Infallible;
    type InboundProtocol = Accepted;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = OpenRequest;

    fn listen_protocol(&self) -> SubstreamProtocol<Accepted> {
        let accepted = Accepted::new(self.table.borrow().names());
        SubstreamProtocol::new(accepted, ()).with_timeout(NEGOTIATION_TIMEOUT)
    }

    fn on_behaviour_event(&mut self, request: OpenRequest) {
        self.requests.push_back(request);
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, OpenRequest, Infallible>> {
        while self.changed.poll_unpin(cx).is_ready() {
            self.table.mark_unchanged();
            self.changed = next_change(self.table.clone());
        }
        while let Some(mut request) = self.requests.pop_front() {
            if request.reply.is_closed() {
                continue;
            }
            request.slot = self.outbound.take(&request.protocol, MAX_OUTBOUND_STREAMS);
            if request.slot.is_none() {
                let _ = request.reply.send(Err(OpenError::TooMany));
                continue;
            }
            let upgrade = ReadyUpgrade::new(request.protocol.clone());
            let protocol = SubstreamProtocol::new(upgrade, request).with_timeout(NEGOTIATION_TIMEOUT);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Accepted, ReadyUpgrade<StreamProtocol>, (), OpenRequest>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(inbound) => {
                let (protocol, stream) = inbound.protocol;
                self.on_inbound(&protocol, stream);
            }
            ConnectionEvent::FullyNegotiatedOutbound(outbound) => {
                Self::on_outbound(outbound.info, outbound.protocol);
            }
            ConnectionEvent::DialUpgradeError(failed) => Self::on_outbound_error(failed.info, failed.error),
            ConnectionEvent::ListenUpgradeError(failed) => {
                tracing::debug!(peer = %self.peer, error = %failed.error, "inbound stream broke before it was named");
            }
            _ => {}
        }
    }
}
