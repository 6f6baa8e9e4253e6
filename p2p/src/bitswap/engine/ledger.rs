//! What one peer wants of us.
//!
//! A want is queued, looked up, sent, gone. One that we cannot serve stays, unmet: JavaScript asks once, so the
//! block must be sent unasked when it arrives. A want ends by being served, cancelled, or by the peer's leaving.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use cid::Cid;

use crate::bitswap::{
    limits::{LOOKUP_BATCH, MAX_MESSAGE, MAX_PRESENCES, MAX_WANTS_HELD},
    message::{Block, Message, Presence, Want, WantKind, is_supported},
    stats::Stats,
};

/// What the store said about one want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// The block, to be sent.
    Block(Bytes),
    /// It is there; only that was asked.
    Present,
    /// It is not there.
    Missing,
    /// It is there but no message can carry it.
    TooLarge,
    /// The store failed to tell.
    Failed,
    /// Not looked up: the answer was full before its turn came.
    NotReached,
}

/// Where a want is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for its turn.
    Queued,
    /// Being looked up. The block may be stored while the look-up fails to see it.
    LookedUp { stored_meanwhile: bool },
    /// In the message that is being sent.
    Sent,
    /// We lack the block.
    Unmet,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    kind: WantKind,
    send_dont_have: bool,
    /// Its place in the queue; kept so that a want that must wait again stays in front.
    place: u64,
    state: State,
}

/// One peer's wants and what we are about to tell it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    wants: HashMap<Cid, Held>,
    /// The queued ones, by place.
    queue: BTreeMap<u64, Cid>,
    next_place: u64,
    presences: VecDeque<(Cid, Presence)>,
    /// What the message that is being sent answers.
    in_flight: Vec<Cid>,
    presences_in_flight: Vec<(Cid, Presence)>,
}

impl Ledger {
    /// Wants held, whatever their state.
    pub(super) fn len(&self) -> usize {
        self.wants.len()
    }

    /// The sizes of everything that could grow.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 5] {
        let (presences, in_flight) = (self.presences.len(), self.presences_in_flight.len());
        [self.wants.len(), self.queue.len(), presences, in_flight, self.in_flight.len()]
    }

    /// Whether there is something to look up.
    pub(super) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether there is something to tell that needs no look-up.
    pub(super) fn has_presences(&self) -> bool {
        !self.presences.is_empty()
    }

    /// Takes in a peer's wantlist.
    pub(super) fn update(&mut self, full: bool, wants: &[Want], cancels: &[Cid], stats: &mut Stats) {
        if full {
            let kept: std::collections::HashSet<Cid> = wants.iter().map(|want| want.cid).collect();
            let gone: Vec<Cid> = self.wants.keys().filter(|cid| !kept.contains(cid)).copied().collect();
            gone.iter().for_each(|cid| self.remove(cid));
        }
        cancels.iter().for_each(|cid| self.remove(cid));
        for want in wants {
            self.want(want, stats);
        }
    }

    fn want(&mut self, want: &Want, stats: &mut Stats) {
        if !is_supported(&want.cid) {
            stats.parts_refused += 1;
            return self.refuse(want, stats);
        }
        if let Some(held) = self.wants.get_mut(&want.cid) {
            held.send_dont_have |= want.send_dont_have;
            if want.kind == WantKind::Block {
                held.kind = WantKind::Block;
            }
            // Asked again: the peer may have restarted, or wants another answer.
            if held.state == State::Unmet {
                self.enqueue(want.cid);
            }
            return;
        }
        if self.wants.len() >= MAX_WANTS_HELD {
            stats.wants_refused += 1;
            return self.refuse(want, stats);
        }
        let place = self.next_place;
        self.next_place += 1;
        let held = Held { kind: want.kind, send_dont_have: want.send_dont_have, place, state: State::Queued };
        self.wants.insert(want.cid, held);
        self.queue.insert(place, want.cid);
    }

    fn refuse(&mut self, want: &Want, stats: &mut Stats) {
        if want.send_dont_have {
            self.tell(want.cid, Presence::DontHave, stats);
        }
    }

    fn tell(&mut self, cid: Cid, presence: Presence, stats: &mut Stats) {
        if self.presences.len() < MAX_PRESENCES {
            self.presences.push_back((cid, presence));
        } else {
            stats.presences_dropped += 1;
        }
    }

    fn enqueue(&mut self, cid: Cid) {
        if let Some(held) = self.wants.get_mut(&cid) {
            held.state = State::Queued;
            self.queue.insert(held.place, cid);
        }
    }

    fn remove(&mut self, cid: &Cid) {
        if let Some(held) = self.wants.remove(cid) {
            self.queue.remove(&held.place);
        }
    }

    /// The store has got `cid`. Says whether that gives us something to do for this peer.
    pub(super) fn stored(&mut self, cid: &Cid) -> bool {
        match self.wants.get_mut(cid) {
            Some(Held { state: State::Unmet, .. }) => {
                self.enqueue(*cid);
                true
            }
            Some(Held { state: State::LookedUp { stored_meanwhile }, .. }) => {
                *stored_meanwhile = true;
                false
            }
            _ => false,
        }
    }

    /// The wants whose turn it is, now being looked up.
    pub(super) fn take_batch(&mut self) -> Vec<(Cid, WantKind)> {
        let mut batch = Vec::new();
        while batch.len() < LOOKUP_BATCH
            && let Some((_, cid)) = self.queue.pop_first()
        {
            if let Some(held) = self.wants.get_mut(&cid) {
                held.state = State::LookedUp { stored_meanwhile: false };
                batch.push((cid, held.kind));
            }
        }
        batch
    }

    /// Makes the answer to what was looked up, and whatever else there is to tell. Empty if that is nothing.
    pub(super) fn answer(&mut self, looked_up: Vec<(Cid, Found)>, stats: &mut Stats) -> Message {
        let mut message = Message::default();
        let mut room = MAX_MESSAGE.saturating_sub(FRAMING);
        for (cid, found) in looked_up {
            let Some(held) = self.wants.get_mut(&cid) else {
                continue; // Cancelled meanwhile.
            };
            let State::LookedUp { stored_meanwhile } = held.state else {
                continue; // Cancelled and wanted again.
            };
            let send_dont_have = held.send_dont_have;
            match found {
                Found::Block(data) if data.len() + BLOCK_FRAMING <= room => {
                    room -= data.len() + BLOCK_FRAMING;
                    held.state = State::Sent;
                    self.in_flight.push(cid);
                    message.blocks.push(Block { cid, data });
                }
                Found::Present => {
                    held.state = State::Sent;
                    self.in_flight.push(cid);
                    self.tell(cid, Presence::Have, stats);
                }
                Found::Block(_) | Found::NotReached => self.enqueue(cid),
                Found::Missing | Found::Failed if stored_meanwhile => self.enqueue(cid),
                Found::Missing | Found::TooLarge => {
                    held.state = State::Unmet;
                    if send_dont_have {
                        self.tell(cid, Presence::DontHave, stats);
                    }
                }
                Found::Failed => held.state = State::Unmet,
            }
        }
        let fitting = self.presences.len().min(room / PRESENCE_FRAMING);
        message.presences.extend(self.presences.drain(..fitting));
        self.presences_in_flight.clone_from(&message.presences);
        message
    }

    /// The answer has left: what it served is done with.
    pub(super) fn answered(&mut self) {
        self.presences_in_flight.clear();
        for cid in std::mem::take(&mut self.in_flight) {
            // A want cancelled and put anew while its block was on the way is queued again, not sent.
            if self.wants.get(&cid).is_some_and(|held| held.state == State::Sent) {
                self.remove(&cid);
            }
        }
    }

    /// The answer could not be sent: all of it is to be sent again.
    pub(super) fn unanswered(&mut self) {
        for presence in std::mem::take(&mut self.presences_in_flight).into_iter().rev() {
            self.presences.push_front(presence);
        }
        for cid in std::mem::take(&mut self.in_flight) {
            if self.wants.get(&cid).is_some_and(|held| held.state == State::Sent) {
                self.enqueue(cid);
            }
        }
        self.presences.truncate(MAX_PRESENCES);
    }
}

/// Protobuf around everything else, generously.
const FRAMING: usize = 64;
/// Around one block: its prefix, tags and lengths; more than it can be.
const BLOCK_FRAMING: usize = 32;
/// A presence with the longest CID.
const PRESENCE_FRAMING: usize = crate::bitswap::limits::MAX_CID + 16;
