//! Ping: answers to peers that want to know whether we are alive (`/ipfs/ping/1.0.0`).
//!
//! JavaScript's connection monitor pings every peer every ten seconds and closes the connection when 32 bytes do not
//! come back within five. `libp2p::ping` cannot be used to answer: its handler falls silent once the *other* side turns
//! out not to answer pings itself, as every JavaScript peer does whose application registers no ping service (wire
//! document, section 14). This answers whatever the peer speaks, and asks nothing.
//!
//! | what | bound | beyond it |
//! | --- | --- | --- |
//! | streams that one peer holds | [`MAX_STREAMS_PER_PEER`] | reset |
//! | streams that wait to be looked at | [`ACCEPT_QUEUE`] | reset, [`Stats::refused_queue_full`](crate::streams::Stats) |
//! | bytes held per stream | [`MESSAGE_BYTES`] | |
//! | time until the next whole ping | [`IDLE_TIMEOUT`] | reset |

use std::{collections::HashMap, io, time::Duration};

use futures::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, StreamExt as _, stream::FuturesUnordered,
};
use libp2p::{PeerId, StreamProtocol};

use crate::streams::{AlreadyAccepting, Control, Incoming, Visibility};

/// The protocol's name.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/ipfs/ping/1.0.0");

/// What is sent and comes back, in bytes.
pub const MESSAGE_BYTES: usize = 32;

/// Streams that one peer may hold: one a connection is usual, and JavaScript opens a new one for every ping.
pub const MAX_STREAMS_PER_PEER: usize = 8;

/// Streams that wait for the responder to take notice of them.
pub const ACCEPT_QUEUE: usize = 256;

/// How long a stream may be quiet. Peers that keep theirs open ping every 15 s or so.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// Sends every ping back.
#[derive(Debug)]
pub struct Responder {
    incoming: Incoming,
}

impl Responder {
    /// Accepts pings from now on; [`run`](Self::run) answers them.
    ///
    /// # Errors
    ///
    /// Somebody answers pings already.
    pub fn new(streams: &Control) -> Result<Self, AlreadyAccepting> {
        let incoming = streams.accept(PROTOCOL, ACCEPT_QUEUE, Visibility::Advertised)?;
        Ok(Self { incoming })
    }

    /// Answers until the swarm ends.
    pub async fn run(mut self) {
        let mut held: HashMap<PeerId, usize> = HashMap::new();
        let mut answering = FuturesUnordered::new();
        loop {
            tokio::select! {
                next = self.incoming.next() => {
                    let Some((peer, stream)) = next else { return };
                    let streams = held.entry(peer).or_default();
                    if *streams == MAX_STREAMS_PER_PEER {
                        tracing::debug!(%peer, "ping refused: the peer holds too many ping streams");
                        continue;
                    }
                    *streams += 1;
                    answering.push(async move { (peer, answer(stream).await) });
                }
                Some((peer, ended)) = answering.next() => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, %error, "ping stream broke");
                    }
                    if let Some(streams) = held.get_mut(&peer) {
                        *streams -= 1;
                        if *streams == 0 {
                            held.remove(&peer);
                        }
                    }
                }
            }
        }
    }
}

/// Sends back what comes until the peer closes its side.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> io::Result<()> {
    let mut message = [0; MESSAGE_BYTES];
    loop {
        let turn = async {
            stream.read_exact(&mut message).await?;
            stream.write_all(&message).await?;
            stream.flush().await
        };
        match tokio::time::timeout(IDLE_TIMEOUT, turn).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return stream.close().await,
            Ok(Err(error)) => return Err(error),
            Err(elapsed) => return Err(elapsed.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::compat::TokioAsyncReadCompatExt as _;

    use super::*;

    #[tokio::test]
    async fn pings_come_back_whole_until_the_peer_closes() {
        let (here, there) = tokio::io::duplex(MESSAGE_BYTES);
        let answering = tokio::spawn(answer(here.compat()));
        let mut there = there.compat();
        for round in 0..3 {
            let ping = [round; MESSAGE_BYTES];
            // In pieces, as a network may deliver it.
            there.write_all(&ping[..7]).await.unwrap();
            there.flush().await.unwrap();
            there.write_all(&ping[7..]).await.unwrap();
            let mut back = [0; MESSAGE_BYTES];
            there.read_exact(&mut back).await.unwrap();
            assert_eq!(back, ping);
        }
        there.close().await.unwrap();
        answering.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_stays_quiet_is_given_up() {
        let (here, there) = tokio::io::duplex(MESSAGE_BYTES);
        let mut there = there.compat();
        there.write_all(&[1; MESSAGE_BYTES - 1]).await.unwrap();
        let error = answer(here.compat()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
