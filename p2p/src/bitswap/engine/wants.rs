//! What we want of peers.
//!
//! A want is asked of one peer first: the one that the caller hints at (it offered the head), else the one that last
//! served the session. The others follow when that peer says that it lacks the block or stays silent. Everybody who
//! was asked remembers the want and may send the block later, so nothing is taken back until the block is here.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use cid::Cid;
use libp2p::PeerId;

use super::asks::Asks;
use crate::{
    backoff::Backoff,
    bitswap::limits::{ASK_AGAIN_AFTER, ASK_AGAIN_AT_MOST, BUSY_PEER_AFTER, NEXT_PEER_AFTER},
};

/// One session, as the engine knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId(pub u64);

/// A block that nobody has sent yet, for whoever wants to know why a database is incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// The wanted block.
    pub cid: Cid,
    /// Since it was first wanted.
    pub age: Duration,
    /// How many times a peer was asked for it.
    pub attempts: u32,
    /// Who was asked in the present round.
    pub asked: Vec<PeerId>,
}

/// The state of one wanted block.
#[derive(Debug)]
struct Open {
    sessions: Vec<SessionId>,
    hint: Option<PeerId>,
    since: Duration,
    attempts: u32,
    rounds: u32,
    /// Asked in this round. A round is over when nobody is left to ask.
    asked: BTreeSet<PeerId>,
    /// Who we wait for, since when.
    waiting_for: Option<(PeerId, Duration)>,
    /// When to ask again if we wait for nobody.
    ask_at: Duration,
    /// Somebody new wants it since the round began: another follows without a pause.
    again: bool,
}

/// Peers that speak bitswap, and what was asked of them.
pub(super) type AskTable = BTreeMap<PeerId, Asks>;

/// All wanted blocks and the sessions that want them.
#[derive(Debug, Default)]
pub(super) struct Wants {
    open: BTreeMap<Cid, Open>,
    /// Who last sent a block to a session.
    favourites: BTreeMap<SessionId, PeerId>,
}

impl Wants {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_open(&self, cid: &Cid) -> bool {
        self.open.contains_key(cid)
    }

    /// `session` wants `cid`, and `hint` may have it.
    pub(super) fn want(
        &mut self,
        session: SessionId,
        cid: Cid,
        hint: Option<PeerId>,
        peers: &mut AskTable,
        now: Duration,
    ) {
        let open = self.open.entry(cid).or_insert_with(|| Open {
            sessions: Vec::new(),
            hint,
            since: now,
            attempts: 0,
            rounds: 0,
            asked: BTreeSet::new(),
            waiting_for: None,
            ask_at: now,
            again: false,
        });
        let new = !open.sessions.contains(&session);
        if new {
            open.sessions.push(session);
        }
        open.hint = hint.or(open.hint);
        if open.waiting_for.is_none() {
            // Somebody else wants it who has reason to think that it can be had now: everybody is asked again.
            if new {
                open.asked.clear();
                open.rounds = 0;
            }
            let favourite = self.favourites.get(&session).copied();
            open.ask_next(cid, favourite, peers, now);
        } else {
            open.again |= new;
        }
    }

    /// `session` wants `cid` no longer. Says whether it did.
    pub(super) fn cancel(&mut self, session: SessionId, cid: &Cid, peers: &mut AskTable) -> bool {
        let Some(open) = self.open.get_mut(cid) else {
            return false;
        };
        let before = open.sessions.len();
        open.sessions.retain(|other| *other != session);
        let wanted = open.sessions.len() < before;
        if open.sessions.is_empty() {
            self.open.remove(cid);
            peers.values_mut().for_each(|asks| asks.take_back(cid));
        }
        wanted
    }

    /// `session` is gone with all that it wants.
    pub(super) fn close(&mut self, session: SessionId, peers: &mut AskTable) {
        self.favourites.remove(&session);
        let wanted: Vec<Cid> = self
            .open
            .iter()
            .filter(|(_, open)| open.sessions.contains(&session))
            .map(|(cid, _)| *cid)
            .collect();
        for cid in wanted {
            self.cancel(session, &cid, peers);
        }
    }

    /// `from` sent `cid`. The sessions that wanted it, or none if nobody did.
    pub(super) fn received(
        &mut self,
        from: PeerId,
        cid: &Cid,
        peers: &mut AskTable,
    ) -> Option<Vec<SessionId>> {
        let open = self.open.remove(cid)?;
        for (peer, asks) in peers.iter_mut() {
            if *peer == from {
                asks.settle(cid);
            } else {
                asks.take_back(cid);
            }
        }
        for session in &open.sessions {
            self.favourites.insert(*session, from);
        }
        Some(open.sessions)
    }

    /// `peer` says that it lacks `cid`: the next one's turn.
    pub(super) fn lacked(&mut self, peer: PeerId, cid: &Cid, peers: &mut AskTable, now: Duration) {
        if let Some(asks) = peers.get_mut(&peer) {
            asks.refused(cid);
        }
        if let Some(open) = self.open.get_mut(cid)
            && open.waiting_for.is_some_and(|(waiting_for, _)| waiting_for == peer)
        {
            open.ask_next(*cid, None, peers, now);
        }
    }

    /// `peer` is new: it is asked for everything that we do not expect from somebody else just now. Wants that
    /// somebody is working on reach it when that one turns out to be slow.
    pub(super) fn peer_ready(&mut self, peer: PeerId, peers: &mut AskTable, now: Duration) {
        for (cid, open) in &mut self.open {
            if open.waiting_for.is_none() {
                open.asked.remove(&peer);
                open.ask_next(*cid, Some(peer), peers, now);
            }
        }
    }

    /// `peer` is gone: what it was asked for is asked of others.
    pub(super) fn peer_gone(&mut self, peer: PeerId, peers: &mut AskTable, now: Duration) {
        self.favourites.retain(|_, favourite| *favourite != peer);
        for (cid, open) in &mut self.open {
            open.asked.remove(&peer);
            if open.waiting_for.is_some_and(|(waiting_for, _)| waiting_for == peer) {
                open.ask_next(*cid, None, peers, now);
            }
        }
    }

    /// Moves on where a peer is too slow, and starts again where all were asked in vain.
    pub(super) fn tick(&mut self, peers: &mut AskTable, now: Duration) {
        for (cid, open) in &mut self.open {
            match open.waiting_for {
                Some((peer, since)) => {
                    let busy_until = peers.get(&peer).map_or(since, |asks| asks.last_block.max(since));
                    let silent = now.saturating_sub(busy_until) >= NEXT_PEER_AFTER;
                    if silent || now.saturating_sub(since) >= BUSY_PEER_AFTER {
                        open.ask_next(*cid, None, peers, now);
                    }
                }
                None if now >= open.ask_at => {
                    open.asked.clear();
                    open.ask_next(*cid, None, peers, now);
                }
                None => {}
            }
        }
    }

    pub(super) fn unmet(&self, now: Duration) -> Vec<Unmet> {
        let unmet = |(cid, open): (&Cid, &Open)| Unmet {
            cid: *cid,
            age: now.saturating_sub(open.since),
            attempts: open.attempts,
            asked: open.asked.iter().copied().collect(),
        };
        self.open.iter().map(unmet).collect()
    }
}

impl Open {
    /// Asks the best peer that this round has not asked yet, or ends the round.
    fn ask_next(&mut self, cid: Cid, favourite: Option<PeerId>, peers: &mut AskTable, now: Duration) {
        let next = [self.hint, favourite]
            .into_iter()
            .flatten()
            .find(|peer| !self.asked.contains(peer) && peers.get_mut(peer).is_some_and(Asks::make_room))
            .or_else(|| self.least_burdened(peers));
        match next.and_then(|peer| Some((peer, peers.get_mut(&peer)?))) {
            Some((peer, asks)) => {
                asks.ask(cid);
                self.asked.insert(peer);
                self.attempts = self.attempts.saturating_add(1);
                self.waiting_for = Some((peer, now));
            }
            None => {
                let pause = Backoff::new(ASK_AGAIN_AFTER, ASK_AGAIN_AT_MOST).pause(self.rounds);
                // A round that asked nobody for want of room or peers is no reason to wait longer.
                if !self.asked.is_empty() {
                    self.rounds = self.rounds.saturating_add(1);
                }
                self.waiting_for = None;
                let at_once = std::mem::take(&mut self.again) || self.asked.is_empty();
                self.ask_at = if at_once { now } else { now + pause };
            }
        }
    }

    fn least_burdened(&self, peers: &mut AskTable) -> Option<PeerId> {
        let mut candidates: Vec<(usize, PeerId)> = peers
            .iter()
            .filter(|(peer, _)| !self.asked.contains(peer))
            .map(|(peer, asks)| (asks.open(), *peer))
            .collect();
        candidates.sort_unstable();
        candidates
            .into_iter()
            .map(|(_, peer)| peer)
            .find(|peer| peers.get_mut(peer).is_some_and(Asks::make_room))
    }
}
