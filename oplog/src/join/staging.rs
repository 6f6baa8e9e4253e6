//! Verified blocks that wait are handed out, to be kept on disk; each peer has a share of the room there.
//!
//! What does not fit is dropped from the end of what a peer led to: the entries with the highest clocks, which the fewest others
//! wait for. So a history larger than the share still comes in, oldest part first.

use super::{
    Effect, Joiner, Refusal,
    pending::{Id, Pending, Stage},
};
use crate::{hash::Hash, order::Position};
use bytes::Bytes;
use hashlink::LinkedHashMap;

/// The part of what a peer has staged that is dropped at a time, so that it is not looked through for every block.
const DROPPED_PART: u64 = 8;

impl<P: Copy + Eq + std::hash::Hash> Joiner<P> {
    /// Hands out the verified blocks that still wait, to be kept elsewhere until their entries are ready. Done when
    /// [`over_budget`](Self::over_budget), every few seconds, and before a shutdown so that a fetch can be resumed.
    pub fn stage(&mut self, effects: &mut Vec<Effect<P>>) -> Vec<(Hash, Bytes)> {
        let mut staged = Vec::new();
        let left = self.stage_what_fits(&mut staged);
        for (peer, bytes) in &left {
            let lacking = self.make_room_of_parked(*peer, *bytes, effects);
            if lacking > 0 {
                self.drop_newest(*peer, lacking + self.staged.held(*peer) / DROPPED_PART, effects);
            }
        }
        if !left.is_empty() {
            for (peer, bytes) in self.stage_what_fits(&mut staged) {
                self.drop_newest(peer, bytes, effects);
            }
            self.ask(effects);
        }
        self.check();
        staged
    }

    /// Drops what peers have staged beyond their share, after the room for all has become less.
    pub(super) fn trim_staged(&mut self, effects: &mut Vec<Effect<P>>) {
        for (peer, bytes) in self.staged.over() {
            let lacking = self.make_room_of_parked(peer, 0, effects);
            if lacking > 0 {
                self.drop_newest(peer, lacking.min(bytes), effects);
            }
        }
    }

    /// Gives the bytes for which there was no room, by peer.
    fn stage_what_fits(&mut self, staged: &mut Vec<(Hash, Bytes)>) -> LinkedHashMap<Option<P>, u64> {
        let mut left = LinkedHashMap::new();
        for pending in self.pending.values_mut() {
            let Stage::Verified(verified) = &mut pending.stage else { continue };
            let Some(block) = &verified.block else { continue };
            let (peer, bytes) = (pending.source.peer(), block.len() as u64);
            if pending.staged == 0 {
                if !self.staged.take(peer, bytes) {
                    *left.entry(peer).or_insert(0) += bytes;
                    continue;
                }
                pending.staged = u32::try_from(bytes).unwrap_or(u32::MAX);
                staged.push((pending.hash, block.clone()));
            }
            self.block_bytes -= block.len();
            verified.block = None;
        }
        left
    }

    /// Drops so many bytes of what waits of a peer, highest clocks first.
    fn drop_newest(&mut self, peer: Option<P>, bytes: u64, effects: &mut Vec<Effect<P>>) {
        let mut waiting: Vec<(Position, Id)> = Vec::new();
        for (id, pending) in &self.pending {
            if let Stage::Verified(verified) = &pending.stage
                && pending.source.peer() == peer
            {
                waiting.push((verified.position.clone(), *id));
            }
        }
        waiting.sort_unstable();
        let mut dropped = 0;
        while dropped < bytes
            && let Some((_, id)) = waiting.pop()
        {
            dropped += self.pending.get(&id).map_or(0, |pending| pending.bytes());
            self.refuse(id, Refusal::Backlog, effects);
        }
    }
}

impl<P> Pending<P> {
    /// What the entry's verified block takes, in memory or where it is staged.
    fn bytes(&self) -> u64 {
        match &self.stage {
            Stage::Verified(verified) => {
                verified.block.as_ref().map_or(self.staged.into(), |block| block.len() as u64)
            }
            Stage::Wanted | Stage::NeedsIdentity(_) | Stage::Verifying => 0,
        }
    }
}
