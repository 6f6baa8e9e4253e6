//! Planning a join, without I/O.
//!
//! A [`Joiner`] is told what arrives (heads from a peer, blocks that were fetched, verdicts) and answers with [`Effect`]s:
//! what to fetch, what to verify, what was refused and why. Entries whose ancestors are all there come out of
//! [`Joiner::take_ready`], ancestors first; nothing else ever becomes visible. One missing block holds up its descendants
//! and nothing besides.
//!
//! What an entry needs before it is ready: its identity block, verified; a good signature; and every entry of `next` and
//! `refs`, ready or in the log. JavaScript fetches `refs` too and gives the whole join up when one cannot be had (wire
//! document, section 7), so an entry with a dangling reference must not be passed on to it.
//!
//! Every collection in here is bounded by [`Limits`].

mod bounded;
mod verify;

pub use verify::{Job, Policy, Refusal, Verdict};

use crate::{
    access::Writers,
    address::Address,
    entry::{Candidate, MAX_ENTRY_BYTES},
    hash::Hash,
    identity::VerifiedIdentity,
    log::{Added, LogRead},
    order::Position,
    view::KeyedOp,
};
use bounded::Bounded;
use bytes::Bytes;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};
use verify::{Outcome, Work};

/// Who offered something, as the caller numbers its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(pub u64);

impl Source {
    /// What the node itself had staged before a restart. Not held to a peer's share of the backlog.
    pub const STAGED: Self = Self(u64::MAX);
}

/// Bounds on what a joiner keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest entry taken, in bytes.
    pub max_entry_bytes: usize,
    /// Entries that wait for something, all peers together. Each takes some 600 bytes beside its block.
    pub max_pending: usize,
    /// Entries that wait because of one peer.
    pub max_pending_per_source: usize,
    /// Bytes of blocks in memory; above it, [`Joiner::stage`] has something to give.
    pub max_pending_bytes: usize,
    /// Refused hashes remembered, so that they are not fetched and judged again.
    pub max_refused: usize,
    /// Verified identities remembered.
    pub max_identities: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entry_bytes: MAX_ENTRY_BYTES,
            max_pending: 1_000_000,
            max_pending_per_source: 500_000,
            max_pending_bytes: 32 << 20,
            max_refused: 16_384,
            max_identities: 4_096,
        }
    }
}

/// A block to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// The block.
    pub hash: Hash,
    /// Who offered what needs it, and so should have it.
    pub source: Source,
}

/// What a joiner wants done.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Get this block, from the store if it is there, and give it to [`Joiner::block`].
    Fetch(Want),
    /// The block is no longer needed.
    Cancel(Hash),
    /// Run the job and give the verdict to [`Joiner::verdict`].
    Verify(Job),
    /// Store this identity block, so that peers can have it, no later than the entries that name it.
    KeepIdentity(Hash, Bytes),
    /// The entry was not taken.
    Refused {
        /// Its hash.
        hash: Hash,
        /// Who offered it, or what led to it.
        source: Source,
        /// Why.
        reason: Refusal,
    },
}

/// An entry that may be committed: verified, and its ancestors are in the log or come out before it.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Where it stands.
    pub position: Position,
    /// The heads that it replaces.
    pub next: Vec<Hash>,
    /// What it does to a view of keys.
    pub keyed: Option<KeyedOp>,
    /// The block; `None` when it was staged.
    pub block: Option<Bytes>,
    /// Who led to it.
    pub source: Source,
}

impl Ready {
    /// The entry for [`Log::join`](crate::log::Log::join), with the block that was staged if it was.
    pub fn with_block(self, block: Bytes) -> Added {
        Added {
            position: self.position,
            block,
            next: self.next,
            keyed: self.keyed,
        }
    }
}

/// Names a pending entry within a joiner; never used twice.
type Id = u64;

#[derive(Debug)]
struct Pending {
    hash: Hash,
    source: Source,
    stage: Stage,
    /// Pending entries that need this one.
    waiters: Vec<Id>,
}

#[derive(Debug)]
enum Stage {
    /// The block is being fetched.
    Wanted,
    /// The block is here, its identity is being fetched.
    NeedsIdentity(Box<Candidate>),
    /// A job is out.
    Verifying,
    /// Good; some of `needs` are still pending.
    Verified(Verified),
}

#[derive(Debug)]
struct Verified {
    position: Position,
    next: Vec<Hash>,
    keyed: Option<KeyedOp>,
    block: Option<Bytes>,
    needs: HashSet<Id>,
}

/// Plans the joins of one database.
#[derive(Debug)]
pub struct Joiner {
    log_id: String,
    writers: Arc<Writers>,
    policy: Policy,
    limits: Limits,
    pending: HashMap<Id, Pending>,
    ids: HashMap<Hash, Id>,
    next_id: Id,
    per_source: HashMap<Source, usize>,
    /// Blocks in memory, those in jobs among them.
    block_bytes: usize,
    /// Blocks in jobs, whose verdicts are out.
    verifying_bytes: usize,
    identities: Bounded<Hash, Arc<VerifiedIdentity>>,
    /// Identity blocks under way, and the entries that wait for them.
    identity_waiters: HashMap<Hash, Vec<Id>>,
    refused: Bounded<Hash, ()>,
    ready: VecDeque<Ready>,
    ready_at: HashMap<Hash, Position>,
}

impl Joiner {
    /// A joiner for the database at `address`, written to by `writers`.
    pub fn new(address: Address, writers: Writers, policy: Policy, limits: Limits) -> Self {
        Self {
            log_id: address.to_string(),
            writers: Arc::new(writers),
            policy,
            limits,
            pending: HashMap::new(),
            ids: HashMap::new(),
            next_id: 0,
            per_source: HashMap::new(),
            block_bytes: 0,
            verifying_bytes: 0,
            identities: Bounded::new(limits.max_identities),
            identity_waiters: HashMap::new(),
            refused: Bounded::new(limits.max_refused),
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
        let wanted = |id| {
            matches!(
                self.pending.get(id),
                Some(Pending {
                    stage: Stage::Wanted,
                    ..
                })
            )
        };
        self.identity_waiters.contains_key(hash) || self.ids.get(hash).is_some_and(wanted)
    }

    /// Takes a head that somebody offers. Unknown ones are verified and their ancestors fetched.
    pub fn head<R: LogRead>(
        &mut self,
        block: Bytes,
        source: Source,
        read: &R,
        effects: &mut Vec<Effect>,
    ) -> Result<(), R::Error> {
        let hash = Hash::of(&block);
        if self.ready_at.contains_key(&hash) || self.refused.get(&hash).is_some() || read.contains(&hash)? {
            return Ok(());
        }
        let id = match self.ids.get(&hash) {
            Some(id) => *id,
            None => match self.admit(hash, source) {
                Some(id) => id,
                None => {
                    effects.push(Effect::Refused {
                        hash,
                        source,
                        reason: Refusal::Backlog,
                    });
                    return Ok(());
                }
            },
        };
        if matches!(
            self.pending.get(&id),
            Some(Pending {
                stage: Stage::Wanted,
                ..
            })
        ) {
            effects.push(Effect::Cancel(hash));
            self.arrived(id, block, effects);
        }
        Ok(())
    }

    /// Takes a head that somebody offers by its hash alone.
    pub fn head_hash<R: LogRead>(
        &mut self,
        hash: Hash,
        source: Source,
        read: &R,
        effects: &mut Vec<Effect>,
    ) -> Result<(), R::Error> {
        if self.is_pending(&hash) || self.refused.get(&hash).is_some() || read.contains(&hash)? {
            return Ok(());
        }
        match self.admit(hash, source) {
            Some(_) => effects.push(Effect::Fetch(Want { hash, source })),
            None => effects.push(Effect::Refused {
                hash,
                source,
                reason: Refusal::Backlog,
            }),
        }
        Ok(())
    }

    /// Takes a block that was asked for; others are ignored.
    pub fn block(&mut self, block: Bytes, effects: &mut Vec<Effect>) {
        let hash = Hash::of(&block);
        if self.identity_waiters.contains_key(&hash) {
            effects.push(Effect::Verify(Job(Work::Identity { hash, block })));
        } else if let Some(id) = self.ids.get(&hash).copied()
            && matches!(
                self.pending.get(&id),
                Some(Pending {
                    stage: Stage::Wanted,
                    ..
                })
            )
        {
            self.arrived(id, block, effects);
        }
    }

    /// Takes the verdict on a job.
    pub fn verdict<R: LogRead>(
        &mut self,
        verdict: Verdict,
        read: &R,
        effects: &mut Vec<Effect>,
    ) -> Result<(), R::Error> {
        match verdict.0 {
            Outcome::Identity { hash, block, result } => {
                self.identity(hash, block, result, effects);
                Ok(())
            }
            Outcome::Entry { candidate, result } => {
                self.block_bytes -= candidate.block.len();
                self.verifying_bytes -= candidate.block.len();
                let Some(id) = self.verifying(&candidate.entry.hash) else { return Ok(()) };
                match result {
                    Ok(()) => self.verified(id, *candidate, read, effects),
                    Err(reason) => {
                        self.refuse(id, reason, effects);
                        Ok(())
                    }
                }
            }
        }
    }

    /// Gives up a block that cannot be had, and everything that needs it. All of it may be offered again.
    pub fn give_up(&mut self, hash: Hash, effects: &mut Vec<Effect>) {
        if let Some(id) = self.ids.get(&hash).copied() {
            self.refuse(id, Refusal::Unreachable(hash), effects);
        }
        for id in self.identity_waiters.remove(&hash).unwrap_or_default() {
            self.refuse(id, Refusal::Unreachable(hash), effects);
        }
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
        ready
    }

    /// Whether more blocks are in memory than [`Limits::max_pending_bytes`].
    pub fn over_budget(&self) -> bool {
        self.block_bytes > self.limits.max_pending_bytes
    }

    /// Hands out the verified blocks that still wait, to be kept elsewhere until their entries are ready. Done when
    /// [`over_budget`](Self::over_budget), and before a shutdown so that a fetch can be resumed.
    pub fn stage(&mut self) -> Vec<(Hash, Bytes)> {
        let mut staged = Vec::new();
        for pending in self.pending.values_mut() {
            if let Stage::Verified(Verified { block, .. }) = &mut pending.stage
                && let Some(block) = block.take()
            {
                self.block_bytes -= block.len();
                staged.push((pending.hash, block));
            }
        }
        staged
    }

    /// Forgets everything under way, because what was ready could not be committed. Gives the blocks that are no longer
    /// wanted; what was offered must be offered again. Verdicts that are still out are ignored when they come.
    pub fn reset(&mut self) -> Vec<Hash> {
        let wanted = self.pending.values().filter(|pending| matches!(pending.stage, Stage::Wanted));
        let wanted = wanted.map(|pending| pending.hash).chain(self.identity_waiters.keys().copied()).collect();
        self.block_bytes = self.verifying_bytes;
        self.pending.clear();
        self.ids.clear();
        self.per_source.clear();
        self.identity_waiters.clear();
        self.ready.clear();
        self.ready_at.clear();
        wanted
    }

    /// The pending entry whose verdict is out, if it is still wanted.
    fn verifying(&self, hash: &Hash) -> Option<Id> {
        let id = *self.ids.get(hash)?;
        matches!(self.pending.get(&id)?.stage, Stage::Verifying).then_some(id)
    }

    fn admit(&mut self, hash: Hash, source: Source) -> Option<Id> {
        let held = self.per_source.entry(source).or_default();
        let share = if source == Source::STAGED {
            usize::MAX
        } else {
            self.limits.max_pending_per_source
        };
        if *held >= share || self.pending.len() >= self.limits.max_pending {
            return None;
        }
        *held += 1;
        let id = self.next_id;
        self.next_id += 1;
        self.ids.insert(hash, id);
        self.pending.insert(
            id,
            Pending {
                hash,
                source,
                stage: Stage::Wanted,
                waiters: Vec::new(),
            },
        );
        Some(id)
    }

    fn remove(&mut self, id: Id) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        self.ids.remove(&pending.hash);
        if let Some(held) = self.per_source.get_mut(&pending.source) {
            *held -= 1;
            if *held == 0 {
                self.per_source.remove(&pending.source);
            }
        }
        Some(pending)
    }

    /// A wanted block is here.
    fn arrived(&mut self, id: Id, block: Bytes, effects: &mut Vec<Effect>) {
        let candidate = match Candidate::decode(block, self.limits.max_entry_bytes) {
            Ok(candidate) => candidate,
            Err(error) => return self.refuse(id, error.into(), effects),
        };
        if candidate.entry.id != self.log_id {
            return self.refuse(id, Refusal::WrongLog(candidate.entry.id), effects);
        }
        let Some(pending) = self.pending.get_mut(&id) else {
            return;
        };
        let identity_hash = candidate.entry.identity;
        self.block_bytes += candidate.block.len();
        if let Some(identity) = self.identities.get(&identity_hash) {
            pending.stage = Stage::Verifying;
            self.verifying_bytes += candidate.block.len();
            effects.push(Effect::Verify(Job(Work::Entry {
                candidate: Box::new(candidate),
                identity: Arc::clone(identity),
                writers: Arc::clone(&self.writers),
                policy: self.policy,
            })));
            return;
        }
        pending.stage = Stage::NeedsIdentity(Box::new(candidate));
        let source = pending.source;
        let waiters = self.identity_waiters.entry(identity_hash).or_default();
        waiters.push(id);
        if waiters.len() == 1 {
            effects.push(Effect::Fetch(Want {
                hash: identity_hash,
                source,
            }));
        }
    }

    fn identity(
        &mut self,
        hash: Hash,
        block: Bytes,
        result: Result<Arc<VerifiedIdentity>, crate::identity::IdentityError>,
        effects: &mut Vec<Effect>,
    ) {
        let waiters = self.identity_waiters.remove(&hash).unwrap_or_default();
        let identity = match result {
            Ok(identity) => identity,
            Err(error) => {
                waiters
                    .into_iter()
                    .for_each(|id| self.refuse(id, error.clone().into(), effects));
                return;
            }
        };
        effects.push(Effect::KeepIdentity(hash, block));
        self.identities.insert(hash, Arc::clone(&identity));
        for id in waiters {
            let Some(pending) = self.pending.get_mut(&id) else {
                continue;
            };
            match std::mem::replace(&mut pending.stage, Stage::Verifying) {
                Stage::NeedsIdentity(candidate) => {
                    self.verifying_bytes += candidate.block.len();
                    effects.push(Effect::Verify(Job(Work::Entry {
                        candidate,
                        identity: Arc::clone(&identity),
                        writers: Arc::clone(&self.writers),
                        policy: self.policy,
                    })));
                }
                other => pending.stage = other,
            }
        }
    }

    /// An entry is good by itself: see what it stands on.
    fn verified<R: LogRead>(
        &mut self,
        id: Id,
        candidate: Candidate,
        read: &R,
        effects: &mut Vec<Effect>,
    ) -> Result<(), R::Error> {
        let Candidate { entry, block, .. } = candidate;
        let Some(source) = self.pending.get(&id).map(|pending| pending.source) else {
            return Ok(());
        };
        let position = entry.position();
        let mut needs = HashSet::new();
        for (link, is_parent) in entry
            .next
            .iter()
            .map(|hash| (hash, true))
            .chain(entry.refs.iter().map(|hash| (hash, false)))
        {
            match self.link(id, *link, is_parent, source, read, effects)? {
                Link::Settled(parent) => {
                    if let Some(parent) = parent.filter(|parent| parent.time >= position.time) {
                        let reason = Refusal::ClockNotAboveParents {
                            time: position.time,
                            parent: parent.time,
                        };
                        self.abandon(id, &needs, effects);
                        self.refuse(id, reason, effects);
                        return Ok(());
                    }
                }
                Link::Pending(need) => {
                    needs.insert(need);
                }
                Link::Refused(reason) => {
                    self.abandon(id, &needs, effects);
                    self.refuse(id, reason, effects);
                    return Ok(());
                }
            }
        }
        let complete = needs.is_empty();
        let keyed = KeyedOp::of(&entry.payload);
        self.block_bytes += block.len();
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.stage = Stage::Verified(Verified {
                position,
                next: entry.next,
                keyed,
                block: Some(block),
                needs,
            });
        }
        if complete {
            self.complete(id, effects);
        }
        Ok(())
    }

    /// Finds what `link` of the entry `id` stands for, fetching it when it is unknown.
    fn link<R: LogRead>(
        &mut self,
        id: Id,
        link: Hash,
        is_parent: bool,
        source: Source,
        read: &R,
        effects: &mut Vec<Effect>,
    ) -> Result<Link, R::Error> {
        if let Some(position) = self.ready_at.get(&link) {
            return Ok(Link::Settled(is_parent.then(|| position.clone())));
        }
        if let Some(need) = self.ids.get(&link).copied() {
            if let Some(pending) = self.pending.get_mut(&need)
                && pending.waiters.last() != Some(&id)
            {
                pending.waiters.push(id);
            }
            return Ok(Link::Pending(need));
        }
        if self.refused.get(&link).is_some() {
            return Ok(Link::Refused(Refusal::AncestorRefused(link)));
        }
        if is_parent {
            if let Some(position) = read.position(&link)? {
                return Ok(Link::Settled(Some(position)));
            }
        } else if read.contains(&link)? {
            return Ok(Link::Settled(None));
        }
        Ok(match self.admit(link, source) {
            Some(need) => {
                if let Some(pending) = self.pending.get_mut(&need) {
                    pending.waiters.push(id);
                }
                effects.push(Effect::Fetch(Want { hash: link, source }));
                Link::Pending(need)
            }
            None => Link::Refused(Refusal::Backlog),
        })
    }

    /// Moves an entry that needs nothing more to the ready ones, and whoever waited for it alone after it.
    fn complete(&mut self, id: Id, effects: &mut Vec<Effect>) {
        let mut complete = vec![id];
        while let Some(id) = complete.pop() {
            let Some(Pending {
                stage: Stage::Verified(verified),
                waiters,
                hash,
                source,
            }) = self.remove(id)
            else {
                continue;
            };
            let Verified {
                position,
                next,
                keyed,
                block,
                ..
            } = verified;
            for waiter in waiters {
                match self.settle(waiter, id, hash, &position) {
                    Settled::Complete => complete.push(waiter),
                    Settled::Waiting => {}
                    Settled::Refused(reason) => self.refuse(waiter, reason, effects),
                }
            }
            self.ready_at.insert(hash, position.clone());
            self.ready.push_back(Ready {
                position,
                next,
                keyed,
                block,
                source,
            });
        }
    }

    /// Tells `waiter` that the entry `need` it waited for is ready at `position`.
    fn settle(&mut self, waiter: Id, need: Id, hash: Hash, position: &Position) -> Settled {
        let Some(Pending {
            stage: Stage::Verified(verified),
            ..
        }) = self.pending.get_mut(&waiter)
        else {
            return Settled::Waiting;
        };
        if !verified.needs.remove(&need) {
            return Settled::Waiting;
        }
        if verified.next.contains(&hash) && position.time >= verified.position.time {
            let (time, parent) = (verified.position.time, position.time);
            return Settled::Refused(Refusal::ClockNotAboveParents { time, parent });
        }
        if verified.needs.is_empty() {
            Settled::Complete
        } else {
            Settled::Waiting
        }
    }

    /// Drops an entry and everything that waits for it.
    fn refuse(&mut self, id: Id, reason: Refusal, effects: &mut Vec<Effect>) {
        let mut doomed = vec![(id, reason)];
        while let Some((id, reason)) = doomed.pop() {
            let Some(Pending {
                hash,
                source,
                stage,
                waiters,
            }) = self.remove(id)
            else {
                continue;
            };
            if reason.is_final() {
                self.refused.insert(hash, ());
            }
            match stage {
                Stage::Wanted => effects.push(Effect::Cancel(hash)),
                Stage::NeedsIdentity(candidate) => {
                    self.block_bytes -= candidate.block.len();
                    self.leave_identity(id, candidate.entry.identity, effects);
                }
                Stage::Verifying => {} // its bytes are let go when the verdict comes
                Stage::Verified(verified) => {
                    self.block_bytes -= verified.block.as_ref().map_or(0, Bytes::len);
                    self.abandon(id, &verified.needs, effects);
                }
            }
            let inherited = match &reason {
                Refusal::Backlog | Refusal::Unreachable(_) => reason.clone(),
                _ => Refusal::AncestorRefused(hash),
            };
            doomed.extend(waiters.into_iter().map(|waiter| (waiter, inherited.clone())));
            effects.push(Effect::Refused { hash, source, reason });
        }
    }

    fn leave_identity(&mut self, id: Id, identity: Hash, effects: &mut Vec<Effect>) {
        if let Some(waiters) = self.identity_waiters.get_mut(&identity) {
            waiters.retain(|waiter| *waiter != id);
            if waiters.is_empty() {
                self.identity_waiters.remove(&identity);
                effects.push(Effect::Cancel(identity));
            }
        }
    }

    /// The entry `id` no longer needs these: those that nobody else needs, and that were not offered themselves, go too.
    fn abandon(&mut self, id: Id, needs: &HashSet<Id>, effects: &mut Vec<Effect>) {
        for need in needs {
            let Some(pending) = self.pending.get_mut(need) else {
                continue;
            };
            pending.waiters.retain(|waiter| *waiter != id);
            if pending.waiters.is_empty() && matches!(pending.stage, Stage::Wanted) {
                effects.push(Effect::Cancel(pending.hash));
                self.remove(*need);
            }
        }
    }
}

enum Link {
    /// In the log or ready; its position if it is a parent.
    Settled(Option<Position>),
    Pending(Id),
    Refused(Refusal),
}

enum Settled {
    Complete,
    Waiting,
    Refused(Refusal),
}
