use std::{future::poll_fn, pin::Pin, time::Duration};

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::muxing::StreamMuxerExt as _;
use tokio::io::DuplexStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

use super::*;
use crate::streams;

/// A yamux header as it stands on the wire.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    kind: u8,
    flags: u16,
    stream: u32,
    length: u32,
}

const DATA: u8 = 0;
const PING: u8 = 2;
const SYN: u16 = 1;
const ACK: u16 = 2;
const DEADLINE: Duration = Duration::from_secs(20);

/// The next header, past the pings by which yamux measures the round trip.
async fn read_header(io: &mut Compat<DuplexStream>) -> Header {
    loop {
        let header = read_any_header(io).await;
        if (header.kind, header.flags) != (PING, SYN) {
            return header;
        }
    }
}

async fn read_any_header(io: &mut Compat<DuplexStream>) -> Header {
    let mut raw = [0; 12];
    io.read_exact(&mut raw).await.unwrap();
    assert_eq!(raw[0], 0, "yamux version");
    Header {
        kind: raw[1],
        flags: u16::from_be_bytes([raw[2], raw[3]]),
        stream: u32::from_be_bytes([raw[4], raw[5], raw[6], raw[7]]),
        length: u32::from_be_bytes([raw[8], raw[9], raw[10], raw[11]]),
    }
}

async fn write_header(io: &mut Compat<DuplexStream>, header: &Header) {
    let mut raw = vec![0, header.kind];
    raw.extend(header.flags.to_be_bytes());
    raw.extend(header.stream.to_be_bytes());
    raw.extend(header.length.to_be_bytes());
    io.write_all(&raw).await.unwrap();
    io.flush().await.unwrap();
}

/// Our muxer as the dialer, and the bare other end.
fn pair() -> (Muxer<Compat<DuplexStream>>, Compat<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let config = Config::new(&streams::Behaviour::default().control());
    (Muxer::new(ours.compat(), config, yamux::Mode::Client), theirs.compat())
}

/// Polls the muxer for ever, as a swarm does.
async fn drive(mut muxer: Muxer<Compat<DuplexStream>>) {
    while poll_fn(|cx| Pin::new(&mut muxer).poll(cx)).await.is_ok() {}
}

#[tokio::test]
async fn a_large_write_is_one_frame() {
    let (mut muxer, mut wire) = pair();
    let mut stream = poll_fn(|cx| muxer.poll_outbound_unpin(cx)).await.unwrap();
    tokio::spawn(drive(muxer));

    let heads = [vec![1; 200_000], vec![2; 50_000]];
    let sent = heads.clone();
    let writer = tokio::spawn(async move {
        for head in &sent {
            stream.write_all(head).await.unwrap();
            stream.flush().await.unwrap();
        }
        stream
    });
    for (nth, head) in heads.iter().enumerate() {
        let header = tokio::time::timeout(DEADLINE, read_header(&mut wire)).await.unwrap();
        let flags = if nth == 0 { SYN } else { 0 };
        assert_eq!(
            header,
            Header { kind: DATA, flags, stream: 1, length: u32::try_from(head.len()).unwrap() }
        );
        let mut body = vec![0; head.len()];
        wire.read_exact(&mut body).await.unwrap();
        assert_eq!(&body, head);
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn keep_alive_pings_are_answered() {
    let (muxer, mut wire) = pair();
    tokio::spawn(drive(muxer));
    write_header(&mut wire, &Header { kind: PING, flags: SYN, stream: 0, length: 77 }).await;
    let answer = tokio::time::timeout(DEADLINE, read_header(&mut wire)).await.unwrap();
    assert_eq!(answer, Header { kind: PING, flags: ACK, stream: 0, length: 77 });
}

#[tokio::test]
async fn a_window_is_never_widened_beyond_its_start() {
    let (muxer, mut wire) = pair();
    let (inbound, accepted) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut muxer = muxer;
        let stream = poll_fn(|cx| muxer.poll_inbound_unpin(cx)).await.unwrap();
        inbound.send(stream).unwrap();
        drive(muxer).await;
    });
    let (mut from_peer, mut to_peer) = tokio::io::split(wire.get_mut());
    let window = tokio::sync::Semaphore::new(WINDOW);
    let feed = async {
        use tokio::io::AsyncWriteExt as _;
        for nth in 0_u16..40 {
            window.acquire_many(100_000).await.unwrap().forget();
            let flags = if nth == 0 { SYN } else { 0 };
            let mut frame = vec![0, DATA];
            frame.extend(flags.to_be_bytes());
            frame.extend(2_u32.to_be_bytes());
            frame.extend(100_000_u32.to_be_bytes());
            frame.extend(vec![7; 100_000]);
            to_peer.write_all(&frame).await.unwrap();
        }
    };
    let read = async {
        let mut stream = accepted.await.unwrap();
        let mut body = vec![0; 4_000_000];
        stream.read_exact(&mut body).await.unwrap();
        stream
    };
    // Every credit that is handed out brings the window back to its start, never above.
    let credits = async {
        use tokio::io::AsyncReadExt as _;
        let mut raw = [0; 12];
        loop {
            from_peer.read_exact(&mut raw).await.unwrap();
            let credit = u32::from_be_bytes([raw[8], raw[9], raw[10], raw[11]]);
            if raw[1] == 1 {
                window.add_permits(credit as usize);
                assert!(window.available_permits() <= WINDOW, "{credit} bytes of credit widen the window");
            }
        }
    };
    let transfer = async { tokio::join!(feed, read).1 };
    tokio::select! {
        _ = transfer => {}
        () = credits => {}
        () = tokio::time::sleep(DEADLINE) => panic!("transfer did not end"),
    }
}

#[tokio::test]
async fn opening_waits_at_the_limit_and_goes_on_when_a_stream_ends() {
    let (mut muxer, _wire) = pair();
    let live = MAX_STREAMS - INBOUND_RESERVE;
    // yamux itself stops at 256 unacknowledged streams; tokens alone stand for the rest.
    let mut tokens: Vec<Token> = (0..live).map(|_| muxer.live.token()).collect();
    let mut waiting = poll_once(&mut muxer);
    assert!(waiting.is_none());
    tokens.pop();
    waiting = poll_once(&mut muxer);
    assert!(waiting.is_some());
}

fn poll_once(muxer: &mut Muxer<Compat<DuplexStream>>) -> Option<Stream> {
    let mut cx = Context::from_waker(Waker::noop());
    match muxer.poll_outbound_unpin(&mut cx) {
        Poll::Ready(stream) => Some(stream.unwrap()),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_token_that_ends_wakes_who_waits() {
    let live = LiveStreams::default();
    let token = live.token();
    let waiting = tokio::spawn(async move { poll_fn(|cx| live.poll_below(1, cx)).await });
    tokio::task::yield_now().await;
    drop(token);
    tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap();
}
