//! Pings between swarms over TCP, with peers that do not answer any themselves.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{Peer, within};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use p2p::{
    ping::{MAX_STREAMS_PER_PEER, MESSAGE_BYTES, PROTOCOL, Responder},
    streams::Stream,
};

async fn ping(stream: &mut Stream, payload: [u8; MESSAGE_BYTES]) -> std::io::Result<[u8; MESSAGE_BYTES]> {
    stream.write_all(&payload).await?;
    stream.flush().await?;
    let mut back = [0; MESSAGE_BYTES];
    within("the answer", stream.read_exact(&mut back)).await?;
    Ok(back)
}

#[tokio::test]
async fn a_peer_that_answers_no_pings_is_answered() {
    let (asking, answering) = (Peer::start().await, Peer::start().await);
    tokio::spawn(Responder::new(&answering.control).unwrap().run());
    asking.connect(&answering).await;
    for round in 0..3 {
        let mut stream = within("opening", asking.control.open(answering.id, PROTOCOL)).await.unwrap();
        assert_eq!(ping(&mut stream, [round; MESSAGE_BYTES]).await.unwrap(), [round; MESSAGE_BYTES]);
        assert_eq!(ping(&mut stream, [9; MESSAGE_BYTES]).await.unwrap(), [9; MESSAGE_BYTES]);
        stream.close().await.unwrap();
        let ended = within("the end", stream.read(&mut [0])).await;
        assert_eq!(ended.unwrap(), 0, "closed in order");
    }
    assert!(Responder::new(&answering.control).is_err(), "answered once");
}

#[tokio::test]
async fn one_peer_holds_only_so_many_ping_streams_and_others_are_answered() {
    let (greedy, honest, answering) = (Peer::start().await, Peer::start().await, Peer::start().await);
    tokio::spawn(Responder::new(&answering.control).unwrap().run());
    greedy.connect(&answering).await;
    honest.connect(&answering).await;
    let mut held = Vec::new();
    for _ in 0..MAX_STREAMS_PER_PEER {
        let mut stream = within("opening", greedy.control.open(answering.id, PROTOCOL)).await.unwrap();
        ping(&mut stream, [1; MESSAGE_BYTES]).await.unwrap();
        held.push(stream);
    }
    let mut further = within("opening", greedy.control.open(answering.id, PROTOCOL)).await.unwrap();
    assert!(ping(&mut further, [2; MESSAGE_BYTES]).await.is_err());
    let mut other = within("opening", honest.control.open(answering.id, PROTOCOL)).await.unwrap();
    ping(&mut other, [3; MESSAGE_BYTES]).await.unwrap();
}
