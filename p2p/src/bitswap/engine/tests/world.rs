//! Whole networks of engines.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::bitswap::limits::TICK;

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
            self.under_way.extend(outputs(engine).into_iter().map(|output| (here, output)));
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
            Output::Deliver { session, cid, data, .. } => {
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
            Output::Send { job, peer, purpose, message } => {
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
}
