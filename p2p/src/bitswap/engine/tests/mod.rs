//! The engine without sockets, disks and clocks; every random run is given by its seed.

mod asking;
mod serving;
mod world;

use std::{collections::HashMap, sync::LazyLock};

use bytes::Bytes;
use cid::multihash::Multihash;
use libp2p::identity::Keypair;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::bitswap::{
    limits::INLINE_BLOCK,
    message::{Block, Want, WantKind},
};

/// splitmix64: small, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }

    fn one_in(&mut self, limit: usize) -> bool {
        self.below(limit) == 0
    }
}

fn peer(nth: u8) -> PeerId {
    Keypair::ed25519_from_bytes([nth; 32]).unwrap().public().to_peer_id()
}

/// A block, every third of which is too large to be sent in place of a have.
fn block(nth: usize) -> Block {
    let size = if nth.is_multiple_of(3) { INLINE_BLOCK } else { 40 };
    let mut data = nth.to_be_bytes().to_vec();
    data.resize(size, 0);
    let hash = Multihash::wrap(0x12, &Sha256::digest(&data)).unwrap();
    Block { cid: Cid::new_v1(0x71, hash), data: data.into() }
}

/// Names of more blocks than may be wanted.
static MANY: LazyLock<Vec<Cid>> = LazyLock::new(|| (0..6000).map(|nth| block(nth).cid).collect());

fn want(cid: Cid, kind: WantKind) -> Want {
    Want { cid, kind, send_dont_have: true }
}

fn wants(cids: impl IntoIterator<Item = Cid>) -> Message {
    let wants = cids.into_iter().map(|cid| want(cid, WantKind::Block)).collect();
    Message { wants, ..Message::default() }
}

fn look_up(store: &HashMap<Cid, Bytes>, cid: Cid, kind: WantKind) -> Found {
    match store.get(&cid) {
        None => Found::Missing,
        Some(data) if kind == WantKind::Have && data.len() >= INLINE_BLOCK => Found::Present,
        Some(data) => Found::Block(data.clone()),
    }
}

fn outputs(engine: &mut Engine) -> Vec<Output> {
    std::iter::from_fn(|| engine.next_output()).collect()
}

/// Runs what an engine wants done for `peer`, and returns the messages that it sent.
fn serve(engine: &mut Engine, store: &HashMap<Cid, Bytes>, now: Duration) -> Vec<(PeerId, Purpose, Message)> {
    let mut sent = Vec::new();
    while let Some(output) = engine.next_output() {
        match output {
            Output::LookUp { job, peer, wanted } => {
                let found = wanted.into_iter().map(|(cid, kind)| (cid, look_up(store, cid, kind))).collect();
                engine.looked_up(job, peer, found, now);
            }
            Output::Send { job, peer, purpose, message } => {
                engine.sent(job, peer, purpose, Content::from(&message), Sent::Delivered, now);
                sent.push((peer, purpose, message));
            }
            Output::Deliver { .. } => {}
        }
    }
    sent
}

fn stored(blocks: &[Block]) -> HashMap<Cid, Bytes> {
    blocks.iter().map(|block| (block.cid, block.data.clone())).collect()
}
