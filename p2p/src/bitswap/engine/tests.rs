//! The engine in a simulated world: no sockets, no clock, every run given by its seed.

use std::{collections::HashMap, sync::LazyLock};

use cid::multihash::Multihash;
use libp2p::identity::Keypair;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::bitswap::{
    limits::{
        INLINE_BLOCK, LOOKUP_BATCH, MAX_ENTRIES, MAX_PRESENCES, MAX_WANTS_AT_PEER, MAX_WANTS_HELD, TICK,
    },
    message::{Block, Want},
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
    Keypair::ed25519_from_bytes([nth; 32])
        .unwrap()
        .public()
        .to_peer_id()
}

/// A block, every third of which is too large to be sent in place of a have.
fn block(nth: usize) -> Block {
    let size = if nth.is_multiple_of(3) { INLINE_BLOCK } else { 40 };
    let mut data = nth.to_be_bytes().to_vec();
    data.resize(size, 0);
    let hash = Multihash::wrap(0x12, &Sha256::digest(&data)).unwrap();
    Block {
        cid: Cid::new_v1(0x71, hash),
        data: data.into(),
    }
}

/// Names of more blocks than may be wanted.
static MANY: LazyLock<Vec<Cid>> = LazyLock::new(|| (0..6000).map(|nth| block(nth).cid).collect());

fn want(cid: Cid, kind: WantKind) -> Want {
    Want {
        cid,
        kind,
        send_dont_have: true,
    }
}

fn wants(cids: impl IntoIterator<Item = Cid>) -> Message {
    let wants = cids.into_iter().map(|cid| want(cid, WantKind::Block)).collect();
    Message {
        wants,
        ..Message::default()
    }
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

/// Several engines, their stores, and what is on the way between them.
struct World {
    chance: Chance,
    now: Duration,
    ids: Vec<PeerId>,
    engines: Vec<Engine>,
    stores: Vec<HashMap<Cid, Bytes>>,
    connected: Vec<Vec<bool>>,
    under_way: Vec<(usize, Output)>,
    delivered: HashMap<(usize, SessionId, Cid), usize>,
    /// Sends may fail; ended for the last phase, in which everything must come right.
    failing: bool,
}

impl World {
    fn new(seed: u64, count: u8) -> Self {
        let len = usize::from(count);
        Self {
            chance: Chance(seed),
            now: Duration::ZERO,
            ids: (1..=count).map(peer).collect(),
            engines: (0..len).map(|_| Engine::default()).collect(),
            stores: vec![HashMap::new(); len],
            connected: vec![vec![false; len]; len],
            under_way: Vec::new(),
            delivered: HashMap::new(),
            failing: true,
        }
    }

    fn connect(&mut self, one: usize, two: usize, connected: bool) {
        if one == two || self.connected[one][two] == connected {
            return;
        }
        for (here, there) in [(one, two), (two, one)] {
            self.connected[here][there] = connected;
            let id = self.ids[there];
            if connected {
                self.engines[here].peer_ready(id, self.now);
            } else {
                self.engines[here].peer_gone(id, self.now);
            }
        }
    }

    fn collect(&mut self) {
        for (here, engine) in self.engines.iter_mut().enumerate() {
            self.under_way
                .extend(outputs(engine).into_iter().map(|output| (here, output)));
        }
    }

    /// Lets one thing that is under way happen. Says whether there was one.
    fn step(&mut self) -> bool {
        self.collect();
        if self.under_way.is_empty() {
            return false;
        }
        let nth = self.chance.below(self.under_way.len());
        let (here, output) = self.under_way.swap_remove(nth);
        let now = self.now;
        match output {
            Output::Deliver {
                session, cid, data, ..
            } => {
                *self.delivered.entry((here, session, cid)).or_default() += 1;
                self.stores[here].insert(cid, data);
                self.engines[here].stored([&cid], now);
            }
            Output::LookUp { job, peer, wanted } => {
                let found = wanted
                    .into_iter()
                    .map(|(cid, kind)| (cid, look_up(&self.stores[here], cid, kind)))
                    .collect();
                self.engines[here].looked_up(job, peer, found, now);
            }
            Output::Send {
                job,
                peer,
                purpose,
                message,
            } => {
                let there = self.ids.iter().position(|id| *id == peer).unwrap();
                let content = Content::from(&message);
                let outcome = if !self.connected[here][there] {
                    Sent::NotConnected
                } else if self.failing && self.chance.one_in(6) {
                    Sent::Failed
                } else {
                    let from = self.ids[here];
                    self.engines[there].received(from, message, now);
                    Sent::Delivered
                };
                self.engines[here].sent(job, peer, purpose, content, outcome, now);
            }
        }
        true
    }

    fn pass_time(&mut self) {
        self.now += TICK;
        for engine in &mut self.engines {
            engine.tick(self.now);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Peers come and go, messages get lost, blocks turn up late: in the end every want has been answered, once.
    #[test]
    fn every_want_is_answered_once(seed in any::<u64>()) {
        let mut world = World::new(seed, 4);
        let blocks: Vec<Block> = (0..60).map(block).collect();
        let mut wanted = Vec::new();
        for round in 0..400 {
            let (one, two) = (world.chance.below(4), world.chance.below(4));
            match world.chance.below(10) {
                0 => world.connect(one, two, true),
                1 if round % 4 == 0 => world.connect(one, two, false),
                2 | 3 => {
                    let block = &blocks[world.chance.below(blocks.len())];
                    let session = SessionId(world.chance.below(2) as u64);
                    let hint = world.chance.one_in(2).then(|| world.ids[two]);
                    if !world.stores[one].contains_key(&block.cid) && !wanted.contains(&(one, session, block.cid)) {
                        wanted.push((one, session, block.cid));
                        world.engines[one].want(session, [block.cid], hint, world.now);
                    }
                }
                4 => {
                    let block = blocks[world.chance.below(blocks.len())].clone();
                    if !wanted.iter().any(|(node, _, cid)| *node == one && *cid == block.cid) {
                        world.stores[one].insert(block.cid, block.data);
                        world.engines[one].stored([&block.cid], world.now);
                    }
                }
                5 => world.pass_time(),
                _ => { world.step(); }
            }
        }
        // The last phase: all are connected, and somebody who wants it not has every block.
        world.failing = false;
        world.ids.push(peer(99));
        world.engines.push(Engine::default());
        world.stores.push(blocks.iter().map(|block| (block.cid, block.data.clone())).collect());
        world.connected.iter_mut().for_each(|row| row.push(false));
        world.connected.push(vec![false; 5]);
        for one in 0..5 {
            for two in 0..one {
                world.connect(one, two, true);
            }
        }
        for _ in 0..2000 {
            while world.step() {}
            if world.engines.iter().all(|engine| engine.stats().wants_open == 0) {
                break;
            }
            world.pass_time();
        }
        for want in &wanted {
            prop_assert_eq!(world.delivered.get(want), Some(&1), "seed {}", seed);
        }
        prop_assert_eq!(world.delivered.len(), wanted.len());
    }

    /// Whatever a peer asks for, and whether or not it takes the answers, what is held for it stays within bounds.
    #[test]
    fn a_hostile_wantlist_is_bounded(seed in any::<u64>()) {
        let mut chance = Chance(seed);
        let mut engine = Engine::default();
        let hostile = peer(1);
        let blocks = &*MANY;
        let mut jobs = Vec::new();
        for _ in 0..15 {
            let pick = |chance: &mut Chance| {
                let (from, count) = (chance.below(blocks.len()), chance.below(3000));
                blocks[from..].iter().take(count).copied().collect::<Vec<_>>()
            };
            let mut message = wants(pick(&mut chance));
            message.cancels = pick(&mut chance);
            message.full = chance.one_in(20);
            engine.received(hostile, message, Duration::ZERO);
            for output in outputs(&mut engine) {
                match output {
                    Output::LookUp { job, wanted, .. } => {
                        prop_assert!(wanted.len() <= LOOKUP_BATCH);
                        jobs.push((job, wanted));
                    }
                    Output::Send { message, .. } => prop_assert!(message.presences.len() <= MAX_PRESENCES),
                    Output::Deliver { .. } => prop_assert!(false, "nothing was wanted"),
                }
            }
            prop_assert!(jobs.len() <= 1, "one answer at a time");
            if chance.one_in(3) && let Some((job, wanted)) = jobs.pop() {
                let missing = wanted.into_iter().map(|(cid, _)| (cid, Found::Missing)).collect();
                engine.looked_up(job, hostile, missing, Duration::ZERO);
            }
            let held = engine.peers[&hostile].ledger.sizes();
            prop_assert!(held.iter().all(|size| *size <= MAX_WANTS_HELD.max(MAX_PRESENCES)), "{:?}", held);
            prop_assert!(engine.turns.len() <= 1);
        }
    }
}

/// Runs what an engine wants done for `peer`, and returns the messages that it sent.
fn serve(engine: &mut Engine, store: &HashMap<Cid, Bytes>, now: Duration) -> Vec<(PeerId, Purpose, Message)> {
    let mut sent = Vec::new();
    while let Some(output) = engine.next_output() {
        match output {
            Output::LookUp { job, peer, wanted } => {
                let found = wanted
                    .into_iter()
                    .map(|(cid, kind)| (cid, look_up(store, cid, kind)))
                    .collect();
                engine.looked_up(job, peer, found, now);
            }
            Output::Send {
                job,
                peer,
                purpose,
                message,
            } => {
                engine.sent(job, peer, purpose, Content::from(&message), Sent::Delivered, now);
                sent.push((peer, purpose, message));
            }
            Output::Deliver { .. } => {}
        }
    }
    sent
}

fn stored(blocks: &[Block]) -> HashMap<Cid, Bytes> {
    blocks
        .iter()
        .map(|block| (block.cid, block.data.clone()))
        .collect()
}

#[test]
fn want_have_is_answered_by_presence_or_by_a_small_block() {
    let (large, small, missing) = (block(0), block(1), block(2));
    let store = stored(&[large.clone(), small.clone()]);
    let mut engine = Engine::default();
    let haves = [&large, &small, &missing].map(|block| want(block.cid, WantKind::Have));
    engine.received(
        peer(1),
        Message {
            wants: haves.to_vec(),
            ..Message::default()
        },
        Duration::ZERO,
    );
    let sent = serve(&mut engine, &store, Duration::ZERO);
    let (_, _, answer) = &sent[0];
    assert_eq!(answer.blocks, [small]);
    assert_eq!(
        answer.presences,
        [(large.cid, Presence::Have), (missing.cid, Presence::DontHave)]
    );
    assert_eq!(engine.stats().wants_held, 1, "the missing one is remembered");
}

#[test]
fn dont_have_is_sent_only_to_who_asked_for_it() {
    let mut engine = Engine::default();
    let mut message = wants([block(1).cid]);
    message.wants[0].send_dont_have = false;
    engine.received(peer(1), message, Duration::ZERO);
    assert!(serve(&mut engine, &HashMap::new(), Duration::ZERO).is_empty());
    engine.received(peer(1), wants([block(1).cid]), Duration::ZERO);
    assert_eq!(serve(&mut engine, &HashMap::new(), Duration::ZERO).len(), 1);
}

#[test]
fn an_unknown_hash_function_is_answered_with_dont_have_and_forgotten() {
    let mut engine = Engine::default();
    let blake = Cid::new_v1(0x71, Multihash::wrap(0xb220, &[0; 32]).unwrap());
    engine.received(peer(1), wants([blake]), Duration::ZERO);
    let sent = serve(&mut engine, &HashMap::new(), Duration::ZERO);
    assert_eq!(sent[0].2.presences, [(blake, Presence::DontHave)]);
    assert_eq!(engine.stats().wants_held, 0);
}

#[test]
fn a_block_stored_while_it_is_looked_up_is_not_missed() {
    let late = block(1);
    let mut engine = Engine::default();
    engine.received(peer(1), wants([late.cid]), Duration::ZERO);
    let Some(Output::LookUp { job, peer, .. }) = engine.next_output() else {
        panic!("no look-up")
    };
    engine.stored([&late.cid], Duration::ZERO);
    engine.looked_up(job, peer, vec![(late.cid, Found::Missing)], Duration::ZERO);
    let sent = serve(&mut engine, &stored(std::slice::from_ref(&late)), Duration::ZERO);
    assert_eq!(sent[0].2.blocks, [late]);
}

#[test]
fn peers_take_turns() {
    let blocks: Vec<Block> = (0..3 * LOOKUP_BATCH).map(block).collect();
    let store = stored(&blocks);
    let mut engine = Engine::default();
    engine.received(
        peer(1),
        wants(blocks.iter().map(|block| block.cid)),
        Duration::ZERO,
    );
    engine.received(peer(2), wants([blocks[0].cid]), Duration::ZERO);
    let order: Vec<PeerId> = serve(&mut engine, &store, Duration::ZERO)
        .into_iter()
        .map(|(peer, ..)| peer)
        .collect();
    let second = order.iter().position(|other| *other == peer(2)).unwrap();
    assert!(second <= 1, "the modest peer waited for {second} answers");
    assert_eq!(order.len(), 4);
}

#[test]
fn wants_go_out_at_once_and_gather_while_a_message_is_under_way() {
    let mut engine = Engine::default();
    engine.peer_ready(peer(1), Duration::ZERO);
    engine.want(SessionId(0), [block(1).cid], None, Duration::ZERO);
    let Some(Output::Send {
        job, peer, message, ..
    }) = engine.next_output()
    else {
        panic!("no message")
    };
    assert!(message.full, "the first message starts the list anew");
    for nth in 2..50 {
        engine.want(SessionId(0), [block(nth).cid], None, Duration::ZERO);
    }
    assert_eq!(engine.next_output(), None);
    engine.sent(
        job,
        peer,
        Purpose::Ask,
        Content::default(),
        Sent::Delivered,
        Duration::ZERO,
    );
    let Some(Output::Send { message, .. }) = engine.next_output() else {
        panic!("no message")
    };
    assert_eq!((message.wants.len(), message.full), (48, false));
}

#[test]
fn a_peer_is_left_with_no_more_wants_than_it_remembers() {
    let mut engine = Engine::default();
    engine.peer_ready(peer(1), Duration::ZERO);
    let cids = &MANY[..3000];
    engine.want(SessionId(0), cids.iter().copied(), None, Duration::ZERO);
    let mut at_peer = HashSet::new();
    let mut asked = HashSet::new();
    let mut now = Duration::ZERO;
    for _ in 0..40 {
        for (_, _, message) in serve(&mut engine, &HashMap::new(), now) {
            assert!(message.wants.len() + message.cancels.len() <= MAX_ENTRIES);
            for cid in &message.cancels {
                at_peer.remove(cid);
            }
            let fresh: Vec<Cid> = message.wants.iter().map(|want| want.cid).collect();
            at_peer.extend(fresh.iter().copied());
            asked.extend(fresh.iter().copied());
            let presences = fresh.into_iter().map(|cid| (cid, Presence::DontHave)).collect();
            engine.received(
                peer(1),
                Message {
                    presences,
                    ..Message::default()
                },
                now,
            );
        }
        now += TICK;
        engine.tick(now);
    }
    assert_eq!(
        asked.len(),
        cids.len(),
        "wants that nobody has must not keep others from being asked"
    );
    assert!(
        at_peer.len() <= MAX_WANTS_AT_PEER + MAX_ENTRIES,
        "{} wants at the peer",
        at_peer.len()
    );
}

#[test]
fn a_peer_that_cannot_be_written_to_is_given_up() {
    let one = block(1);
    let store = stored(std::slice::from_ref(&one));
    let mut engine = Engine::default();
    engine.peer_ready(peer(1), Duration::ZERO);
    engine.received(peer(1), wants([one.cid]), Duration::ZERO);
    let mut now = Duration::ZERO;
    let mut attempts = 0;
    for _ in 0..1000 {
        while let Some(output) = engine.next_output() {
            match output {
                Output::LookUp { job, peer, wanted } => {
                    let found = wanted
                        .into_iter()
                        .map(|(cid, kind)| (cid, look_up(&store, cid, kind)))
                        .collect();
                    engine.looked_up(job, peer, found, now);
                }
                Output::Send {
                    job,
                    peer,
                    purpose,
                    message,
                } => {
                    attempts += 1;
                    engine.sent(job, peer, purpose, Content::from(&message), Sent::Failed, now);
                }
                Output::Deliver { .. } => {}
            }
        }
        now += TICK;
        engine.tick(now);
    }
    assert_eq!(attempts, MAX_SEND_FAILURES);
    assert_eq!((engine.stats().wants_held, engine.stats().peers_given_up), (0, 1));
}
