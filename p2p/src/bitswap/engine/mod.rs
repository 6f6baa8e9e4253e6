//! The block exchange as a pure state machine.
//!
//! Everything that happens is told to an [`Engine`] by a method, with the time since its start; what is to be done
//! comes out of [`Engine::next_output`]. It reads no clock, no disk and no network, and the same inputs always make
//! the same outputs.
//!
//! | file | concept |
//! | --- | --- |
//! | `wants` | blocks that we want: who is asked, when the next one is |
//! | `asks` | what was asked of one peer |
//! | `ledger` | what one peer wants of us |
//! | `lane` | one message at a time per peer and direction |
//! | `recent` | blocks received lately |
//! | `output` | what is to be done |

mod asks;
mod lane;
mod ledger;
mod output;
mod wants;

use std::{
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    time::Duration,
};

use bytes::Bytes;
use cid::Cid;
use hashlink::LruCache;
use libp2p::PeerId;

pub(crate) use lane::Job;
pub(crate) use ledger::Found;
pub(crate) use output::{Content, Output, Purpose, Sent};
pub(crate) use wants::SessionId;
pub use wants::Unmet;

use self::{
    asks::Asks,
    lane::Lane,
    ledger::Ledger,
    wants::{AskTable, Wants},
};
use super::{
    limits::{MAX_ANSWERS, MAX_LOOKUPS, MAX_PEERS, MAX_SEND_FAILURES, RECENT_BLOCKS},
    message::{Message, Presence},
    stats::Stats,
};

/// What the engine knows of a peer as a client of ours. What we ask of it is in [`AskTable`].
#[derive(Debug, Default)]
struct Peer {
    ledger: Ledger,
    ask_lane: Lane,
    answer_lane: Lane,
    /// It stands in `Engine::turns`.
    has_turn: bool,
}

/// The state machine. See the module's text.
#[derive(Debug)]
pub(crate) struct Engine {
    peers: BTreeMap<PeerId, Peer>,
    /// The peers that speak bitswap for sure, which may be asked.
    ready: AskTable,
    wants: Wants,
    /// The last [`RECENT_BLOCKS`] blocks received.
    recent: LruCache<Cid, ()>,
    /// Peers with something to be answered, longest waiting first.
    turns: VecDeque<PeerId>,
    lookups: usize,
    answers: usize,
    last_job: u64,
    outputs: VecDeque<Output>,
    stats: Stats,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            peers: BTreeMap::new(),
            ready: AskTable::new(),
            wants: Wants::default(),
            recent: LruCache::new(RECENT_BLOCKS),
            turns: VecDeque::new(),
            lookups: 0,
            answers: 0,
            last_job: 0,
            outputs: VecDeque::new(),
            stats: Stats::default(),
        }
    }
}

impl Engine {
    /// `peer` is connected and speaks bitswap.
    pub(crate) fn peer_ready(&mut self, peer: PeerId, now: Duration) {
        self.peers.entry(peer).or_default();
        if let Entry::Vacant(unknown) = self.ready.entry(peer) {
            unknown.insert(Asks::default());
            self.wants.peer_ready(peer, &mut self.ready, now);
        }
        self.work(now);
    }

    /// The last connection to `peer` is gone: so are its wants.
    pub(crate) fn peer_gone(&mut self, peer: PeerId, now: Duration) {
        self.ready.remove(&peer);
        // What is under way for it is reported later, to nobody; `looked_up` and `sent` count it all the same.
        self.peers.remove(&peer);
        self.turns.retain(|other| *other != peer);
        self.wants.peer_gone(peer, &mut self.ready, now);
        self.work(now);
    }

    /// A session wants blocks; `hint` is who probably has them.
    pub(crate) fn want(
        &mut self,
        session: SessionId,
        cids: impl IntoIterator<Item = Cid>,
        hint: Option<PeerId>,
        now: Duration,
    ) {
        for cid in cids {
            self.wants.want(session, cid, hint, &mut self.ready, now);
        }
        self.work(now);
    }

    /// A session wants `cid` no longer. Says whether it still did: if not, the block was delivered before.
    pub(crate) fn cancel(&mut self, session: SessionId, cid: &Cid, now: Duration) -> bool {
        let wanted = self.wants.cancel(session, cid, &mut self.ready);
        self.work(now);
        wanted
    }

    /// A session is gone.
    pub(crate) fn close(&mut self, session: SessionId, now: Duration) {
        self.wants.close(session, &mut self.ready);
        self.work(now);
    }

    /// Blocks have been stored: peers that wait for them get them.
    pub(crate) fn stored<'a>(&mut self, cids: impl IntoIterator<Item = &'a Cid>, now: Duration) {
        for cid in cids {
            for peer in self.peers.values_mut() {
                peer.ledger.stored(cid);
            }
        }
        self.work(now);
    }

    /// A message has arrived.
    pub(crate) fn received(&mut self, from: PeerId, message: Message, now: Duration) {
        self.stats.messages_received += 1;
        self.stats.parts_refused += message.refused;
        for block in message.blocks {
            self.block(from, block.cid, block.data, now);
        }
        for (cid, presence) in message.presences {
            // A have that was not asked for says nothing that we act upon: we only send want-block.
            if presence == Presence::DontHave && self.wants.is_open(&cid) {
                self.stats.dont_haves_received += 1;
                self.wants.lacked(from, &cid, &mut self.ready, now);
            }
        }
        if message.full || !message.wants.is_empty() || !message.cancels.is_empty() {
            self.make_room(from, now);
            if !self.peers.contains_key(&from) && self.peers.len() >= MAX_PEERS {
                self.stats.peers_refused += 1;
            } else {
                let ledger = &mut self.peers.entry(from).or_default().ledger;
                ledger.update(message.full, &message.wants, &message.cancels, &mut self.stats);
            }
        }
        self.work(now);
    }

    /// Forgets a peer that may be gone unnoticed (its message was read after its leaving was reported), if that is
    /// what it takes to know `newcomer`.
    fn make_room(&mut self, newcomer: PeerId, now: Duration) {
        if self.peers.contains_key(&newcomer) || self.peers.len() < MAX_PEERS {
            return;
        }
        let idle = |(peer, state): (&PeerId, &Peer)| {
            (!self.ready.contains_key(peer) && !state.answer_lane.is_busy()).then_some(*peer)
        };
        if let Some(forgotten) = self.peers.iter().find_map(idle) {
            self.peer_gone(forgotten, now);
        }
    }

    fn block(&mut self, from: PeerId, cid: Cid, data: Bytes, now: Duration) {
        let Some(sessions) = self.wants.received(from, &cid, &mut self.ready) else {
            if self.recent.contains_key(&cid) {
                self.stats.blocks_duplicate += 1;
            } else {
                self.stats.blocks_unwanted += 1;
            }
            return;
        };
        self.stats.blocks_received += 1;
        self.stats.bytes_received += data.len() as u64;
        self.recent.insert(cid, ());
        if let Some(asks) = self.ready.get_mut(&from) {
            asks.last_block = now;
        }
        for session in sessions {
            self.outputs.push_back(Output::Deliver { session, cid, data: data.clone(), from });
        }
    }

    /// A look-up is done.
    pub(crate) fn looked_up(&mut self, job: Job, peer: PeerId, found: Vec<(Cid, Found)>, now: Duration) {
        self.lookups = self.lookups.saturating_sub(1);
        self.answers = self.answers.saturating_sub(1);
        for (_, found) in &found {
            match found {
                Found::Failed => self.stats.lookups_failed += 1,
                Found::TooLarge => self.stats.blocks_too_large += 1,
                _ => {}
            }
        }
        if let Some(state) = self.peers.get_mut(&peer).filter(|state| state.answer_lane.does(job)) {
            let message = state.ledger.answer(found, &mut self.stats);
            if message.is_empty() {
                state.answer_lane.release();
            } else {
                self.answers += 1;
                self.outputs.push_back(Output::Send { job, peer, purpose: Purpose::Answer, message });
            }
        }
        self.work(now);
    }

    /// A message with `content` was sent, or was not.
    pub(crate) fn sent(
        &mut self,
        job: Job,
        peer: PeerId,
        purpose: Purpose,
        content: Content,
        outcome: Sent,
        now: Duration,
    ) {
        if purpose == Purpose::Answer {
            self.answers = self.answers.saturating_sub(1);
        }
        match outcome {
            Sent::Delivered => {
                self.stats.messages_sent += 1;
                self.stats.blocks_sent += content.blocks;
                self.stats.bytes_sent += content.bytes;
                self.stats.presences_sent += content.presences;
                self.delivered(job, peer, purpose);
            }
            Sent::Failed | Sent::NotConnected => {
                self.stats.sends_failed += 1;
                self.undelivered(job, peer, purpose, now);
            }
        }
        // Nobody will report the leaving of a peer that wrote to us and left before it was known.
        if outcome == Sent::NotConnected && !self.ready.contains_key(&peer) {
            self.peer_gone(peer, now);
        }
        self.work(now);
    }

    fn delivered(&mut self, job: Job, peer: PeerId, purpose: Purpose) {
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        match purpose {
            Purpose::Ask if state.ask_lane.does(job) => {
                state.ask_lane.succeeded();
                if let Some(asks) = self.ready.get_mut(&peer) {
                    asks.sent();
                }
            }
            Purpose::Answer if state.answer_lane.does(job) => {
                state.answer_lane.succeeded();
                state.ledger.answered();
            }
            _ => {}
        }
    }

    fn undelivered(&mut self, job: Job, peer: PeerId, purpose: Purpose, now: Duration) {
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        match purpose {
            Purpose::Ask if state.ask_lane.does(job) => {
                state.ask_lane.failed(now);
                if let Some(asks) = self.ready.get_mut(&peer) {
                    asks.unsent();
                }
            }
            Purpose::Answer if state.answer_lane.does(job) => {
                if state.answer_lane.failed(now) < MAX_SEND_FAILURES {
                    state.ledger.unanswered();
                } else {
                    state.ledger = Ledger::default();
                    state.answer_lane.succeeded();
                    self.stats.peers_given_up += 1;
                }
            }
            _ => {}
        }
    }

    /// Time has passed. To be called about every [`TICK`](super::limits::TICK) while [`Engine::is_idle`] is false.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.wants.tick(&mut self.ready, now);
        self.work(now);
    }

    /// Whether the passing of time changes nothing.
    pub(crate) fn is_idle(&self) -> bool {
        self.wants.len() == 0 && self.turns.is_empty() && self.ready.values().all(|asks| !asks.is_pending())
    }

    /// The next thing to do, oldest first.
    pub(crate) fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Everything wanted that has not arrived.
    pub(crate) fn unmet(&self, now: Duration) -> Vec<Unmet> {
        self.wants.unmet(now)
    }

    /// What happened so far. The counts of inbound messages that could not be read are the driver's.
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            peers_ready: self.ready.len() as u64,
            wants_open: self.wants.len() as u64,
            wants_held: self.peers.values().map(|peer| peer.ledger.len() as u64).sum(),
            ..self.stats
        }
    }

    /// Starts everything that can be started.
    fn work(&mut self, now: Duration) {
        for (peer, asks) in &mut self.ready {
            if let Some(state) = self.peers.get_mut(peer)
                && asks.is_pending()
                && state.ask_lane.is_open(now)
            {
                let message = asks.take_message();
                if !message.is_empty() {
                    let job = next_job(&mut self.last_job);
                    state.ask_lane.occupy(job);
                    self.outputs.push_back(Output::Send { job, peer: *peer, purpose: Purpose::Ask, message });
                }
            }
        }
        for (peer, state) in &mut self.peers {
            let has_work = state.ledger.has_queued() || state.ledger.has_presences();
            if has_work && !state.has_turn && !state.answer_lane.is_busy() {
                state.has_turn = true;
                self.turns.push_back(*peer);
            }
        }
        self.serve(now);
        self.check();
    }

    /// Panics in debug builds when what holds between any two events does not.
    fn check(&self) {
        debug_assert!(self.ready.keys().all(|peer| self.peers.contains_key(peer)), "who is asked is known");
        let with_turn = self.peers.values().filter(|state| state.has_turn).count();
        debug_assert_eq!(self.turns.len(), with_turn, "a peer that waits for its turn stands there once");
        debug_assert!(
            self.answers <= MAX_ANSWERS && self.lookups <= MAX_LOOKUPS,
            "work under way is bounded"
        );
    }

    /// Gives peers their turn, longest waiting first, as long as there is room for more at a time.
    fn serve(&mut self, now: Duration) {
        for _ in 0..self.turns.len() {
            if self.answers >= MAX_ANSWERS || self.lookups >= MAX_LOOKUPS {
                return;
            }
            let Some(peer) = self.turns.pop_front() else {
                return;
            };
            let Some(state) = self.peers.get_mut(&peer) else {
                continue;
            };
            if !state.answer_lane.is_open(now) {
                self.turns.push_back(peer);
                continue;
            }
            state.has_turn = false;
            let wanted = state.ledger.take_batch();
            let output = if wanted.is_empty() {
                let message = state.ledger.answer(Vec::new(), &mut self.stats);
                if message.is_empty() {
                    continue;
                }
                let job = next_job(&mut self.last_job);
                Output::Send { job, peer, purpose: Purpose::Answer, message }
            } else {
                self.lookups += 1;
                Output::LookUp { job: next_job(&mut self.last_job), peer, wanted }
            };
            state.answer_lane.occupy(Job(self.last_job));
            self.answers += 1;
            self.outputs.push_back(output);
        }
    }
}

fn next_job(last: &mut u64) -> Job {
    *last += 1;
    Job(*last)
}

#[cfg(test)]
mod tests;
