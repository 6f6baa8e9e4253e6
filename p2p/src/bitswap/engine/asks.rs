//! What was asked of one peer and what is still to be asked.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use cid::Cid;

use crate::bitswap::{
    limits::{MAX_ENTRIES, MAX_WANTS_AT_PEER},
    message::{Message, Want, WantKind},
};

/// Our side of a wantlist that lives at a peer.
#[derive(Debug, Default)]
pub(super) struct Asks {
    /// With the peer, or in `new`: neither answered nor taken back.
    open: HashSet<Cid>,
    /// To be sent. May name wants that are open no longer, which are skipped.
    new: VecDeque<Cid>,
    /// To be taken back.
    cancels: VecDeque<Cid>,
    /// Those of `open` that the peer said it lacks, oldest first. It remembers them; so may name others too.
    refused: VecDeque<Cid>,
    /// In the message that is being sent.
    in_flight: (Vec<Cid>, Vec<Cid>),
    /// The peer has been told that our list starts anew.
    introduced: bool,
    /// When it last sent a block that we wanted.
    pub(super) last_block: Duration,
}

impl Asks {
    /// Wants that this peer has of us.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether one more want may be put to the peer, after taking back an old one that it does not have if need be.
    pub(super) fn make_room(&mut self) -> bool {
        while self.open.len() >= MAX_WANTS_AT_PEER {
            match self.refused.pop_front() {
                Some(cid) => self.take_back(&cid),
                None => return false,
            }
        }
        true
    }

    pub(super) fn ask(&mut self, cid: Cid) {
        // Asked again while the first time has not left yet: once is enough.
        if self.open.insert(cid) || !self.new.contains(&cid) {
            self.new.push_back(cid);
        }
        self.cancels.retain(|cancelled| *cancelled != cid);
    }

    /// The peer has answered with the block.
    pub(super) fn settle(&mut self, cid: &Cid) {
        self.open.remove(cid);
    }

    /// The block is no longer needed from this peer.
    pub(super) fn take_back(&mut self, cid: &Cid) {
        if self.open.remove(cid) {
            self.cancels.push_back(*cid);
        }
    }

    /// The peer lacks the block.
    pub(super) fn refused(&mut self, cid: &Cid) {
        if self.open.contains(cid) {
            self.refused.push_back(*cid);
            // Every open want once, and as many stale ones at most.
            while self.refused.len() > 2 * MAX_WANTS_AT_PEER {
                self.refused.pop_front();
            }
        }
    }

    /// Whether there is something to tell the peer.
    pub(super) fn is_pending(&self) -> bool {
        !self.new.is_empty() || !self.cancels.is_empty()
    }

    /// What to tell the peer now. Empty if that is nothing.
    pub(super) fn take_message(&mut self) -> Message {
        let mut message = Message::default();
        let mut wanted = Vec::new();
        while wanted.len() < MAX_ENTRIES
            && let Some(cid) = self.new.pop_front()
        {
            if self.open.contains(&cid) {
                wanted.push(cid);
            } else {
                // Taken back before it left: the peer need not know either.
                self.cancels.retain(|cancelled| *cancelled != cid);
            }
        }
        let room = MAX_ENTRIES - wanted.len();
        let cancelled: Vec<Cid> = self.cancels.drain(..self.cancels.len().min(room)).collect();
        if wanted.is_empty() && cancelled.is_empty() {
            return message;
        }
        message.full = !self.introduced;
        message.wants = wanted
            .iter()
            .map(|cid| Want { cid: *cid, kind: WantKind::Block, send_dont_have: true })
            .collect();
        message.cancels.clone_from(&cancelled);
        self.in_flight = (wanted, cancelled);
        message
    }

    pub(super) fn sent(&mut self) {
        self.introduced = true;
        self.in_flight = Default::default();
    }

    /// The message could not be sent: all of it is to be sent again.
    pub(super) fn unsent(&mut self) {
        let (wanted, cancelled) = std::mem::take(&mut self.in_flight);
        for cid in wanted.into_iter().rev() {
            self.new.push_front(cid);
        }
        for cid in cancelled.into_iter().rev() {
            if !self.open.contains(&cid) {
                self.cancels.push_front(cid);
            }
        }
    }
}
