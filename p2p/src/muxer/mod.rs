//! Yamux, set up for a peer that talks to JavaScript OrbitDB.
//!
//! It is the `yamux` crate behind libp2p's [`StreamMuxer`], as `libp2p-yamux` is, with three settings that the
//! latter does not offer and one bound that it lacks:
//!
//! * **A write stays whole.** JavaScript takes one yamux data frame for one database head (wire document,
//!   section 10). `yamux` cuts writes at 16 KiB by default; here a write leaves as one frame as long as it fits the
//!   window, see [`WHOLE_WRITE_BUDGET`].
//! * **Windows stay at 256 KiB.** `yamux` refuses frames above 1 MiB and closes the connection over them, while
//!   JavaScript fills whatever window it is given in one frame. A window that never grows keeps frames small. The
//!   price is throughput on slow links: one stream carries at most 256 KiB per round trip.
//! * **Memory is bounded**: [`MAX_STREAMS`] times [`WINDOW`] per connection, if a peer fills every window and
//!   nobody reads.
//! * **Opening streams waits** when a connection carries [`MAX_STREAMS`]; the `yamux` crate would close the
//!   connection instead.
//! * **Hidden protocols are looked up** when a peer asks for one, see `lookup`. The swarm would go through a list
//!   of all accepted protocols for every stream, and there is one for each database.
//!
//! Keep-alive pings (JavaScript sends one every 30 s) are answered by the `yamux` crate whenever the connection is
//! polled, which the swarm does at all times.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use libp2p::{noise, tcp};
//! use p2p::{muxer, streams};
//!
//! let streams = streams::Behaviour::default();
//! let control = streams.control();
//! let swarm = libp2p::SwarmBuilder::with_new_identity()
//!     .with_tokio()
//!     .with_tcp(tcp::Config::default(), noise::Config::new, || muxer::Config::new(&control))?
//!     .with_behaviour(|_| streams)?
//!     .build();
//! # Ok(()) }
//! ```

mod live;
mod lookup;

use std::{
    collections::VecDeque,
    io, iter,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use futures::{AsyncRead, AsyncWrite, future, ready};
use libp2p::core::{
    muxing::{StreamMuxer, StreamMuxerEvent},
    upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo},
};

use crate::{
    guarded_stream::GuardedStream,
    streams::{Control, HiddenNames},
};
use live::{LiveStreams, Token};
use lookup::LookupStream;

/// What the two sides agree on to get this muxer (wire document, section 14).
pub const PROTOCOL: &str = "/yamux/1.0.0";

/// Bytes that a peer may send on a stream ahead of the reader, both ways: yamux's initial window, which we never
/// raise. JavaScript starts with the same and raises its own.
pub const WINDOW: usize = 256 * 1024;

/// Streams of one connection, both directions together. A peer that opens more loses the connection; our own
/// attempts wait. JavaScript allows 32 inbound and 64 outbound streams per protocol, and there is one heads protocol
/// per database: 1024 is room for hundreds of databases exchanging heads at once.
pub const MAX_STREAMS: usize = 1024;

/// Streams kept free for the peer when we open our own: ours wait at `MAX_STREAMS - INBOUND_RESERVE`.
pub const INBOUND_RESERVE: usize = 128;

/// Inbound streams that wait for the swarm to negotiate them. Further ones are reset. The same number as
/// rust-yamux's own limit of unacknowledged streams, so that a Rust peer never meets it.
pub const INBOUND_BACKLOG: usize = 256;

/// Bytes that the writer of a fresh stream can count on to leave whole, each write as one frame: the initial
/// [`WINDOW`] less 1 KiB for the negotiation of the protocol's name on the same stream.
///
/// The budget is for a stream, not for a write, until the peer widens the window, and a writer cannot see when it
/// does. So whoever must keep frames whole (heads) opens another stream when the sum passes this.
pub const WHOLE_WRITE_BUDGET: usize = WINDOW - 1024;

/// A connection that ended or was ended for a breach of yamux.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] yamux::ConnectionError);

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error.0 {
            yamux::ConnectionError::Io(error) => error,
            other => io::Error::other(other),
        }
    }
}

/// The muxer's set-up, all numbers fixed by this module's constants.
#[derive(Debug, Clone)]
pub struct Config {
    yamux: yamux::Config,
    names: HiddenNames,
}

impl Config {
    /// For connections of the swarm that these streams belong to.
    pub fn new(streams: &Control) -> Self {
        let mut config = yamux::Config::default();
        // The sum of all windows equals the sum of the initial ones: none can grow.
        config.set_max_num_streams(MAX_STREAMS);
        config.set_max_connection_receive_window(Some(MAX_STREAMS * WINDOW));
        config.set_split_send_size(WINDOW);
        config.set_read_after_close(true);
        Self { yamux: config, names: streams.hidden_names() }
    }
}

impl UpgradeInfo for Config {
    type Info = &'static str;
    type InfoIter = iter::Once<Self::Info>;

    fn protocol_info(&self) -> Self::InfoIter {
        iter::once(PROTOCOL)
    }
}

impl<C> InboundConnectionUpgrade<C> for Config
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = future::Ready<Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, io: C, _: Self::Info) -> Self::Future {
        future::ok(Muxer::new(io, self, yamux::Mode::Server))
    }
}

impl<C> OutboundConnectionUpgrade<C> for Config
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = future::Ready<Result<Self::Output, Self::Error>>;

    fn upgrade_outbound(self, io: C, _: Self::Info) -> Self::Future {
        future::ok(Muxer::new(io, self, yamux::Mode::Client))
    }
}

/// One connection that carries many streams.
#[derive(Debug)]
pub struct Muxer<C> {
    connection: yamux::Connection<C>,
    live: LiveStreams,
    names: HiddenNames,
    /// Streams that arrived while the swarm asked for something else. yamux makes progress only by
    /// [`yamux::Connection::poll_next_inbound`], so they cannot be left unread.
    backlog: VecDeque<Stream>,
    /// Who waits in `poll_inbound`.
    inbound_waker: Option<Waker>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn new(io: C, config: Config, mode: yamux::Mode) -> Self {
        Self {
            connection: yamux::Connection::new(io, config.yamux, mode),
            live: LiveStreams::default(),
            names: config.names,
            backlog: VecDeque::new(),
            inbound_waker: None,
        }
    }

    /// Drives the connection until the next inbound stream.
    fn poll_connection(&mut self, cx: &mut Context<'_>) -> Poll<Result<Stream, Error>> {
        match ready!(self.connection.poll_next_inbound(cx)) {
            Some(Ok(stream)) => {
                let stream = LookupStream::inbound(stream, self.names.clone());
                Poll::Ready(Ok(Stream::new(stream, self.live.token())))
            }
            Some(Err(error)) => Poll::Ready(Err(error.into())),
            None => Poll::Ready(Err(yamux::ConnectionError::Closed.into())),
        }
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin + 'static> StreamMuxer for Muxer<C> {
    type Substream = Stream;
    type Error = Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream, Error>> {
        if let Some(stream) = self.backlog.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        let polled = self.poll_connection(cx);
        if polled.is_pending() {
            self.inbound_waker = Some(cx.waker().clone());
        }
        polled
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream, Error>> {
        ready!(self.live.poll_below(MAX_STREAMS - INBOUND_RESERVE, cx));
        let stream = ready!(self.connection.poll_new_outbound(cx))?;
        Poll::Ready(Ok(Stream::new(LookupStream::outbound(stream), self.live.token())))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.connection.poll_close(cx).map_err(Error::from)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Error>> {
        let stream = ready!(self.poll_connection(cx))?;
        if self.backlog.len() < INBOUND_BACKLOG {
            self.backlog.push_back(stream);
            if let Some(waker) = self.inbound_waker.take() {
                waker.wake();
            }
        } else {
            tracing::debug!(stream = %stream.inner.get_ref(), limit = INBOUND_BACKLOG, "inbound stream reset: too many wait already");
        }
        // There may be more to read; let others run first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// One stream of a [`Muxer`].
pub type Stream = GuardedStream<LookupStream<yamux::Stream>, Token>;

#[cfg(test)]
mod tests;
