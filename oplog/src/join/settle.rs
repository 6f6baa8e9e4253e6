//! Entries become ready, or are refused with all that stands on them.

use super::{
    Effect, Joiner, Ready, Refusal, WrittenBy,
    pending::{Id, Pending, Stage, Verified},
};
use crate::{hash::Hash, order::Position};
use bytes::Bytes;

enum Settled {
    Complete,
    Waiting,
    Refused(Refusal),
}

impl<P: Copy + Eq + std::hash::Hash> Joiner<P> {
    /// Moves an entry that needs nothing more to the ready ones, and whoever waited for it alone after it.
    pub(super) fn complete(&mut self, id: Id, effects: &mut Vec<Effect<P>>) {
        let mut complete = vec![id];
        while let Some(id) = complete.pop() {
            let Some(Pending { stage: Stage::Verified(verified), waiters, hash, .. }) = self.remove(id)
            else {
                continue;
            };
            let Verified { position, next, keyed, unreadable, block, .. } = *verified;
            for waiter in waiters {
                match self.settle(waiter, id, hash, &position) {
                    Settled::Complete => complete.push(waiter),
                    Settled::Waiting => {}
                    Settled::Refused(reason) => self.refuse(waiter, reason, effects),
                }
            }
            self.ready_at.insert(hash, position.clone());
            self.ready.push_back(Ready { position, next, keyed, unreadable, block });
        }
    }

    /// Tells `waiter` that the entry `need` it waited for is ready at `position`.
    fn settle(&mut self, waiter: Id, need: Id, hash: Hash, position: &Position) -> Settled {
        let Some(pending) = self.pending.get_mut(&waiter) else { return Settled::Waiting };
        let Stage::Verified(verified) = &mut pending.stage else { return Settled::Waiting };
        let Ok(place) = verified.needs.binary_search(&need) else { return Settled::Waiting };
        verified.needs.remove(place);
        if verified.next.contains(&hash) && position.time >= verified.position.time {
            let (time, parent) = (verified.position.time, position.time);
            return Settled::Refused(Refusal::ClockNotAboveParents { time, parent });
        }
        if verified.needs.is_empty() { Settled::Complete } else { Settled::Waiting }
    }

    /// Drops an entry and everything that waits for it.
    pub(super) fn refuse(&mut self, id: Id, reason: Refusal, effects: &mut Vec<Effect<P>>) {
        self.refuse_of(id, reason, WrittenBy::Unknown, effects);
    }

    /// Drops an entry, whose writer is known to the caller, and everything that waits for it.
    pub(super) fn refuse_of(
        &mut self,
        id: Id,
        reason: Refusal,
        written_by: WrittenBy,
        effects: &mut Vec<Effect<P>>,
    ) {
        let mut doomed = vec![(id, reason, written_by)];
        while let Some((id, reason, mut written_by)) = doomed.pop() {
            let Some(Pending { hash, source, stage, waiters, staged, .. }) = self.drop_pending(id, effects)
            else {
                continue;
            };
            if reason.is_final() {
                self.refused.insert(hash, ());
            }
            if staged > 0 {
                effects.push(Effect::Unstage(hash));
            }
            match stage {
                Stage::Wanted | Stage::Verifying => {}
                Stage::NeedsIdentity(candidate) => written_by = WrittenBy::Key(candidate.entry.key),
                Stage::Verified(verified) => written_by = WrittenBy::Identity(verified.author),
            }
            let inherited = match &reason {
                Refusal::Backlog | Refusal::Unreachable(_) => reason.clone(),
                _ => Refusal::AncestorRefused(hash),
            };
            let inherit = |waiter| (waiter, inherited.clone(), WrittenBy::Unknown);
            doomed.extend(waiters.into_iter().map(inherit));
            effects.push(Effect::Refused { hash, source, written_by, reason });
        }
    }

    /// Removes an entry with what it wants and takes. Whoever waits for it is for the caller to see to.
    pub(super) fn drop_pending(&mut self, id: Id, effects: &mut Vec<Effect<P>>) -> Option<Pending<P>> {
        let pending = self.remove(id)?;
        match &pending.stage {
            Stage::Wanted => self.lines.cancel(pending.hash, effects),
            Stage::NeedsIdentity(candidate) => {
                self.block_bytes -= candidate.block.len();
                self.unidentified.give_back(pending.source.peer(), candidate.block.len() as u64);
                self.leave_identity(id, candidate.entry.identity, effects);
            }
            Stage::Verifying => {} // its bytes are let go when the verdict comes
            Stage::Verified(verified) => {
                self.block_bytes -= verified.block.as_ref().map_or(0, Bytes::len);
                self.abandon(id, &verified.needs, effects);
            }
        }
        Some(pending)
    }

    fn leave_identity(&mut self, id: Id, identity: Hash, effects: &mut Vec<Effect<P>>) {
        if let Some(waiters) = self.identity_waiters.get_mut(&identity) {
            waiters.retain(|waiter| *waiter != id);
            if waiters.is_empty() {
                self.identity_waiters.remove(&identity);
                self.lines.cancel(identity, effects);
            }
        }
    }

    /// The entry `id` no longer needs these: those that nobody else needs, and that were not offered themselves, go too.
    pub(super) fn abandon<'a>(
        &mut self,
        id: Id,
        needs: impl IntoIterator<Item = &'a Id>,
        effects: &mut Vec<Effect<P>>,
    ) {
        for need in needs {
            let Some(pending) = self.pending.get_mut(need) else {
                continue;
            };
            pending.waiters.retain(|waiter| *waiter != id);
            if pending.waiters.is_empty() && matches!(pending.stage, Stage::Wanted) {
                let hash = pending.hash;
                self.lines.cancel(hash, effects);
                if let Some(need) = self.remove(*need) {
                    self.park_staged(&need, false);
                }
            }
        }
    }
}
