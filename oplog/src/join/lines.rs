//! Wanted blocks in line: which of them are asked for now.
//!
//! No more are asked for at a time than the exchange of blocks takes at once. Each peer's wants have a line of their own and a
//! share of the window, so blocks that do not exist, however many a peer names, hold up that peer's own entries only.

use super::{Effect, Source, Want};
use crate::{hash::Hash, shares::Shares};
use hashlink::LinkedHashMap;
use std::collections::{HashMap, VecDeque};

/// Ticks without a block after which the wants of a peer that nobody answers make way for its others.
const GIVE_WAY_AFTER: u32 = 5;

/// Lines up to this length are not looked through for wants that have ended.
const SHORT: usize = 64;

/// On whose account a peer offered something: the line says which peer, of which only one is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    Own,
    Relayed,
}

impl Account {
    fn of<P>(source: &Source<P>) -> Self {
        if matches!(source, Source::Relay(_)) { Self::Relayed } else { Self::Own }
    }

    fn source<P>(self, peer: Option<P>) -> Source<P> {
        match (peer, self) {
            (None, _) => Source::Staged,
            (Some(peer), Self::Own) => Source::Peer(peer),
            (Some(peer), Self::Relayed) => Source::Relay(peer),
        }
    }
}

/// The wants of one peer that are not asked for yet, those among them that have ended meanwhile included.
#[derive(Debug)]
struct Line {
    waiting: VecDeque<(Hash, Account)>,
    /// The length at which ended wants are dropped.
    tidy_at: usize,
    /// Ticks since a block arrived.
    idle: u32,
}

#[derive(Debug)]
struct Asked<P> {
    source: Source<P>,
    since: u32,
}

/// The lines of all peers, and what is asked for.
#[derive(Debug)]
pub(super) struct Lines<P> {
    lines: LinkedHashMap<Option<P>, Line>,
    asked: HashMap<Hash, Asked<P>>,
    window: Shares<Option<P>>,
    now: u32,
}

impl<P: Copy + Eq + std::hash::Hash> Lines<P> {
    pub(super) fn new(window: usize) -> Self {
        let window = Shares::new(window as u64);
        Self { lines: LinkedHashMap::new(), asked: HashMap::new(), window, now: 0 }
    }

    /// Puts a want at the end of its peer's line. `wanted` tells of those before it whether they have ended.
    pub(super) fn push(&mut self, hash: Hash, source: Source<P>, wanted: impl Fn(&Hash) -> bool) {
        let line = self.lines.entry(source.peer()).or_insert_with(|| Line {
            waiting: VecDeque::new(),
            tidy_at: 0,
            idle: 0,
        });
        line.waiting.push_back((hash, Account::of(&source)));
        if line.waiting.len() > line.tidy_at.max(SHORT) {
            line.waiting.retain(|(hash, _)| wanted(hash));
            line.tidy_at = line.waiting.len() * 2;
        }
    }

    /// Asks for as many as there is room for, one of each peer in turn. `wanted` tells which have not ended.
    pub(super) fn ask(&mut self, wanted: impl Fn(&Hash) -> bool, effects: &mut Vec<Effect<P>>) {
        let mut served = true;
        while served {
            served = false;
            for (peer, line) in &mut self.lines {
                while let Some((hash, _)) = line.waiting.front()
                    && (!wanted(hash) || self.asked.contains_key(hash))
                {
                    line.waiting.pop_front();
                }
                if let Some((hash, account)) = line.waiting.front().copied()
                    && self.window.take(*peer, 1)
                {
                    let source = account.source(*peer);
                    line.waiting.pop_front();
                    self.asked.insert(hash, Asked { source, since: self.now });
                    effects.push(Effect::Fetch(Want { hash, source }));
                    served = true;
                }
            }
        }
    }

    /// A block that was asked for is here.
    pub(super) fn arrived(&mut self, hash: &Hash) {
        if let Some(asked) = self.withdraw(hash)
            && let Some(line) = self.lines.get_mut(&asked.source.peer())
        {
            line.idle = 0;
        }
    }

    /// A block is no longer wanted.
    pub(super) fn cancel(&mut self, hash: Hash, effects: &mut Vec<Effect<P>>) {
        if self.withdraw(&hash).is_some() {
            effects.push(Effect::Cancel(hash));
        }
    }

    fn withdraw(&mut self, hash: &Hash) -> Option<Asked<P>> {
        let asked = self.asked.remove(hash)?;
        self.window.give_back(asked.source.peer(), 1);
        Some(asked)
    }

    /// A moment has passed. Lines of peers that `live` knows nothing of are forgotten; wants that nobody answers make way.
    pub(super) fn tick(&mut self, live: impl Fn(Option<P>) -> bool, effects: &mut Vec<Effect<P>>) {
        self.now = self.now.wrapping_add(1);
        self.lines.retain(|peer, _| live(*peer));
        for line in self.lines.values_mut() {
            line.idle = line.idle.saturating_add(1);
        }
        let stuck = |line: &Line| line.idle >= GIVE_WAY_AFTER && !line.waiting.is_empty();
        let mut unanswered: Vec<(Hash, Source<P>)> = Vec::new();
        for (hash, asked) in &self.asked {
            let long = self.now.wrapping_sub(asked.since) >= GIVE_WAY_AFTER;
            if long && self.lines.get(&asked.source.peer()).is_some_and(stuck) {
                unanswered.push((*hash, asked.source));
            }
        }
        unanswered.sort_unstable_by_key(|(hash, _)| *hash);
        for (hash, source) in unanswered {
            self.cancel(hash, effects);
            if let Some(line) = self.lines.get_mut(&source.peer()) {
                line.waiting.push_back((hash, Account::of(&source)));
            }
        }
    }

    /// Peers for which no block has arrived during so many ticks.
    pub(super) fn idle_for(&self, ticks: u32) -> impl Iterator<Item = Option<P>> {
        self.lines.iter().filter(move |(_, line)| line.idle >= ticks).map(|(peer, _)| *peer)
    }

    /// Panics when something is asked for that is not wanted, or a share is not the number of blocks asked for.
    pub(super) fn check(&self, wanted: impl Fn(&Hash) -> bool) {
        assert_eq!(self.window.total(), self.asked.len() as u64, "what is asked for is counted");
        assert!(self.asked.keys().all(wanted), "what is asked for is wanted");
        let mut counts: HashMap<Option<P>, u64> = HashMap::new();
        self.asked.values().for_each(|asked| *counts.entry(asked.source.peer()).or_default() += 1);
        assert!(
            counts.iter().all(|(peer, count)| self.window.held(*peer) == *count),
            "by the peer that led to it"
        );
    }

    /// Forgets everything. Gives what was asked for.
    pub(super) fn clear(&mut self) -> Vec<Hash> {
        self.lines.clear();
        self.window.clear();
        let mut asked: Vec<Hash> = self.asked.drain().map(|(hash, _)| hash).collect();
        asked.sort_unstable();
        asked
    }
}
