//! What a joiner is told, and what it is asked.

use super::{
    Effect, Limits, Policy, Ready, Refusal, Source, Verdict, WrittenBy,
    lines::Lines,
    parked::{PARKED_PER_ENTRY, Parked},
    pending::{Id, PendingEntries, SMALL, Stage, is_wanted, shrink},
    verify::{Job, Outcome, Work},
};
use crate::{
    access::Writers, address::Address, hash::Hash, identity::VerifiedIdentity, log::LogRead, order::Position,
    shares::Shares,
};
use bytes::Bytes;
use hashlink::LruCache;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// Plans the joins of one database.
#[derive(Debug)]
pub struct Joiner<P> {
    pub(super) log_id: String,
    pub(super) writers: Arc<Writers>,
    pub(super) policy: Policy,
    pub(super) limits: Limits,
    /// [`Limits::max_pending_bytes`], or less.
    pub(super) byte_budget: usize,
    pub(super) pending: PendingEntries<P>,
    pub(super) ids: HashMap<Hash, Id>,
    pub(super) next_id: Id,
    /// Pending entries, by the peer that led to them. Many links weigh as much as entries.
    pub(super) room: Shares<Option<P>>,
    /// Those of them whose blocks are being fetched.
    pub(super) wanted: Shares<Option<P>>,
    /// Blocks in memory, those in jobs among them.
    pub(super) block_bytes: usize,
    /// Bytes of blocks whose identity is being fetched.
    pub(super) unidentified: Shares<Option<P>>,
    /// Bytes of blocks that were staged, those of parked entries included.
    pub(super) staged: Shares<Option<P>>,
    pub(super) parked: Parked<P>,
    pub(super) lines: Lines<P>,
    /// Blocks in jobs, whose verdicts are out.
    pub(super) verifying_bytes: usize,
    pub(super) identities: LruCache<Hash, Arc<VerifiedIdentity>>,
    /// Identity blocks under way, and the entries that wait for them.
    pub(super) identity_waiters: HashMap<Hash, Vec<Id>>,
    pub(super) refused: LruCache<Hash, ()>,
    pub(super) ready: VecDeque<Ready>,
    pub(super) ready_at: HashMap<Hash, Position>,
}

impl<P: Copy + Eq + std::hash::Hash> Joiner<P> {
    /// A joiner for the database at `address`, written to by `writers`.
    pub fn new(address: Address, writers: Writers, policy: Policy, limits: Limits) -> Self {
        Self {
            log_id: address.to_string(),
            writers: Arc::new(writers),
            policy,
            limits,
            byte_budget: limits.max_pending_bytes,
            pending: PendingEntries::new(),
            ids: HashMap::new(),
            next_id: 0,
            room: Shares::new(limits.max_pending as u64),
            wanted: Shares::new(limits.max_wanted as u64),
            block_bytes: 0,
            unidentified: Shares::new(limits.max_unidentified_bytes()),
            staged: Shares::new(limits.max_staged_bytes),
            parked: Parked::new(limits.max_parked, limits.max_parked_heads),
            lines: Lines::new(limits.max_asked),
            verifying_bytes: 0,
            identities: LruCache::new(limits.max_identities),
            identity_waiters: HashMap::new(),
            refused: LruCache::new(limits.max_refused),
            ready: VecDeque::new(),
            ready_at: HashMap::new(),
        }
    }

    /// Changes who may write. Entries refused before are judged anew when they are offered again; entries in the log stay
    /// (wire document, section 8, on revoking).
    pub fn set_writers(&mut self, writers: Writers) {
        if *self.writers != writers {
            self.writers = Arc::new(writers);
            self.refused.clear();
        }
    }

    /// Changes how much of what [`Limits`] grants there is room for: a part of a capacity that many joiners share.
    pub fn set_room(&mut self, pending: u64, pending_bytes: usize, staged_bytes: u64) {
        let parked = (self.parked.len() / PARKED_PER_ENTRY) as u64;
        self.room.set_capacity(pending.saturating_sub(parked).min(self.limits.max_pending as u64));
        self.byte_budget = pending_bytes.min(self.limits.max_pending_bytes);
        self.staged.set_capacity(staged_bytes.min(self.limits.max_staged_bytes));
    }

    /// What the pending entries take of [`Limits::max_pending`]: one each, and one for every
    /// [`LINKS_PER_ENTRY`](super::LINKS_PER_ENTRY) links; and parked ones, one for every four.
    pub fn room_taken(&self) -> u64 {
        self.room.total() + (self.parked.len() / PARKED_PER_ENTRY) as u64
    }

    /// Bytes of blocks that were staged and whose entries wait.
    pub fn staged_bytes(&self) -> u64 {
        self.staged.total()
    }

    /// How many entries wait for something.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Bytes of blocks held in memory.
    pub fn pending_bytes(&self) -> usize {
        self.block_bytes
    }

    /// Whether the entry with this hash is on its way in.
    pub fn is_pending(&self, hash: &Hash) -> bool {
        self.ids.contains_key(hash) || self.ready_at.contains_key(hash)
    }

    /// Whether the block is being fetched, as an entry or as an identity.
    pub fn wants(&self, hash: &Hash) -> bool {
        is_wanted(&self.pending, &self.ids, &self.identity_waiters, hash)
    }

    /// Takes a head that somebody offers. Unknown ones are verified and their ancestors fetched.
    pub fn head<R: LogRead>(
        &mut self,
        block: Bytes,
        source: Source<P>,
        read: &R,
        effects: &mut Vec<Effect<P>>,
    ) -> Result<(), R::Error> {
        let hash = Hash::of(&block);
        if self.ready_at.contains_key(&hash) || self.refused.contains_key(&hash) || read.contains(&hash)? {
            return Ok(());
        }
        let id = match self.ids.get(&hash) {
            _ if source == Source::Staged => Some(self.admit_staged(hash, block.len())),
            Some(id) => Some(*id),
            None => self.admit(hash, source),
        };
        match id {
            None => effects.push(backlog(hash, source)),
            Some(id) if self.is_awaited(id) => {
                self.lines.cancel(hash, effects);
                self.arrived(id, block, effects);
            }
            Some(_) => {}
        }
        self.ask(effects);
        self.check();
        Ok(())
    }

    /// Takes a head that somebody offers by its hash alone.
    pub fn head_hash<R: LogRead>(
        &mut self,
        hash: Hash,
        source: Source<P>,
        read: &R,
        effects: &mut Vec<Effect<P>>,
    ) -> Result<(), R::Error> {
        if self.is_pending(&hash) || self.refused.contains_key(&hash) || read.contains(&hash)? {
            return Ok(());
        }
        match self.admit(hash, source) {
            Some(_) => self.want(hash, source),
            None => effects.push(backlog(hash, source)),
        }
        self.ask(effects);
        self.check();
        Ok(())
    }

    /// Takes a block that was asked for; others are ignored.
    pub fn block(&mut self, block: Bytes, effects: &mut Vec<Effect<P>>) {
        let hash = Hash::of(&block);
        if self.identity_waiters.contains_key(&hash) {
            self.lines.arrived(&hash);
            effects.push(Effect::Verify(Job(Work::Identity { hash, block })));
        } else if let Some(id) = self.ids.get(&hash).copied().filter(|id| self.is_awaited(*id)) {
            self.arrived(id, block, effects);
        }
        self.ask(effects);
        self.check();
    }

    /// Takes the verdict on a job.
    pub fn verdict<R: LogRead>(
        &mut self,
        verdict: Verdict,
        read: &R,
        effects: &mut Vec<Effect<P>>,
    ) -> Result<(), R::Error> {
        match verdict.0 {
            Outcome::Identity { hash, block, result } => self.identity(hash, block, result, effects),
            Outcome::Entry { candidate, identity, result } => {
                self.block_bytes -= candidate.block.len();
                self.verifying_bytes -= candidate.block.len();
                match (self.verifying(&candidate.entry.hash), result) {
                    (None, _) => {}
                    (Some(id), Ok(payload)) => {
                        self.verified(id, *candidate, payload, identity, read, effects)?;
                    }
                    (Some(id), Err(reason)) => {
                        self.refuse_of(id, reason, WrittenBy::Identity(identity), effects);
                    }
                }
            }
        }
        self.ask(effects);
        self.check();
        Ok(())
    }

    /// Gives up a block that cannot be had, and everything that needs it. All of it may be offered again.
    pub fn give_up(&mut self, hash: Hash, effects: &mut Vec<Effect<P>>) {
        if let Some(id) = self.ids.get(&hash).copied() {
            self.refuse(id, Refusal::Unreachable(hash), effects);
        }
        if let Some(waiters) = self.identity_waiters.remove(&hash) {
            self.lines.cancel(hash, effects);
            waiters.into_iter().for_each(|id| self.refuse(id, Refusal::Unreachable(hash), effects));
        }
        self.ask(effects);
        self.check();
    }

    /// Drops an entry for which there is no room elsewhere, and everything that needs it. All of it may be offered again.
    pub fn turn_away(&mut self, hash: Hash, effects: &mut Vec<Effect<P>>) {
        if let Some(id) = self.ids.get(&hash).copied() {
            self.refuse(id, Refusal::Backlog, effects);
        }
        self.ask(effects);
        self.check();
    }

    /// The entries that may be committed, up to `most`, ancestors first. They must be in the log before the joiner is told
    /// anything else.
    pub fn take_ready(&mut self, most: usize) -> Vec<Ready> {
        let count = most.min(self.ready.len());
        let ready: Vec<Ready> = self.ready.drain(..count).collect();
        for entry in &ready {
            self.ready_at.remove(&entry.position.hash);
            self.block_bytes -= entry.block.as_ref().map_or(0, Bytes::len);
        }
        shrink(&mut self.ready_at);
        if self.ready.is_empty() {
            self.ready.shrink_to(SMALL);
        }
        self.check();
        ready
    }

    /// Whether more blocks are in memory than [`Limits::max_pending_bytes`].
    pub fn over_budget(&self) -> bool {
        self.block_bytes > self.byte_budget
    }

    /// Forgets everything under way, because what was ready could not be committed. Gives the blocks that are no longer
    /// wanted; what was offered must be offered again. Verdicts that are still out are ignored when they come. Parked entries,
    /// and what was staged, are parked.
    pub fn reset(&mut self) -> Vec<Hash> {
        self.block_bytes = self.verifying_bytes;
        for (_, pending) in std::mem::take(&mut self.pending) {
            if pending.staged > 0 {
                self.parked.insert(pending.hash, pending.source, pending.staged, pending.waiters.is_empty());
            }
        }
        self.ids.clear();
        self.room.clear();
        self.wanted.clear();
        self.unidentified.clear();
        self.identity_waiters.clear();
        self.ready.clear();
        self.ready_at.clear();
        let wanted = self.lines.clear();
        self.check();
        wanted
    }

    fn is_awaited(&self, id: Id) -> bool {
        self.pending.get(&id).is_some_and(|pending| matches!(pending.stage, Stage::Wanted))
    }

    /// The pending entry whose verdict is out, if it is still wanted.
    fn verifying(&self, hash: &Hash) -> Option<Id> {
        let id = *self.ids.get(hash)?;
        matches!(self.pending.get(&id)?.stage, Stage::Verifying).then_some(id)
    }
}

/// There is no room for the entry; nothing of it was looked at.
fn backlog<P>(hash: Hash, source: Source<P>) -> Effect<P> {
    Effect::Refused { hash, source, written_by: WrittenBy::Unknown, reason: Refusal::Backlog }
}
