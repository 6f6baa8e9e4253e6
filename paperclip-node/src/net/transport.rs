//! The transport: TCP and websocket, noise, yamux, and bounds on connections that are not through their handshake yet.

use super::{
    errors::StartError,
    handshakes::{HANDSHAKE_TIMEOUT, HalfOpen, HandshakeCounters, HandshakeId, Host},
};
use libp2p::{
    Multiaddr, PeerId, Transport as _,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, DialOpts, ListenerId, TransportError, TransportEvent, timeout::TransportTimeout},
        upgrade::Version,
    },
    dns,
    identity::Keypair,
    noise, tcp, websocket,
};
use p2p::{muxer, streams::Control};
use std::{
    future::Future,
    io,
    pin::Pin,
    sync::atomic::Ordering,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Sleep,
};

/// How long a dial may take, its handshake included.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that is through its handshake.
type Connection = (PeerId, StreamMuxerBox);

/// The node's transport.
pub(super) fn transport(
    key: &Keypair,
    streams: &Control,
    counters: HandshakeCounters,
) -> Result<Boxed<Connection>, StartError> {
    let set_up =
        |what| move |error: &dyn std::error::Error| StartError::SetUp { what, reason: error.to_string() };
    let noise = noise::Config::new(key).map_err(|error| set_up("noise")(&error))?;
    let tcp = || {
        let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
        dns::tokio::Transport::system(tcp).map_err(|error| set_up("name resolution")(&error))
    };
    let plain = tcp()?
        .upgrade(Version::V1Lazy)
        .authenticate(noise.clone())
        .multiplex(muxer::Config::new(streams))
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let websocket = websocket::Config::new(tcp()?)
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(muxer::Config::new(streams))
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let both = websocket.or_transport(plain).map(|either, _| either.into_inner());
    let (ended_sender, ended) = mpsc::unbounded_channel();
    let inner = TransportTimeout::with_outgoing_timeout(both, DIAL_TIMEOUT).boxed();
    Ok(Doorkept { inner, half_open: HalfOpen::default(), ended_sender, ended, counters }.boxed())
}

/// A transport whose inbound handshakes are bounded.
struct Doorkept {
    inner: Boxed<Connection>,
    half_open: HalfOpen<oneshot::Sender<()>>,
    /// One message for each handshake; read whenever another begins, so never more than may be under way.
    ended_sender: mpsc::UnboundedSender<HandshakeId>,
    ended: mpsc::UnboundedReceiver<HandshakeId>,
    counters: HandshakeCounters,
}

impl Doorkept {
    fn admit<U>(&mut self, upgrade: U, from: &Multiaddr) -> Handshake<U> {
        while let Ok(id) = self.ended.try_recv() {
            self.half_open.ended(id);
        }
        let (end, displaced) = oneshot::channel();
        let (id, other) = self.half_open.admit(Host::of(from), end);
        if let Some(other) = other {
            // one that has just ended by itself needs no telling
            let _ = other.send(());
        }
        self.counters.counters().open.fetch_add(1, Ordering::Relaxed);
        Handshake {
            upgrade,
            id,
            displaced,
            deadline: Box::pin(tokio::time::sleep(HANDSHAKE_TIMEOUT)),
            ended: self.ended_sender.clone(),
            counters: self.counters.clone(),
        }
    }
}

impl libp2p::Transport for Doorkept {
    type Output = Connection;
    type Error = io::Error;
    type ListenerUpgrade = Handshake<<Boxed<Connection> as libp2p::Transport>::ListenerUpgrade>;
    type Dial = <Boxed<Connection> as libp2p::Transport>::Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        self.inner.dial(address, options)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Pin::new(&mut self.inner).poll(cx).map(|event| {
            let from = match &event {
                TransportEvent::Incoming { send_back_addr, .. } => send_back_addr.clone(),
                _ => Multiaddr::empty(),
            };
            event.map_upgrade(|upgrade| self.admit(upgrade, &from))
        })
    }
}

/// The handshake of an inbound connection, which ends in time.
struct Handshake<U> {
    upgrade: U,
    id: HandshakeId,
    /// Answered when this one has to go.
    displaced: oneshot::Receiver<()>,
    deadline: Pin<Box<Sleep>>,
    ended: mpsc::UnboundedSender<HandshakeId>,
    counters: HandshakeCounters,
}

impl<U> Future for Handshake<U>
where
    U: Future<Output = io::Result<Connection>> + Unpin,
{
    type Output = io::Result<Connection>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let counters = this.counters.counters();
        if let Poll::Ready(result) = Pin::new(&mut this.upgrade).poll(cx) {
            let counter = if result.is_ok() { &counters.done } else { &counters.failed };
            counter.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(result);
        }
        if let Poll::Ready(Ok(())) = Pin::new(&mut this.displaced).poll(cx) {
            counters.displaced.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("gave way to newer connections")));
        }
        if this.deadline.as_mut().poll(cx).is_ready() {
            counters.timed_out.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<U> Drop for Handshake<U> {
    fn drop(&mut self) {
        self.counters.counters().open.fetch_sub(1, Ordering::Relaxed);
        // without a transport nobody counts any more
        let _ = self.ended.send(self.id);
    }
}
