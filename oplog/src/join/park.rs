//! Parking: entries of peers that have gone are set aside, and looked at again when somebody comes.

use super::{
    Effect, Joiner,
    pending::{Id, Pending, Stage},
};
use crate::hash::Hash;
use std::collections::HashSet;

/// Ticks without a block after which the entries of a peer that has gone are parked.
pub const PARK_AFTER: u32 = 30;

impl<P: Copy + Eq + std::hash::Hash> Joiner<P> {
    /// Entries that are parked: verified, and not wanting anything until a peer comes who may have what they build on.
    pub fn parked(&self) -> usize {
        self.parked.len()
    }

    /// Some two seconds have passed. Parks what peers led to that `connected` knows nothing of and that gets on no further.
    /// To be called after [`stage`](Self::stage): what was not staged must be fetched again.
    pub fn tick(&mut self, connected: impl Fn(P) -> bool, effects: &mut Vec<Effect<P>>) {
        let room = &self.room;
        self.lines.tick(|peer| room.held(peer) > 0, effects);
        self.parked.tick();
        let gone: HashSet<Option<P>> =
            self.lines.idle_for(PARK_AFTER).filter(|peer| !peer.is_some_and(&connected)).collect();
        if !gone.is_empty() {
            self.park(&gone, effects);
        }
        self.trim_staged(effects);
        self.look_at_heads_again();
        while let Some(hash) = self.parked.next_out() {
            self.forget_parked(&hash, effects);
        }
        if self.pending.is_empty() && self.parked.len() == 0 {
            self.parked.forget_pause();
        }
        self.ask(effects);
        self.check();
        debug_assert!(self.parked.is_bounded(), "what there is no room for is not parked after a tick");
    }

    /// Parks what these peers led to, but for what entries of others build on.
    fn park(&mut self, gone: &HashSet<Option<P>>, effects: &mut Vec<Effect<P>>) {
        let mut kept: HashSet<Id> = HashSet::new();
        let others = self.pending.iter().filter(|(_, pending)| !gone.contains(&pending.source.peer()));
        let mut look_at: Vec<Id> = others.map(|(id, _)| *id).collect();
        while let Some(id) = look_at.pop() {
            if kept.insert(id)
                && let Some(Stage::Verified(verified)) = self.pending.get(&id).map(|pending| &pending.stage)
            {
                look_at.extend(&verified.needs);
            }
        }
        let idle = |pending: &Pending<P>| !matches!(pending.stage, Stage::Verifying);
        let parked: Vec<(Id, bool)> = self
            .pending
            .iter()
            .filter(|(id, pending)| !kept.contains(id) && idle(pending))
            .map(|(id, pending)| (*id, pending.waiters.is_empty()))
            .collect();
        for (id, head) in parked {
            let Some(pending) = self.drop_pending(id, effects) else { continue };
            self.park_staged(&pending, head);
        }
    }

    /// Parks an entry that was removed, if its block is on disk.
    pub(super) fn park_staged(&mut self, removed: &Pending<P>, head: bool) {
        if removed.staged > 0 {
            self.staged.take_always(removed.source.peer(), removed.staged.into());
            self.parked.insert(removed.hash, removed.source, removed.staged, head);
        }
    }

    /// A peer has come that may have what parked entries lack: their heads are looked at again with the next
    /// [`tick`](Self::tick), unless that was done a short while ago; then later.
    pub fn wake(&mut self) {
        self.parked.wake();
    }

    fn look_at_heads_again(&mut self) {
        for (hash, source) in self.parked.heads_due() {
            // those that find no room stay parked
            if self.admit(hash, source).is_some() {
                self.want(hash, source);
            }
        }
    }

    /// Gives up a parked entry, and its place on the disk.
    fn forget_parked(&mut self, hash: &Hash, effects: &mut Vec<Effect<P>>) {
        if let Some(entry) = self.parked.take(hash) {
            self.staged.give_back(entry.source.peer(), entry.bytes.into());
            effects.push(Effect::Unstage(*hash));
        }
    }

    /// Makes room on the disk for so many bytes of a peer: its parked entries go, oldest first. How many bytes are lacking then.
    pub(super) fn make_room_of_parked(
        &mut self,
        peer: Option<P>,
        bytes: u64,
        effects: &mut Vec<Effect<P>>,
    ) -> u64 {
        loop {
            let lacking = (self.staged.held(peer) + bytes).saturating_sub(self.staged.allowance(peer));
            let oldest = if lacking == 0 { None } else { self.parked.oldest(peer, false) };
            match oldest {
                Some(hash) => self.forget_parked(&hash, effects),
                None => return lacking,
            }
        }
    }
}
