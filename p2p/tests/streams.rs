//! Streams between two swarms over TCP.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{Peer, within};
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _, future::join_all};
use libp2p::{StreamProtocol, identify, identity::Keypair, swarm::NetworkBehaviour};
use p2p::streams::{
    self, AlreadyAccepting, MAX_INBOUND_STREAMS, MAX_OUTBOUND_STREAMS, OpenError, Visibility,
};
use tokio::sync::mpsc;

const ECHO: StreamProtocol = StreamProtocol::new("/test/echo");
const OTHER: StreamProtocol = StreamProtocol::new("/test/other");

async fn connected_pair() -> (Peer, Peer) {
    let (one, two) = (Peer::start().await, Peer::start().await);
    one.connect(&two).await;
    (one, two)
}

/// Opens a stream that the other side is known to accept by now.
async fn open(from: &Peer, to: &Peer, protocol: StreamProtocol) -> Result<p2p::streams::Stream, OpenError> {
    within("opening", from.control.open(to.id, protocol)).await
}

#[tokio::test]
async fn bytes_travel_both_ways() {
    let (one, two) = connected_pair().await;
    let mut incoming = two.control.accept(ECHO, 1, Visibility::Advertised).unwrap();
    let mut stream = open(&one, &two, ECHO).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    stream.close().await.unwrap();

    let (peer, mut inbound) = within("the inbound stream", incoming.next()).await.unwrap();
    assert_eq!(peer, one.id);
    let mut heard = Vec::new();
    within("reading", inbound.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"ping");
    inbound.write_all(b"pong").await.unwrap();
    inbound.close().await.unwrap();

    heard.clear();
    within("reading", stream.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"pong");
}

#[tokio::test]
async fn protocols_come_and_go_while_connected() {
    let (one, two) = connected_pair().await;
    assert!(matches!(open(&one, &two, ECHO).await, Err(OpenError::Unsupported(_))));

    for _ in 0..3 {
        let incoming = two.control.accept(ECHO, 4, Visibility::Hidden).unwrap();
        assert_eq!(two.control.accept(ECHO, 4, Visibility::Hidden).unwrap_err(), AlreadyAccepting(ECHO));
        open(&one, &two, ECHO).await.expect("accepted at once on an existing connection");
        drop(incoming);
        assert!(matches!(open(&one, &two, ECHO).await, Err(OpenError::Unsupported(_))));
    }
    assert_eq!(one.control.stats().open_unsupported, 4);
}

#[tokio::test]
async fn opening_to_a_stranger_fails_at_once() {
    let (one, two) = (Peer::start().await, Peer::start().await);
    assert!(matches!(open(&one, &two, ECHO).await, Err(OpenError::NotConnected(peer)) if peer == two.id));
    assert_eq!(one.control.stats().open_not_connected, 1);
}

#[tokio::test]
async fn a_burst_within_the_bounds_loses_nothing() {
    let (one, two) = connected_pair().await;
    let protocols: Vec<_> =
        (0..80).map(|nth| StreamProtocol::try_from_owned(format!("/test/{nth}")).unwrap()).collect();
    let mut accepting: Vec<_> =
        protocols.iter().map(|p| two.control.accept(p.clone(), 1, Visibility::Hidden).unwrap()).collect();

    let opened = join_all(protocols.iter().map(|protocol| async {
        let mut stream = open(&one, &two, protocol.clone()).await.unwrap();
        stream.write_all(protocol.as_ref().as_bytes()).await.unwrap();
        stream.close().await.unwrap();
        stream
    }))
    .await;

    for (incoming, protocol) in accepting.iter_mut().zip(&protocols) {
        let (_, mut stream) = within("an inbound stream", incoming.next()).await.unwrap();
        let mut heard = String::new();
        within("reading", stream.read_to_string(&mut heard)).await.unwrap();
        assert_eq!(heard, protocol.as_ref());
    }
    assert_eq!(opened.len(), 80);
    assert_eq!(two.control.stats().accepted, 80);
}

#[tokio::test]
async fn a_full_queue_resets_and_counts() {
    let (one, two) = connected_pair().await;
    let mut incoming = two.control.accept(ECHO, 2, Visibility::Advertised).unwrap();
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(open(&one, &two, ECHO).await.unwrap());
    }
    let refused = within("the reset", streams[2].read(&mut [0])).await;
    assert!(matches!(refused, Ok(0) | Err(_)), "nothing is read from a reset stream: {refused:?}");
    assert_eq!(two.control.stats().refused_queue_full, 1);
    assert_eq!(two.control.stats().accepted, 2);
    assert!(within("the first", incoming.next()).await.is_some());
}

#[tokio::test]
async fn a_peer_holds_only_so_many_streams_of_a_protocol() {
    let (one, two) = connected_pair().await;
    let three = Peer::start().await;
    three.connect(&two).await;
    let mut incoming = two.control.accept(ECHO, 1000, Visibility::Advertised).unwrap();
    let _other = two.control.accept(OTHER, 1, Visibility::Advertised).unwrap();

    let mut held = Vec::new();
    for _ in 0..MAX_OUTBOUND_STREAMS {
        held.push(open(&one, &two, ECHO).await.unwrap());
    }
    assert!(matches!(open(&one, &two, ECHO).await, Err(OpenError::TooMany)));
    open(&one, &two, OTHER).await.expect("another protocol has its own bound");
    open(&three, &two, ECHO).await.expect("another peer has its own bound");

    held.pop();
    held.push(open(&one, &two, ECHO).await.expect("an ended stream makes room"));
    assert!(two.control.stats().accepted <= MAX_INBOUND_STREAMS as u64);
    assert!(within("an inbound stream", incoming.next()).await.is_some());
}

#[tokio::test]
async fn opening_ends_with_the_connection() {
    let (one, two) = connected_pair().await;
    let _incoming = two.control.accept(ECHO, 1, Visibility::Advertised).unwrap();
    let mut stream = open(&one, &two, ECHO).await.unwrap();
    one.disconnect(&two).await;
    let read = within("the end of the stream", stream.read(&mut [0])).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert!(matches!(open(&one, &two, ECHO).await, Err(OpenError::NotConnected(_))));
}

/// libp2p's own identify tells what the swarm believes that a connection accepts.
#[derive(NetworkBehaviour)]
struct Witnessed {
    identify: identify::Behaviour,
    streams: streams::Behaviour,
}

#[tokio::test]
async fn hidden_protocols_cost_and_tell_nothing() {
    let (heard, mut told) = mpsc::unbounded_channel();
    let behaviour = |key: &Keypair, streams| {
        let identify = identify::Behaviour::new(identify::Config::new("test/1".into(), key.public()));
        Witnessed { identify, streams }
    };
    let listen = move |event| {
        if let WitnessedEvent::Identify(identify::Event::Received { info, .. }) = event {
            let _ = heard.send(info.protocols);
        }
    };
    let one = Peer::start_with(behaviour, listen).await;
    let two = Peer::start_with(behaviour, |_| {}).await;
    let _listed = two.control.accept(ECHO, 1, Visibility::Advertised).unwrap();
    let _hidden = two.control.accept(OTHER, 1, Visibility::Hidden).unwrap();
    one.connect(&two).await;

    let protocols = within("identify", told.recv()).await.unwrap();
    assert!(protocols.contains(&ECHO) && !protocols.contains(&OTHER), "{protocols:?}");
    open(&one, &two, OTHER).await.expect("accepted all the same");
}
