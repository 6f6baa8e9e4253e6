//! The negotiation of inbound streams on its way through the muxer, where names of hidden protocols are looked up.
//!
//! A peer begins a stream with a greeting and the name of a protocol ([multistream-select]). libp2p's swarm compares the
//! name with a list that it makes anew for every stream, which thousands of databases make long. Here the name is looked
//! up instead, in the table of [`streams`](crate::streams):
//!
//! * It is a hidden protocol's: the swarm is told that the peer named the [stand-in](STAND_IN), and the peer is told that
//!   its own name was agreed to. The name is the first that is read from the stream thus agreed on.
//! * It is any other: everything passes as it is, and so does all that follows.
//!
//! Only the first name counts: a peer that names a hidden protocol after it was refused another is refused. JavaScript
//! OrbitDB and this crate name one protocol for each stream.
//!
//! [multistream-select]: https://github.com/multiformats/multistream-select

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf as _, Bytes};
use futures::{AsyncRead, AsyncWrite, ready};

use crate::streams::{HiddenNames, STAND_IN, name_frame};

/// The greeting of both sides, as it is framed.
const GREETING: &[u8] = b"\x13/multistream/1.0.0\n";

/// A name that nobody accepts, as it is framed.
const NOBODY: &[u8] = b"\x02/\n";

/// A stream of which the first name is looked up if a peer opened it.
#[derive(Debug)]
pub struct LookupStream<S> {
    inner: S,
    /// What is being heard, until the peer has named a protocol.
    hearing: Option<Hearing>,
    /// What is read before anything else of `inner`.
    heard: Bytes,
    /// Bytes of our greeting that were not written yet.
    greeting_left: usize,
    agreement: Option<Agreement>,
}

#[derive(Debug)]
struct Hearing {
    names: HiddenNames,
    /// As much of a frame as has come.
    frame: Vec<u8>,
    greeted: bool,
}

/// The answer to a peer that named a hidden protocol.
#[derive(Debug)]
struct Agreement {
    /// Bytes of the swarm's answer, which names the stand-in, that are still to be taken from it.
    stand_in: Bytes,
    /// Bytes of the answer in its place that are still to be sent.
    answer: Bytes,
}

impl<S> LookupStream<S> {
    /// A stream that a peer opened.
    pub(super) fn inbound(inner: S, names: HiddenNames) -> Self {
        let hearing = Some(Hearing { names, frame: Vec::new(), greeted: false });
        Self { inner, hearing, heard: Bytes::new(), greeting_left: GREETING.len(), agreement: None }
    }

    /// A stream of our own: nothing is looked up.
    pub(super) fn outbound(inner: S) -> Self {
        Self { inner, hearing: None, heard: Bytes::new(), greeting_left: 0, agreement: None }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.inner
    }

    /// A frame is complete, or longer than frames are.
    fn frame_heard(&mut self) {
        let Some(mut hearing) = self.hearing.take() else { return };
        let frame = Bytes::from(std::mem::take(&mut hearing.frame));
        if !hearing.greeted {
            self.heard = frame;
            if self.heard == GREETING {
                self.hearing = Some(Hearing { greeted: true, ..hearing });
            }
            return;
        }
        let name = name_of(&frame);
        let hidden = name.filter(|name| hearing.names.contains(name)).and_then(name_frame);
        self.heard = match hidden {
            Some(told) => {
                let stand_in = framed(STAND_IN.as_ref());
                let heard = [&stand_in[..], &told].concat();
                self.agreement = Some(Agreement { stand_in: stand_in.into(), answer: frame });
                heard.into()
            }
            // the stand-in is between the muxer and the swarm
            None if name == Some(STAND_IN.as_ref()) => Bytes::from_static(NOBODY),
            None => frame,
        };
    }
}

/// The name in a frame, if it is one.
fn name_of(frame: &[u8]) -> Option<&str> {
    let body = &frame[Length::of(frame)?.prefix..];
    let name = body.strip_suffix(b"\n")?;
    std::str::from_utf8(name).ok().filter(|name| name.starts_with('/'))
}

/// A name of less than 127 bytes as it is framed.
fn framed(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len() + 1).ok().filter(|length| *length < 0x80);
    debug_assert!(length.is_some(), "{name} is too long");
    [&[length.unwrap_or_default()], name.as_bytes(), b"\n"].concat()
}

/// What the one or two bytes before a frame say; libp2p takes no more either.
#[derive(Debug, Clone, Copy)]
struct Length {
    prefix: usize,
    body: usize,
}

impl Length {
    fn of(frame: &[u8]) -> Option<Self> {
        match *frame {
            [low, ..] if low < 0x80 => Some(Self { prefix: 1, body: low.into() }),
            [low, high, ..] if high < 0x80 => {
                Some(Self { prefix: 2, body: usize::from(low & 0x7f) | usize::from(high) << 7 })
            }
            _ => None,
        }
    }
}

/// How many bytes of a frame are certainly missing; none if it is complete or longer than frames are.
fn missing(frame: &[u8]) -> usize {
    match Length::of(frame) {
        Some(Length { prefix, body }) => prefix + body - frame.len(),
        None => usize::from(frame.len() < 2),
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LookupStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        loop {
            if !this.heard.is_empty() {
                let length = this.heard.len().min(buf.len());
                this.heard.copy_to_slice(&mut buf[..length]);
                return Poll::Ready(Ok(length));
            }
            let Some(Hearing { frame, .. }) = &mut this.hearing else {
                return Pin::new(&mut this.inner).poll_read(cx, buf);
            };
            // Never more than the frame: what is behind it belongs to the protocol.
            let known = frame.len();
            frame.resize(known + missing(frame), 0);
            let read = Pin::new(&mut this.inner).poll_read(cx, &mut frame[known..]);
            let length = if let Poll::Ready(Ok(length)) = read { length } else { 0 };
            frame.truncate(known + length);
            ready!(read)?;
            if length == 0 {
                this.heard = std::mem::take(frame).into();
                this.hearing = None;
            } else if missing(frame) == 0 {
                this.frame_heard();
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> LookupStream<S> {
    /// Sends the answer in place of the stand-in once the swarm has given its own.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(agreement) = self.agreement.as_mut().filter(|agreement| agreement.stand_in.is_empty())
        {
            if agreement.answer.is_empty() {
                self.agreement = None;
                break;
            }
            let length = ready!(Pin::new(&mut self.inner).poll_write(cx, &agreement.answer))?;
            if length == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            agreement.answer.advance(length);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LookupStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.greeting_left > 0 {
            let greeting = &buf[..buf.len().min(this.greeting_left)];
            let length = ready!(Pin::new(&mut this.inner).poll_write(cx, greeting))?;
            this.greeting_left -= length;
            return Poll::Ready(Ok(length));
        }
        ready!(this.poll_answer(cx))?;
        if let Some(Agreement { stand_in, .. }) = &mut this.agreement {
            let length = stand_in.len().min(buf.len());
            if buf[..length] == stand_in[..length] {
                stand_in.advance(length);
                return Poll::Ready(Ok(length));
            }
            // a refusal, which has no name in it
            this.agreement = None;
        }
        Pin::new(&mut this.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(cx))?;
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::{AsyncReadExt as _, AsyncWriteExt as _};
    use libp2p::StreamProtocol;
    use proptest::prelude::*;
    use tokio::io::DuplexStream;
    use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

    use super::*;
    use crate::streams::{Behaviour, Control, Incoming, Visibility};

    const HIDDEN: StreamProtocol = StreamProtocol::new("/orbitdb/heads/orbitdb/zdpu");

    fn accepting() -> (Control, Incoming) {
        let control = Behaviour::default().control();
        let incoming = control.accept(HIDDEN, 1, Visibility::Hidden).unwrap();
        (control, incoming)
    }

    /// The swarm's end and the peer's.
    fn pair(control: &Control) -> (LookupStream<Compat<DuplexStream>>, Compat<DuplexStream>) {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        (LookupStream::inbound(ours.compat(), control.hidden_names()), theirs.compat())
    }

    async fn read(stream: &mut (impl AsyncRead + Unpin), length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
    }

    /// What the swarm hears of a peer that says all of this and ends.
    async fn heard(control: &Control, said: &[u8]) -> Vec<u8> {
        let (mut swarm, mut peer) = pair(control);
        write(&mut peer, said).await;
        peer.close().await.unwrap();
        let mut heard = Vec::new();
        swarm.read_to_end(&mut heard).await.unwrap();
        heard
    }

    #[tokio::test]
    async fn a_hidden_protocol_is_agreed_on_by_its_stand_in() {
        let (control, _incoming) = accepting();
        let (mut swarm, mut peer) = pair(&control);
        let (stand_in, name) = (framed(STAND_IN.as_ref()), framed(HIDDEN.as_ref()));
        write(&mut peer, &[GREETING, &name, b"a head"].concat()).await;
        assert_eq!(read(&mut swarm, GREETING.len()).await, GREETING);
        assert_eq!(read(&mut swarm, stand_in.len()).await, stand_in);
        write(&mut swarm, GREETING).await;
        for byte in &stand_in {
            write(&mut swarm, &[*byte]).await;
        }
        write(&mut swarm, b"another").await;
        assert_eq!(read(&mut peer, GREETING.len() + name.len()).await, [GREETING, &name].concat());
        assert_eq!(read(&mut peer, 7).await, b"another");
        let told = name_frame(HIDDEN.as_ref()).unwrap();
        assert_eq!(read(&mut swarm, told.len()).await, told);
        assert_eq!(read(&mut swarm, 6).await, b"a head");
    }

    #[tokio::test]
    async fn the_swarm_may_refuse_all_the_same() {
        let (control, _incoming) = accepting();
        let (mut swarm, mut peer) = pair(&control);
        write(&mut peer, &[GREETING, &framed(HIDDEN.as_ref())].concat()).await;
        read(&mut swarm, GREETING.len() + framed(STAND_IN.as_ref()).len()).await;
        write(&mut swarm, &[GREETING, b"\x03na\n"].concat()).await;
        assert_eq!(read(&mut peer, GREETING.len() + 4).await, [GREETING, b"\x03na\n"].concat());
    }

    #[tokio::test]
    async fn a_peer_cannot_name_the_stand_in() {
        let (control, _incoming) = accepting();
        let said = [GREETING, &framed(STAND_IN.as_ref())].concat();
        assert_eq!(heard(&control, &said).await, [GREETING, NOBODY].concat());
    }

    #[tokio::test]
    async fn a_protocol_that_is_gone_passes_as_it_is() {
        let (control, incoming) = accepting();
        drop(incoming);
        let said = [GREETING, &framed(HIDDEN.as_ref())].concat();
        assert_eq!(heard(&control, &said).await, said);
    }

    proptest! {
        /// Whatever a peer says that does not begin by naming a hidden protocol, the swarm hears just that.
        #[test]
        fn all_else_passes_as_it_is(
            greeted in any::<bool>(),
            length in proptest::option::of([0x80_u8..=0xff, 0_u8..=0xff]),
            rest in proptest::collection::vec(any::<u8>(), 0..600),
        ) {
            let greeting = if greeted { GREETING } else { &[] };
            let said = [greeting, length.as_ref().map_or(&[], |length| &length[..]), &rest].concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (control, _incoming) = accepting();
            prop_assert_eq!(runtime.block_on(heard(&control, &said)), said);
        }
    }
}
