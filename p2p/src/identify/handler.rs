//! The part of each connection that asks and answers.

use std::{
    collections::{HashSet, VecDeque},
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::upgrade::ReadyUpgrade,
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
        handler::{ConnectionEvent, ProtocolSupport, ProtocolsChange},
    },
};
use tokio::{
    sync::watch,
    time::{Instant, Sleep, sleep, timeout},
};

use super::{
    ASK_AGAIN_AFTER, Config, Error, Info, MAX_STREAMS, PROTOCOL, PUSH_PROTOCOL, RETRY_AFTER, TIMEOUT,
    message::{receive, send},
};
use crate::{
    changes::next_change,
    streams::{Accepted, Control},
};

/// What a stream of ours is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outbound {
    /// To ask.
    Ask,
    /// To tell anew.
    Push,
}

/// What a connection tells the behaviour.
#[derive(Debug)]
pub enum Outcome {
    /// The peer has told about itself.
    Received(Box<Info>),
    /// An exchange failed.
    Failed(Error),
}

/// How an exchange under way ends.
type Exchange = BoxFuture<'static, Result<Option<Info>, Error>>;

/// What this connection asks of the swarm.
type Request = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, Outbound, Outcome>;

/// Asks and answers on one connection.
pub struct Handler {
    peer: PeerId,
    /// The peer's address, which it is told.
    observed: Multiaddr,
    config: Arc<Config>,
    streams: Control,
    addresses: watch::Receiver<Arc<[Multiaddr]>>,
    /// Ends when `addresses` changes.
    readdressed: BoxFuture<'static, ()>,
    accepted: Accepted,
    /// What the swarm accepts on this connection, hidden protocols excepted.
    protocols: HashSet<StreamProtocol>,
    /// What the peer said last.
    known: Option<Info>,
    exchanges: FuturesUnordered<Exchange>,
    /// At most an outcome and its report to the swarm for each exchange.
    requests: VecDeque<Request>,
    ask_at: Pin<Box<Sleep>>,
    /// The peer has our description, so it must be told of changes.
    described: bool,
    push_due: bool,
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").field("peer", &self.peer).field("described", &self.described).finish()
    }
}

impl Handler {
    pub(super) fn new(
        peer: PeerId,
        observed: Multiaddr,
        config: Arc<Config>,
        streams: Control,
        addresses: watch::Receiver<Arc<[Multiaddr]>>,
    ) -> Self {
        Self {
            peer,
            observed,
            config,
            streams,
            readdressed: next_change(addresses.clone()),
            addresses,
            accepted: Accepted::new(Arc::new([PROTOCOL, PUSH_PROTOCOL])),
            protocols: HashSet::new(),
            known: None,
            exchanges: FuturesUnordered::new(),
            requests: VecDeque::new(),
            ask_at: Box::pin(sleep(std::time::Duration::ZERO)),
            described: false,
            push_due: false,
        }
    }

    /// What the peer is told now.
    fn description(&self) -> Info {
        let mut protocols: Vec<_> =
            self.protocols.iter().filter(|protocol| !self.streams.is_hidden(protocol)).cloned().collect();
        protocols.sort_unstable_by(|one, two| one.as_ref().cmp(two.as_ref()));
        Info {
            public_key: self.config.public_key.clone(),
            protocol_version: self.config.protocol_version.clone(),
            agent_version: self.config.agent_version.clone(),
            listen_addrs: self.addresses.borrow().to_vec(),
            protocols,
            observed_addr: Some(self.observed.clone()),
        }
    }

    fn tell(&mut self, stream: libp2p::Stream) {
        self.described = true;
        let description = self.description();
        self.start(async move { send(stream, description).await.map(|()| None) });
    }

    fn hear(&mut self, stream: libp2p::Stream, known: Option<Info>) {
        let peer = self.peer;
        self.start(async move { receive(stream, peer, known).await.map(Some) });
    }

    fn start(&mut self, exchange: impl Future<Output = Result<Option<Info>, Error>> + Send + 'static) {
        if self.exchanges.len() >= MAX_STREAMS {
            tracing::debug!(peer = %self.peer, "identify stream reset: the peer holds too many");
            return;
        }
        let limited = async move { timeout(TIMEOUT, exchange).await.unwrap_or(Err(Error::Timeout)) };
        self.exchanges.push(limited.boxed());
    }

    fn heard(&mut self, info: Info) {
        let now: HashSet<_> = info.protocols.iter().cloned().collect();
        let before: HashSet<_> =
            self.known.iter().flat_map(|known| known.protocols.iter().cloned()).collect();
        let added: HashSet<_> = now.difference(&before).cloned().collect();
        let removed: HashSet<_> = before.difference(&now).cloned().collect();
        if !added.is_empty() {
            let change = ProtocolSupport::Added(added);
            self.requests.push_back(ConnectionHandlerEvent::ReportRemoteProtocols(change));
        }
        if !removed.is_empty() {
            let change = ProtocolSupport::Removed(removed);
            self.requests.push_back(ConnectionHandlerEvent::ReportRemoteProtocols(change));
        }
        self.known = Some(info.clone());
        self.requests.push_back(ConnectionHandlerEvent::NotifyBehaviour(Outcome::Received(Box::new(info))));
    }

    fn failed(&mut self, error: Error) {
        if self.known.is_none() {
            self.ask_at.as_mut().reset(Instant::now() + RETRY_AFTER);
        }
        self.requests.push_back(ConnectionHandlerEvent::NotifyBehaviour(Outcome::Failed(error)));
    }

    fn local_change(&mut self, change: ProtocolsChange<'_>) {
        let before = self.protocols.len();
        match change {
            ProtocolsChange::Added(added) => {
                let visible = added.filter(|protocol| !self.streams.is_hidden(protocol)).cloned();
                self.protocols.extend(visible);
            }
            ProtocolsChange::Removed(removed) => removed.for_each(|protocol| {
                self.protocols.remove(protocol);
            }),
        }
        self.push_due |= self.described && self.protocols.len() != before;
    }

    fn open(protocol: StreamProtocol, purpose: Outbound) -> Request {
        let protocol = SubstreamProtocol::new(ReadyUpgrade::new(protocol), purpose).with_timeout(TIMEOUT);
        ConnectionHandlerEvent::OutboundSubstreamRequest { protocol }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Outcome;
    type InboundProtocol = Accepted;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Outbound;

    fn listen_protocol(&self) -> SubstreamProtocol<Accepted> {
        SubstreamProtocol::new(self.accepted.clone(), ()).with_timeout(TIMEOUT)
    }

    fn on_behaviour_event(&mut self, never: Infallible) {
        match never {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Request> {
        loop {
            if let Some(request) = self.requests.pop_front() {
                return Poll::Ready(request);
            }
            match self.exchanges.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(Some(info)))) => self.heard(info),
                Poll::Ready(Some(Ok(None))) => {}
                Poll::Ready(Some(Err(error))) => self.failed(error),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        if self.ask_at.as_mut().poll(cx).is_ready() {
            self.ask_at.as_mut().reset(Instant::now() + ASK_AGAIN_AFTER);
            return Poll::Ready(Self::open(PROTOCOL, Outbound::Ask));
        }
        while self.readdressed.poll_unpin(cx).is_ready() {
            self.addresses.mark_unchanged();
            self.readdressed = next_change(self.addresses.clone());
            self.push_due |= self.described;
        }
        if std::mem::take(&mut self.push_due) {
            return Poll::Ready(Self::open(PUSH_PROTOCOL, Outbound::Push));
        }
        Poll::Pending
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Accepted, ReadyUpgrade<StreamProtocol>, (), Outbound>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(inbound) => {
                let (protocol, stream) = inbound.protocol;
                if protocol == PUSH_PROTOCOL {
                    self.hear(stream, self.known.clone());
                } else {
                    self.tell(stream);
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(outbound) => match outbound.info {
                Outbound::Ask => self.hear(outbound.protocol, None),
                Outbound::Push => self.tell(outbound.protocol),
            },
            ConnectionEvent::DialUpgradeError(failed) => {
                let error = match failed.error {
                    StreamUpgradeError::Timeout => Error::Timeout,
                    StreamUpgradeError::NegotiationFailed => Error::Unsupported,
                    StreamUpgradeError::Io(error) => Error::Io(error),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                // A peer that takes no push is not at fault: it asks again when it wants to know.
                if failed.info == Outbound::Ask {
                    self.failed(error);
                }
            }
            ConnectionEvent::LocalProtocolsChange(change) => self.local_change(change),
            _ => {}
        }
    }
}
