//! A hostile peer and an honest one: whatever the hostile one makes pending, what the honest one has comes in, and what waits
//! stays within its bounds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use bytes::Bytes;
use oplog::{
    Address, Value,
    access::Writers,
    entry::{Draft, Entry},
    hash::Hash,
    identity::Identity,
    join::{Effect, Joiner, Limits, PARK_AFTER, Policy, Source},
    keys::SigningKey,
    log::{Log, LogRead as _, Writer},
    memory::MemoryLog,
    order::{Clock, Time},
    view::Operation,
};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

const HOSTILE: Source<u8> = Source::Peer(1);
const HONEST: Source<u8> = Source::Peer(2);

/// Small enough that all of them are reached.
const LIMITS: Limits = Limits {
    max_entry_bytes: 4_000,
    max_pending: 600,
    max_wanted: 400,
    max_asked: 64,
    max_pending_bytes: 4_000,
    max_staged_bytes: 48_000,
    max_refused: 100,
    max_identities: 10,
    max_parked: 400,
    max_parked_heads: 40,
};

fn address() -> Address {
    Hash::of(b"a manifest").into()
}

struct Author {
    identity: Identity,
    key: SigningKey,
}

impl Author {
    fn new(seed: u8) -> Self {
        let (root, key) =
            (SigningKey::from_bytes([seed; 32]).unwrap(), SigningKey::from_bytes([seed + 1; 32]).unwrap());
        Self { identity: Identity::create(&root, &key), key }
    }

    /// An entry that builds on `next`, with a value of so many bytes.
    fn entry(&self, n: u32, time: i64, next: Vec<Hash>, size: usize) -> Bytes {
        let payload = Operation::put(n.to_string(), Value::Bytes(vec![7; size])).into_payload();
        let clock = Clock { id: self.key.public_hex().into(), time: Time::from_value(&time.into()).unwrap() };
        let draft = Draft { id: address(), payload, next, refs: Vec::new(), clock };
        Entry::sign(draft, self.identity.hash(), &self.key).1
    }
}

/// A replica with a disk for staged blocks, and what peers would give it.
struct Replica {
    joiner: Joiner<u8>,
    log: Log,
    store: MemoryLog,
    disk: HashMap<Hash, Bytes>,
    /// What peers have.
    network: HashMap<Hash, Bytes>,
    /// Asked of peers and not given.
    asked: HashSet<Hash>,
    fetched: usize,
    /// What was to be fetched, no longer, or forgotten, one after the other.
    told: Vec<(char, Hash)>,
}

impl Replica {
    fn new() -> Self {
        Self {
            joiner: Joiner::new(address(), Writers::Anyone, Policy::default(), LIMITS),
            log: Log::empty(address()),
            store: MemoryLog::default(),
            disk: HashMap::new(),
            network: HashMap::new(),
            asked: HashSet::new(),
            fetched: 0,
            told: Vec::new(),
        }
    }

    fn offer(&mut self, block: Bytes, source: Source<u8>) {
        let mut effects = Vec::new();
        self.joiner.head(block, source, &self.store, &mut effects).unwrap();
        self.act(effects);
    }

    fn act(&mut self, mut effects: Vec<Effect<u8>>) {
        let mut at = 0;
        while let Some(effect) = effects.get(at).cloned() {
            at += 1;
            self.told.extend(match &effect {
                Effect::Fetch(want) => Some(('f', want.hash)),
                Effect::Cancel(hash) => Some(('c', *hash)),
                Effect::Unstage(hash) => Some(('u', *hash)),
                Effect::Verify(_) | Effect::Refused { .. } | Effect::KeepIdentity(..) => None,
            });
            match effect {
                Effect::Fetch(want) => {
                    match self.disk.get(&want.hash).or(self.network.get(&want.hash)).cloned() {
                        Some(block) => {
                            self.fetched += usize::from(!self.disk.contains_key(&want.hash));
                            self.joiner.block(block, &mut effects);
                        }
                        None => drop(self.asked.insert(want.hash)),
                    }
                }
                Effect::Cancel(hash) => drop(self.asked.remove(&hash)),
                Effect::Unstage(hash) => drop(self.disk.remove(&hash)),
                Effect::Verify(job) => self.joiner.verdict(job.run(), &self.store, &mut effects).unwrap(),
                Effect::Refused { .. } | Effect::KeepIdentity(..) => {}
            }
            self.commit();
            if self.joiner.over_budget() {
                self.disk.extend(self.joiner.stage(&mut effects));
            }
        }
        self.check();
    }

    fn commit(&mut self) {
        let ready = self.joiner.take_ready(usize::MAX);
        let added: Vec<_> = ready
            .into_iter()
            .map(|mut ready| {
                let hash = ready.position.hash;
                let block = ready.block.take();
                let staged = self.disk.remove(&hash);
                ready.with_block(block.or(staged).unwrap())
            })
            .collect();
        self.log.join(&added);
        let commit = self.log.commit(added, &self.store).unwrap();
        self.store.apply(commit);
    }

    /// Time passes.
    fn ticks(&mut self, ticks: u32, connected: &[Source<u8>]) {
        for _ in 0..ticks {
            let mut effects = Vec::new();
            self.disk.extend(self.joiner.stage(&mut effects));
            let connected = |peer| connected.iter().any(|source| source.peer() == Some(peer));
            self.joiner.tick(connected, &mut effects);
            self.act(effects);
        }
    }

    fn check(&self) {
        let on_disk: usize = self.disk.values().map(Bytes::len).sum();
        assert_eq!(on_disk as u64, self.joiner.staged_bytes(), "what is staged is accounted for");
        assert!(on_disk as u64 <= LIMITS.max_staged_bytes, "{on_disk} bytes on disk");
        assert!(self.asked.len() <= LIMITS.max_asked, "{} asked for", self.asked.len());
        assert!(self.joiner.pending() <= LIMITS.max_pending && self.joiner.parked() <= LIMITS.max_parked);
    }
}

/// A log of an honest writer, oldest first.
fn history(author: &Author, entries: u32, size: usize) -> Vec<Bytes> {
    let writer = Writer::new(author.identity.clone(), author.key.clone());
    let (mut log, mut store) = (Log::empty(address()), MemoryLog::default());
    (0..entries)
        .map(|n| {
            let operation = Operation::put(n.to_string(), Value::Bytes(vec![1; size]));
            let added = log.append(operation, &writer).unwrap();
            let commit = log.commit(vec![added.clone()], &store).unwrap();
            store.apply(commit);
            added.block
        })
        .collect()
}

/// What a hostile peer does.
#[derive(Debug, Clone)]
enum Attack {
    /// Heads that build on what does not exist.
    Nowhere { heads: u8, links: u8, size: u16 },
    /// A chain whose root does not exist.
    Chain { length: u8, size: u16 },
    /// Heads whose identities do not exist.
    Unidentified { heads: u8, size: u16 },
    /// It goes, and comes back later or not.
    Away { ticks: u8 },
}

fn attack() -> impl Strategy<Value = Attack> {
    prop_oneof![
        3 => (1..60_u8, 1..120_u8, 0..3_000_u16).prop_map(|(heads, links, size)| Attack::Nowhere { heads, links, size }),
        2 => (1..60_u8, 0..3_000_u16).prop_map(|(length, size)| Attack::Chain { length, size }),
        1 => (1..60_u8, 0..3_000_u16).prop_map(|(heads, size)| Attack::Unidentified { heads, size }),
        1 => (1..80_u8).prop_map(|ticks| Attack::Away { ticks }),
    ]
}

fn run(attack: &Attack, hostile: &Author, nth: &mut u32, replica: &mut Replica) {
    let mut unknown = || {
        *nth += 1;
        Hash::of(&nth.to_be_bytes())
    };
    match *attack {
        Attack::Nowhere { heads, links, size } => {
            for _ in 0..heads {
                let next = (0..links).map(|_| unknown()).collect();
                replica.offer(hostile.entry(0, 9_000_000, next, size.into()), HOSTILE);
            }
        }
        Attack::Chain { length, size } => {
            let mut next = unknown();
            for n in 0..length {
                let block = hostile.entry(0, n.into(), vec![next], size.into());
                next = Hash::of(&block);
                replica.network.insert(next, block.clone());
                replica.offer(block, HOSTILE);
            }
        }
        Attack::Unidentified { heads, size } => {
            for n in 0..heads {
                let nobody = Author::new(100 + n);
                replica.offer(nobody.entry(0, 1, vec![unknown()], size.into()), HOSTILE);
            }
        }
        Attack::Away { ticks } => replica.ticks(ticks.into(), &[HONEST]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_an_honest_peer_has_always_comes_in(
        attacks in prop::collection::vec(attack(), 1..12),
        entries in 1..60_u32,
        size in 0..600_usize,
        meanwhile in any::<bool>(),
    ) {
        let (hostile, honest) = (Author::new(1), Author::new(50));
        let mut replica = Replica::new();
        for author in [&hostile, &honest] {
            replica.network.insert(author.identity.hash(), author.identity.encode());
        }
        let mut nth = 0;
        attacks.iter().for_each(|attack| run(attack, &hostile, &mut nth, &mut replica));
        let history = history(&honest, entries, size);
        replica.network.extend(history.iter().map(|block| (Hash::of(block), block.clone())));
        let head = history.last().unwrap();
        let mut rounds = 0;
        while !replica.store.contains(&Hash::of(head)).unwrap() {
            prop_assert!(rounds < 40, "{} of {entries} entries after {rounds} rounds", replica.store.len());
            rounds += 1;
            if meanwhile {
                run(&attacks[rounds % attacks.len()], &hostile, &mut nth, &mut replica);
            }
            replica.offer(head.clone(), HONEST);
            replica.ticks(1, &[HONEST, HOSTILE]);
        }
        prop_assert_eq!(replica.store.len(), entries as usize);
        // When all have gone nothing is asked for any more.
        replica.ticks(PARK_AFTER + 2, &[]);
        prop_assert!(replica.asked.is_empty() && replica.joiner.pending() == 0, "{} asked for", replica.asked.len());
        prop_assert_eq!(replica.joiner.pending_bytes(), 0);
    }
}

#[test]
fn a_fetch_whose_peer_has_gone_is_parked_and_goes_on_where_it_was() {
    let author = Author::new(50);
    let history = history(&author, 20, 10);
    let mut replica = Replica::new();
    replica.network.insert(author.identity.hash(), author.identity.encode());
    replica.network.extend(history.iter().skip(1).map(|block| (Hash::of(block), block.clone())));
    let head = history.last().unwrap();
    replica.offer(head.clone(), HONEST);
    let fetched = replica.fetched;
    replica.ticks(PARK_AFTER, &[HONEST]);
    assert_eq!((replica.joiner.parked(), replica.joiner.pending()), (0, 20), "it is connected");
    replica.ticks(1, &[]);
    assert_eq!((replica.joiner.parked(), replica.joiner.pending()), (19, 0));
    assert!(replica.asked.is_empty());

    // Somebody comes who has nothing of it.
    replica.joiner.wake();
    replica.ticks(1, &[]);
    assert_eq!((replica.joiner.parked(), replica.joiner.pending()), (0, 20), "all of it is looked at again");
    replica.ticks(PARK_AFTER + 1, &[]);
    assert_eq!((replica.joiner.parked(), replica.joiner.pending()), (19, 0));

    // Somebody comes who has the block that lacks.
    replica.network.insert(Hash::of(&history[0]), history[0].clone());
    replica.joiner.wake();
    replica.ticks(1, &[]);
    assert_eq!((replica.store.len(), replica.joiner.pending(), replica.joiner.parked()), (20, 0, 0));
    assert_eq!(replica.fetched, fetched + 1, "nothing was fetched twice");
    assert!(replica.disk.is_empty());
}

#[test]
fn what_others_build_on_is_not_parked_with_the_peer_that_led_to_it() {
    let author = Author::new(50);
    let history = history(&author, 20, 10);
    let mut replica = Replica::new();
    replica.network.insert(author.identity.hash(), author.identity.encode());
    replica.network.extend(history.iter().skip(1).map(|block| (Hash::of(block), block.clone())));
    replica.offer(history[9].clone(), HOSTILE);
    replica.offer(history[19].clone(), HONEST);
    replica.ticks(PARK_AFTER * 2, &[HONEST]);
    assert_eq!((replica.joiner.parked(), replica.joiner.pending()), (0, 20));
}

/// A failure can be replayed only if nothing depends on chance: not on the order of a map either.
#[test]
fn equal_events_have_equal_effects() {
    let (hostile, honest) = (Author::new(1), Author::new(50));
    let history = history(&honest, 60, 500);
    let told = || {
        let mut replica = Replica::new();
        for author in [&hostile, &honest] {
            replica.network.insert(author.identity.hash(), author.identity.encode());
        }
        replica.network.extend(history.iter().skip(1).map(|block| (Hash::of(block), block.clone())));
        let mut nth = 0;
        for attack in [
            Attack::Nowhere { heads: 30, links: 20, size: 900 },
            Attack::Chain { length: 50, size: 1_500 },
            Attack::Away { ticks: 40 },
            Attack::Nowhere { heads: 50, links: 40, size: 10 },
        ] {
            run(&attack, &hostile, &mut nth, &mut replica);
            replica.offer(history.last().unwrap().clone(), HONEST);
        }
        replica.ticks(PARK_AFTER * 2, &[]);
        replica.joiner.wake();
        replica.ticks(5, &[HOSTILE]);
        replica.told
    };
    let first = told();
    assert!(first.len() > 1_000, "{}", first.len());
    assert!(first == told(), "the same, and in the same order");
}
