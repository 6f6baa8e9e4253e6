//! Blocks exchanged between swarms over TCP.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    sync::{Arc, RwLock},
};

use bytes::Bytes;
use cid::{Cid, multihash::Multihash};
use common::{Peer, within};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::StreamProtocol;
use p2p::{
    bitswap::{
        self, BlockSource, Handle, PROTOCOL, Session, Stats,
        limits::{MAX_BLOCK, SESSION_WINDOW},
        message::{Block, Message},
    },
    streams::{OpenError, Stream},
};
use sha2::{Digest as _, Sha256};

#[derive(Debug, Clone, Default)]
struct Store(Arc<RwLock<HashMap<Cid, Bytes>>>);

impl Store {
    fn put(&self, data: impl Into<Bytes>) -> Cid {
        let data = data.into();
        let cid = name(&data);
        self.0.write().unwrap().insert(cid, data);
        cid
    }
}

impl BlockSource for Store {
    type Error = Infallible;

    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, Infallible> {
        Ok(self.0.read().unwrap().get(cid).cloned())
    }
}

fn name(data: &[u8]) -> Cid {
    Cid::new_v1(0x71, Multihash::wrap(0x12, &Sha256::digest(data)).unwrap())
}

/// `length` bytes that differ from those of any other `seed`.
fn bytes(seed: u32, length: usize) -> Bytes {
    seed.to_be_bytes().iter().copied().cycle().take(length.max(4)).collect::<Vec<_>>().into()
}

struct Node {
    peer: Peer,
    store: Store,
    exchange: Handle,
}

impl Node {
    async fn start() -> Self {
        let (peer, store) = (Peer::start().await, Store::default());
        let (exchange, driver) = bitswap::new(peer.control.clone(), store.clone()).unwrap();
        tokio::spawn(driver.run());
        Self { peer, store, exchange }
    }

    async fn connect(&self, other: &Self) {
        self.peer.connect(&other.peer).await;
        self.exchange.peer_ready(other.peer.id).await.unwrap();
        other.exchange.peer_ready(self.peer.id).await.unwrap();
    }

    async fn disconnect(&self, other: &Self) {
        self.peer.disconnect(&other.peer).await;
        self.exchange.peer_gone(other.peer.id).await.unwrap();
        other.exchange.peer_gone(self.peer.id).await.unwrap();
    }

    async fn stats(&self) -> Stats {
        self.exchange.stats().await.unwrap()
    }

    /// Waits until the exchange is in a state that `holds` accepts.
    async fn until(&self, what: &str, holds: impl Fn(&Stats) -> bool) -> Stats {
        within(what, async {
            loop {
                let stats = self.stats().await;
                if holds(&stats) {
                    return stats;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

async fn connected_pair() -> (Node, Node) {
    let (one, two) = (Node::start().await, Node::start().await);
    one.connect(&two).await;
    (one, two)
}

async fn take(session: &mut Session, count: usize) -> BTreeMap<Cid, Bytes> {
    let mut taken = BTreeMap::new();
    within("the blocks", async {
        while taken.len() < count {
            let block = session.recv().await.unwrap();
            assert!(taken.insert(block.cid, block.data).is_none(), "{} delivered twice", block.cid);
        }
    })
    .await;
    taken
}

#[tokio::test]
async fn three_thousand_small_and_two_hundred_large_blocks() {
    let (server, client) = connected_pair().await;
    let small = (0..3000).map(|seed| bytes(seed, 400));
    let large = (3000..3200).map(|seed| bytes(seed, 100_000));
    let blocks: BTreeMap<Cid, Bytes> =
        small.chain(large).map(|data| (server.store.put(data.clone()), data)).collect();

    let mut session = client.exchange.session().await.unwrap();
    session.want(blocks.keys().copied(), Some(server.peer.id)).unwrap();
    assert!(take(&mut session, blocks.len()).await == blocks);

    let stats = server.until("the count", |stats| stats.blocks_sent == 3200 && stats.wants_held == 0).await;
    assert_eq!(stats.bytes_sent, 3000 * 400 + 200 * 100_000);
    let stats = client.stats().await;
    assert_eq!((stats.blocks_received, stats.blocks_duplicate, stats.blocks_unwanted), (3200, 0, 0));
    assert_eq!((stats.wants_open, session.open()), (0, 0));
}

#[tokio::test]
async fn the_largest_block_passes_and_a_larger_one_is_not_there() {
    let (server, client) = connected_pair().await;
    let largest = server.store.put(bytes(1, MAX_BLOCK));
    let too_large = server.store.put(bytes(2, MAX_BLOCK + 1));
    let mut session = client.exchange.session().await.unwrap();
    session.want([too_large, largest], None).unwrap();
    assert_eq!(take(&mut session, 1).await.into_keys().collect::<Vec<_>>(), [largest]);
    client.until("the dont-have", |stats| stats.dont_haves_received == 1).await;
    assert_eq!(server.stats().await.blocks_too_large, 1);
}

#[tokio::test]
async fn a_block_that_arrives_late_is_sent_unasked() {
    let (server, client) = connected_pair().await;
    let data = bytes(7, 300);
    let mut session = client.exchange.session().await.unwrap();
    session.want([name(&data)], None).unwrap();
    client.until("the dont-have", |stats| stats.dont_haves_received == 1).await;
    assert_eq!(client.exchange.unmet().await.unwrap()[0].asked, [server.peer.id]);

    let cid = server.store.put(data.clone());
    server.exchange.stored(vec![cid]).await.unwrap();
    assert_eq!(take(&mut session, 1).await[&cid], data);
    server.until("the end of the want", |stats| stats.wants_held == 0).await;
}

#[tokio::test]
async fn a_want_finds_the_peer_that_has_the_block() {
    let client = Node::start().await;
    let others = [Node::start().await, Node::start().await, Node::start().await];
    for other in &others {
        client.connect(other).await;
    }
    let cid = others[2].store.put(bytes(1, 2000));
    let mut session = client.exchange.session().await.unwrap();
    session.want([cid], Some(others[0].peer.id)).unwrap();
    let block = within("the block", session.recv()).await.unwrap();
    assert_eq!((block.cid, block.from), (cid, others[2].peer.id));
    for other in &others {
        other.until("cancels to arrive", |stats| stats.wants_held == 0).await;
    }
}

#[tokio::test]
async fn a_transfer_goes_on_after_the_connection_broke() {
    let (server, client) = connected_pair().await;
    let cids: Vec<Cid> = (0..600).map(|seed| server.store.put(bytes(seed, 50_000))).collect();
    let mut session = client.exchange.session().await.unwrap();
    session.want(cids.iter().copied(), Some(server.peer.id)).unwrap();
    let mut taken = take(&mut session, 50).await;

    client.disconnect(&server).await;
    client.connect(&server).await;
    taken.extend(take(&mut session, 550).await);
    assert_eq!(taken.len(), cids.len());
}

#[tokio::test]
async fn a_slow_session_stalls_no_other_and_both_get_shared_blocks() {
    let (server, client) = connected_pair().await;
    let cids: Vec<Cid> = (0..3000).map(|seed| server.store.put(bytes(seed, 100))).collect();
    let (mut slow, mut quick) =
        (client.exchange.session().await.unwrap(), client.exchange.session().await.unwrap());
    slow.want(cids.iter().copied(), None).unwrap();
    client.until("the slow session's window to fill", |s| s.blocks_received == SESSION_WINDOW as u64).await;

    quick.want(cids.iter().copied(), None).unwrap();
    assert_eq!(take(&mut quick, 3000).await.len(), 3000);
    assert_eq!(slow.open(), 3000);
    assert_eq!(take(&mut slow, 3000).await.len(), 3000);
}

#[tokio::test]
async fn cancelled_and_dropped_wants_end_at_the_peer_too() {
    let (server, client) = connected_pair().await;
    let missing: Vec<Cid> = (0..20).map(|seed| name(&bytes(seed, 10))).collect();
    let mut session = client.exchange.session().await.unwrap();
    session.want(missing.iter().copied(), None).unwrap();
    server.until("the wants", |stats| stats.wants_held == 20).await;

    session.cancel(&missing[..5]);
    assert_eq!(session.open(), 15);
    server.until("the cancels", |stats| stats.wants_held == 15).await;
    drop(session);
    server.until("the end of the session", |stats| stats.wants_held == 0).await;
    assert_eq!(client.stats().await.wants_open, 0);
}

#[tokio::test]
async fn wanting_again_what_was_cancelled_works() {
    let (server, client) = connected_pair().await;
    let cid = server.store.put(bytes(1, 10));
    let mut session = client.exchange.session().await.unwrap();
    for _ in 0..20 {
        session.want([cid], None).unwrap();
        session.cancel(&[cid]);
    }
    session.want([cid], None).unwrap();
    assert_eq!(take(&mut session, 1).await.len(), 1);
}

/// A peer that speaks bitswap by hand.
async fn stream_to(from: &Peer, to: &Peer) -> Result<Stream, OpenError> {
    within("opening", from.control.open(to.id, PROTOCOL)).await
}

#[tokio::test]
async fn hostile_streams_are_counted_and_harm_nobody() {
    let (server, client) = connected_pair().await;
    let hostile = Peer::start().await;
    hostile.connect(&server.peer).await;

    let mut held = Vec::new();
    for (what, sent) in [
        ("an oversized length", &[0xff, 0xff, 0xff, 0xff, 0x0f][..]),
        ("an endless length", &[0xff; 20]),
        ("garbage", &[5, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ] {
        let mut stream = stream_to(&hostile, &server.peer).await.unwrap();
        stream.write_all(sent).await.unwrap();
        stream.flush().await.unwrap();
        // The stream ends though we do not close it.
        let end = within(what, stream.read_to_end(&mut Vec::new())).await;
        drop(end);
        held.push(stream);
    }
    let mut cut = stream_to(&hostile, &server.peer).await.unwrap();
    cut.write_all(&[100, 1, 2, 3]).await.unwrap();
    cut.close().await.unwrap();
    let stats = server.until("the counts", |stats| stats.messages_broken == 1).await;
    assert_eq!((stats.messages_too_long, stats.messages_malformed), (1, 2));

    // Streams that never end: all the peer may have, beyond what is read at a time.
    while let Ok(stream) = stream_to(&hostile, &server.peer).await {
        held.push(stream);
    }
    // Blocks that nobody wants.
    let data = bytes(9, 1000);
    let unwanted = Message { blocks: vec![Block { cid: name(&data), data }], ..Message::default() };
    let mut stream = held.pop().unwrap();
    stream.write_all(&unwanted.encode()).await.unwrap();
    stream.flush().await.unwrap();

    let cids: Vec<Cid> = (0..100).map(|seed| server.store.put(bytes(seed, 1000))).collect();
    let mut session = client.exchange.session().await.unwrap();
    session.want(cids, None).unwrap();
    assert_eq!(take(&mut session, 100).await.len(), 100);
}

#[tokio::test]
async fn a_peer_that_speaks_no_bitswap_is_asked_in_vain() {
    let client = Node::start().await;
    let mute = Peer::start().await;
    client.peer.connect(&mute).await;
    client.exchange.peer_ready(mute.id).await.unwrap();
    let server = Node::start().await;
    client.connect(&server).await;
    let cid = server.store.put(bytes(1, 10));
    let mut session = client.exchange.session().await.unwrap();
    session.want([cid], Some(mute.id)).unwrap();
    assert_eq!(take(&mut session, 1).await.len(), 1, "the other peer is asked after a moment");
    assert!(client.stats().await.sends_failed > 0);
}

#[tokio::test]
async fn there_is_one_exchange() {
    let node = Node::start().await;
    assert!(bitswap::new(node.peer.control, Store::default()).is_err());
    assert_eq!(PROTOCOL, StreamProtocol::new("/ipfs/bitswap/1.2.0"));
}

#[tokio::test]
async fn huge_blocks_wait_for_a_session_that_takes_nothing() {
    let (server, client) = connected_pair().await;
    let size = 2 * 1024 * 1024;
    let cids: Vec<Cid> = (0..50).map(|seed| server.store.put(bytes(seed, size))).collect();
    let mut session = client.exchange.session().await.unwrap();
    session.want(cids, None).unwrap();
    client.until("the overflow", |s| s.blocks_overflowed > 0 && s.wants_open == 0).await;
    assert_eq!(take(&mut session, 50).await.len(), 50);
}
