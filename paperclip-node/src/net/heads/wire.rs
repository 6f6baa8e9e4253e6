//! One exchange on one stream.

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use oplog::cbor;
use p2p::muxer::WHOLE_WRITE_BUDGET;
use std::{io, time::Duration};
use tokio::sync::watch;

/// The most heads taken from one stream. A log with more concurrent writers than that gets them by several exchanges.
pub const MAX_HEADS: usize = 1024;

/// The most bytes taken from one stream: room for a few heads of the largest size.
pub const MAX_STREAM_BYTES: usize = 16 * 1024 * 1024;

/// How long to wait for the next byte. JavaScript sends all it has at once and closes.
const STALL: Duration = Duration::from_secs(5);

/// How long an exchange may take in all.
const TOTAL: Duration = Duration::from_secs(30);

/// How long to hold heads back for an implementation that waits for us in turn. JavaScript never does.
const COURTESY: Duration = Duration::from_secs(1);

/// Which end of the stream we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We opened the stream.
    Dialer,
    /// The other side did.
    Listener,
}

/// What came of an exchange.
#[derive(Debug, Default)]
pub struct Exchanged {
    /// The other side's heads, in its order.
    pub received: Vec<Bytes>,
    /// Bytes behind the last good head that were no head.
    pub garbage: usize,
    /// How many of our heads were sent; the first so many of those given.
    pub sent: usize,
}

/// Why an exchange failed. Heads that were complete by then are not lost: they are in `received`.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The stream broke.
    #[error("stream: {0}")]
    Io(#[from] io::Error),
    /// Nothing came for [`STALL`], or it was not over after [`TOTAL`].
    #[error("the peer did not finish in time")]
    Timeout,
    /// More than [`MAX_STREAM_BYTES`] came.
    #[error("more than {MAX_STREAM_BYTES} bytes of heads")]
    TooLong,
    /// The peer has as many bytes of heads under way as one may have.
    #[error("no room for more heads of this peer")]
    NoRoom,
}

/// Sends `ours` and reads theirs. Heads beyond what a fresh stream takes whole ([`WHOLE_WRITE_BUDGET`]) are left for
/// another exchange; `sent` says how many went. `take` says of so many bytes of theirs whether there is room for them.
pub async fn exchange<S>(
    stream: S,
    role: Role,
    ours: &[Bytes],
    take: impl FnMut(usize) -> bool,
) -> (Exchanged, Result<(), ExchangeError>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (reader, writer) = stream.split();
    let (heard, hears) = watch::channel(false);
    let mut bytes = Vec::new();
    let mut sent = 0;
    let both = async {
        let (read, written) = futures::join!(
            read_all(reader, &mut bytes, &heard, take),
            write_all(writer, role, ours, hears, &mut sent)
        );
        read.and(written)
    };
    let result = tokio::time::timeout(TOTAL, both).await.unwrap_or(Err(ExchangeError::Timeout));
    let (received, garbage) = split(bytes.into());
    (Exchanged { received, garbage, sent }, result)
}

async fn read_all(
    mut reader: impl AsyncRead + Unpin,
    bytes: &mut Vec<u8>,
    heard: &watch::Sender<bool>,
    mut take: impl FnMut(usize) -> bool,
) -> Result<(), ExchangeError> {
    let mut chunk = vec![0; 16 * 1024];
    let result = loop {
        let read = tokio::time::timeout(STALL, reader.read(&mut chunk)).await;
        heard.send_replace(true);
        match read {
            Err(_) => break Err(ExchangeError::Timeout),
            Ok(Err(error)) => break Err(error.into()),
            Ok(Ok(0)) => break Ok(()),
            Ok(Ok(length)) if bytes.len() + length > MAX_STREAM_BYTES => break Err(ExchangeError::TooLong),
            Ok(Ok(length)) if !take(length) => break Err(ExchangeError::NoRoom),
            Ok(Ok(length)) => bytes.extend_from_slice(&chunk[..length]),
        }
    };
    heard.send_replace(true);
    result
}

async fn write_all(
    mut writer: impl AsyncWrite + Unpin,
    role: Role,
    ours: &[Bytes],
    mut hears: watch::Receiver<bool>,
    sent: &mut usize,
) -> Result<(), ExchangeError> {
    let mut budget = WHOLE_WRITE_BUDGET;
    for head in ours {
        if head.len() > budget {
            break;
        }
        // A JavaScript dialer may not listen yet, and would take two heads that came before for one; a listener takes
        // one head even then.
        let before = role == Role::Dialer && *sent == 0;
        if !before {
            // after the courtesy, the other side is no JavaScript peer, and reads at its leisure
            drop(tokio::time::timeout(COURTESY, hears.wait_for(|heard| *heard)).await);
        }
        writer.write_all(head).await?;
        writer.flush().await?;
        budget -= head.len();
        *sent += 1;
    }
    if role == Role::Listener && ours.is_empty() {
        drop(tokio::time::timeout(COURTESY, hears.wait_for(|heard| *heard)).await);
    }
    writer.close().await?;
    Ok(())
}

/// Cuts what came into heads: consecutive CBOR values, whatever the frames were. What cannot be read ends it, since nothing
/// tells where the next head begins.
fn split(bytes: Bytes) -> (Vec<Bytes>, usize) {
    let mut heads = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() && heads.len() < MAX_HEADS {
        match cbor::decode_first(&rest) {
            Ok((_, length)) => heads.push(rest.split_to(length)),
            Err(_) => break,
        }
    }
    (heads, rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::Cursor;
    use tokio_util::compat::TokioAsyncReadCompatExt as _;

    fn head(n: u8) -> Bytes {
        Bytes::from(cbor::encode(&oplog::Value::from(vec![
            i64::from(n).into(),
            "x".repeat(50).as_str().into(),
        ])))
    }

    #[test]
    fn good_heads_before_garbage_are_kept() {
        let bytes = [head(1), head(2), Bytes::from_static(&[0xff, 1, 2])].concat();
        assert_eq!(split(bytes.into()), (vec![head(1), head(2)], 3));
    }

    #[tokio::test]
    async fn both_sides_get_everything_whoever_dials() {
        for (left, right) in [(0, 0), (1, 0), (0, 1), (3, 5), (1, 1)] {
            let (a, b) = tokio::io::duplex(1 << 20);
            let ours: Vec<Bytes> = (0..left).map(head).collect();
            let theirs: Vec<Bytes> = (100..100 + right).map(head).collect();
            let ((dialer, dialed), (listener, listened)) = tokio::join!(
                exchange(a.compat(), Role::Dialer, &ours, |_| true),
                exchange(b.compat(), Role::Listener, &theirs, |_| true)
            );
            dialed.unwrap();
            listened.unwrap();
            assert_eq!((dialer.received, listener.received), (theirs, ours), "{left} and {right} heads");
        }
    }

    #[tokio::test]
    async fn heads_beyond_the_window_wait_for_another_stream() {
        let big = Bytes::from(vec![0x40; 100_000]);
        let (a, b) = tokio::io::duplex(1 << 20);
        let ours = vec![big.clone(), big.clone(), big];
        let ((dialer, _), (listener, _)) = tokio::join!(
            exchange(a.compat(), Role::Dialer, &ours, |_| true),
            exchange(b.compat(), Role::Listener, &[], |_| true)
        );
        assert_eq!(dialer.sent, 2);
        assert_eq!(listener.received.len(), MAX_HEADS, "each byte was an empty byte string");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_closes_does_not_hold_us() {
        let (a, mut b) = tokio::io::duplex(1 << 20);
        tokio::io::AsyncWriteExt::write_all(&mut b, &head(7)).await.unwrap();
        let (exchanged, result) = exchange(a.compat(), Role::Dialer, &[], |_| true).await;
        assert!(matches!(result, Err(ExchangeError::Timeout)));
        assert_eq!(exchanged.received, [head(7)], "what it said counts");
    }

    #[tokio::test]
    async fn what_there_is_no_room_for_ends_the_exchange_and_no_more() {
        let (a, b) = tokio::io::duplex(1 << 20);
        let (theirs, mut room) = ([head(1), head(2)], head(1).len());
        let take = |bytes| {
            let fits = bytes <= room;
            room -= if fits { bytes } else { 0 };
            fits
        };
        let ((exchanged, result), _) = tokio::join!(
            exchange(a.compat(), Role::Dialer, &[], take),
            exchange(b.compat(), Role::Listener, &theirs, |_| true)
        );
        assert!(matches!(result, Err(ExchangeError::NoRoom)), "{result:?}");
        assert!(exchanged.received.len() <= 1);
    }

    #[tokio::test]
    async fn an_endless_stream_is_cut_off() {
        let endless = Cursor::new(vec![0x00; MAX_STREAM_BYTES + 1]);
        let (exchanged, result) = exchange(endless, Role::Listener, &[], |_| true).await;
        assert!(matches!(result, Err(ExchangeError::TooLong)));
        assert_eq!(exchanged.received.len(), MAX_HEADS);
    }
}
