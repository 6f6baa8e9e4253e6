//! What a peer can make a joiner keep: bounded for all peers, shared among them, and given back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use bytes::Bytes;
use oplog::{
    Address, Value,
    access::Writers,
    entry::{Draft, Entry},
    hash::Hash,
    identity::Identity,
    join::{Effect, Joiner, Limits, Policy, Source},
    keys::SigningKey,
    memory::MemoryLog,
    order::{Clock, Time},
    view::Operation,
};

const HOSTILE: Source<u8> = Source::Peer(1);
const HONEST: Source<u8> = Source::Peer(2);

fn address() -> Address {
    Hash::of(b"a manifest").into()
}

fn unknown(n: usize) -> Hash {
    Hash::of(&n.to_be_bytes())
}

struct Peer {
    joiner: Joiner<u8>,
    store: MemoryLog,
    identity: Identity,
    key: SigningKey,
    /// Whether identity blocks can be had.
    identified: bool,
    wanted: usize,
    refused: Vec<&'static str>,
}

impl Peer {
    fn new(limits: Limits) -> Self {
        let (root, key) =
            (SigningKey::from_bytes([1; 32]).unwrap(), SigningKey::from_bytes([2; 32]).unwrap());
        Self {
            joiner: Joiner::new(address(), Writers::Anyone, Policy::default(), limits),
            store: MemoryLog::default(),
            identity: Identity::create(&root, &key),
            key,
            identified: true,
            wanted: 0,
            refused: Vec::new(),
        }
    }

    /// An entry that says `n` and builds on `next`.
    fn entry(&self, n: i64, next: Vec<Hash>, size: usize) -> Bytes {
        let value = Value::Bytes(vec![n.to_be_bytes()[7]; size]);
        let payload = Operation::put(n.to_string(), value).into_payload();
        let time = Time::from_value(&1000.into()).unwrap();
        let clock = Clock { id: self.key.public_hex().into(), time };
        let draft = Draft { id: address(), payload, next, refs: Vec::new(), clock };
        Entry::sign(draft, self.identity.hash(), &self.key).1
    }

    fn offer(&mut self, block: Bytes, source: Source<u8>) {
        let mut effects = Vec::new();
        self.joiner.head(block, source, &self.store, &mut effects).unwrap();
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::Fetch(want) if want.hash == self.identity.hash() => {
                    if self.identified {
                        self.joiner.block(self.identity.encode(), &mut effects);
                    }
                }
                Effect::Fetch(_) => self.wanted += 1,
                Effect::Cancel(_) => self.wanted = self.wanted.saturating_sub(1),
                Effect::Verify(job) => self.joiner.verdict(job.run(), &self.store, &mut effects).unwrap(),
                Effect::Refused { reason, .. } => self.refused.push(reason.label().as_str()),
                Effect::Unstage(_) | Effect::KeepIdentity(..) => {}
            }
        }
    }
}

#[test]
fn unknown_parents_of_one_peer_leave_room_for_those_of_others() {
    let limits = Limits { max_wanted: 4_000, ..Limits::default() };
    let mut peer = Peer::new(limits);
    for n in 0..40 {
        let parents = (0..500).map(|at| unknown(n * 500 + at)).collect();
        let entry = peer.entry(n as i64, parents, 10);
        peer.offer(entry, HOSTILE);
    }
    let held = peer.joiner.pending();
    assert!(held <= 3_020, "{held} pending: three quarters of what may be wanted, and who wants it");
    assert!(peer.refused.contains(&"backlog"));

    let honest = peer.entry(1_000, (0..400).map(|at| unknown(1_000_000 + at)).collect(), 10);
    let before = peer.refused.len();
    peer.offer(honest.clone(), HONEST);
    assert_eq!(peer.refused.len(), before, "an honest peer finds room");
    assert!(peer.joiner.is_pending(&Hash::of(&honest)));

    for n in 0..20_000 {
        peer.joiner.give_up(unknown(n), &mut Vec::new());
    }
    assert_eq!(peer.joiner.pending(), 401, "what is given up makes room");
    assert_eq!(peer.joiner.room_taken(), 401 + 400 * 2 / 32);
}

#[test]
fn entries_that_build_on_very_much_count_for_more() {
    let limits = Limits { max_pending: 1_000, ..Limits::default() };
    let mut peer = Peer::new(limits);
    let parents: Vec<Hash> = (0..320).map(unknown).collect();
    for n in 0..40 {
        let entry = peer.entry(n, parents.clone(), 10);
        peer.offer(entry, HOSTILE);
    }
    assert!(peer.joiner.room_taken() <= 750, "{}", peer.joiner.room_taken());
    assert_eq!(peer.joiner.pending(), 320 + 20, "each takes as much as 21 entries");
}

#[test]
fn blocks_whose_identity_nobody_has_do_not_fill_the_memory() {
    let limits = Limits { max_pending_bytes: 100_000, max_entry_bytes: 12_000, ..Limits::default() };
    let mut peer = Peer::new(limits);
    peer.identified = false;
    for n in 0..100 {
        let entry = peer.entry(n, Vec::new(), 10_000);
        peer.offer(entry, HOSTILE);
    }
    assert!(peer.joiner.pending_bytes() <= 100_000, "{}", peer.joiner.pending_bytes());
    assert!(peer.refused.iter().all(|reason| *reason == "backlog"), "{:?}", peer.refused);
    let before = peer.refused.len();
    let entry = peer.entry(1_000, Vec::new(), 10_000);
    peer.offer(entry, HONEST);
    assert_eq!(peer.refused.len(), before, "an honest peer finds room");
    peer.joiner.give_up(peer.identity.hash(), &mut Vec::new());
    assert_eq!((peer.joiner.pending(), peer.joiner.pending_bytes()), (0, 0));
}
