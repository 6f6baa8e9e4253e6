//! Entries of others: what the joiner of `oplog` wants done, done.

use super::{
    backlog::Waiting,
    change::Change,
    refusals::{Refusals, offence},
    status::{MAX_UNREACHABLE_LISTED, Unreachable},
    task::Task,
    verify_pool::Verifier,
};
use crate::net::{GossipMessage, MessageId, Offence, Validity};
use bytes::Bytes;
use libp2p::PeerId;
use oplog::{
    Hash,
    join::{Effect, Job, Joiner, Source, Verdict, Want},
    log::{Added, LogRead as _},
};
use p2p::bitswap::{Received, Session};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};
use store::{Corruption, StoreError};

/// Entries committed as one batch. A longer join is several batches, each of which leaves a log that could have been.
const BATCH: usize = 256;

/// Gossip messages that wait for their verdict. Beyond it the oldest is not passed on.
const MAX_UNDECIDED: usize = 1024;

/// How long a gossip message may wait for its verdict: gossipsub forgets a message after five heartbeats of a second.
const UNDECIDED_FOR: Duration = Duration::from_secs(3);

/// Offered heads that are remembered until they are in the log, so that they can be told to others.
const MAX_OFFERED: usize = 4096;

/// A block that has been wanted for longer is listed as unreachable.
const UNREACHABLE_AFTER: Duration = Duration::from_secs(10);

/// A block that nobody gave for so long is given up with all that stands on it. It is tried again when a peer offers the
/// head again.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What a database's task knows of joins under way.
pub(super) struct Joining {
    pub(super) joiner: Joiner<PeerId>,
    pub(super) verifier: Verifier,
    /// Gossip messages by the head that they carry, oldest first.
    undecided: VecDeque<(Hash, MessageId, Instant)>,
    /// Heads that were offered by exchange or came too late to be passed on by gossip: told to others once joined.
    offered: HashSet<Hash>,
    /// Peers that have offered something since they are connected.
    known: HashSet<PeerId>,
    /// Blocks that need not be kept any longer.
    pub(super) unstaged: Vec<Hash>,
    /// Identity blocks to be stored with the next batch.
    identities: Vec<(Hash, Bytes)>,
    pub(super) refusals: Refusals,
    /// Joined entries that JavaScript does not read as they are written.
    pub(super) unreadable: u64,
    /// What peers did since it was last told.
    offences: HashMap<(PeerId, Offence), u32>,
}

impl Joining {
    pub(super) fn new(joiner: Joiner<PeerId>, verifier: Verifier) -> Self {
        Self {
            joiner,
            verifier,
            undecided: VecDeque::new(),
            offered: HashSet::new(),
            known: HashSet::new(),
            unstaged: Vec::new(),
            identities: Vec::new(),
            refusals: Refusals::default(),
            unreadable: 0,
            offences: HashMap::new(),
        }
    }
}

impl Task {
    /// Heads that a peer sent in an exchange.
    pub(super) async fn offered(&mut self, peer: PeerId, heads: Vec<Bytes>, session: &mut Session) {
        let source = Source::Peer(peer);
        let mut effects = Vec::new();
        // who has just come may have what others lacked
        if self.joining.known.insert(peer) {
            self.joining.joiner.wake();
        }
        for head in heads {
            let hash = Hash::of(&head);
            if let Err(error) = self.joining.joiner.head(head, source, &self.store, &mut effects) {
                return self.fail(Arc::new(error));
            }
            if self.joining.joiner.is_pending(&hash) && self.joining.offered.len() < MAX_OFFERED {
                self.joining.offered.insert(hash);
            }
        }
        self.settle(effects, session).await;
    }

    /// A head that a peer published.
    pub(super) async fn heard(&mut self, message: GossipMessage, session: &mut Session) {
        let hash = Hash::of(&message.data);
        match self.store.contains(&hash) {
            Ok(true) => return self.network.validate(message.id, Validity::Accept).await,
            Ok(false) => {}
            Err(error) => return self.fail(Arc::new(error)),
        }
        let source = if message.own { Source::Peer(message.from) } else { Source::Relay(message.from) };
        let mut effects = Vec::new();
        if let Err(error) = self.joining.joiner.head(message.data, source, &self.store, &mut effects) {
            return self.fail(Arc::new(error));
        }
        if self.joining.undecided.len() >= MAX_UNDECIDED
            && let Some((_, oldest, _)) = self.joining.undecided.pop_front()
        {
            self.metrics.queue_full("undecided-messages");
            self.network.validate(oldest, Validity::Ignore).await;
        }
        self.joining.undecided.push_back((hash, message.id, Instant::now()));
        if !self.joining.joiner.is_pending(&hash) && effects.is_empty() {
            self.decide(&HashSet::from([hash]), Validity::Reject).await; // refused before
        }
        self.settle(effects, session).await;
    }

    /// Blocks that were wanted.
    pub(super) async fn received(&mut self, received: Vec<Received>, session: &mut Session) {
        let mut effects = Vec::new();
        for block in received {
            self.joining.joiner.block(block.data, &mut effects);
        }
        self.settle(effects, session).await;
    }

    pub(super) async fn verdicts(&mut self, verdicts: Vec<Verdict>, session: &mut Session) {
        let mut effects = Vec::new();
        for verdict in verdicts {
            if let Err(error) = self.joining.joiner.verdict(verdict, &self.store, &mut effects) {
                return self.fail(Arc::new(error));
            }
        }
        self.settle(effects, session).await;
    }

    pub(super) async fn tick(&mut self, session: &mut Session) {
        let now = Instant::now();
        while let Some((_, _, since)) = self.joining.undecided.front()
            && now.duration_since(*since) > UNDECIDED_FOR
        {
            if let Some((hash, id, _)) = self.joining.undecided.pop_front() {
                self.network.validate(id, Validity::Ignore).await;
                if self.joining.offered.len() < MAX_OFFERED {
                    self.joining.offered.insert(hash);
                }
            }
        }
        let mut effects = self.stage_pending();
        let peers = self.network.peers().borrow().clone();
        self.joining.known.retain(|peer| peers.contains_key(peer));
        self.joining.joiner.tick(|peer| peers.contains_key(&peer), &mut effects);
        self.settle(effects, session).await;
        self.look_at_unreachable(session).await;
        self.publish_status();
    }

    /// Lists what nobody gives, and gives up what nobody gave for very long.
    async fn look_at_unreachable(&mut self, session: &mut Session) {
        let wanted = if session.open() == 0 { Vec::new() } else { self.network.unmet().await };
        let mut unreachable = Vec::new();
        let mut effects = Vec::new();
        for unmet in wanted.into_iter().filter(|unmet| unmet.age > UNREACHABLE_AFTER) {
            let Some(hash) = Hash::from_cid_bytes(&unmet.cid.to_bytes()) else { continue };
            if !self.joining.joiner.wants(&hash) {
                continue;
            }
            if unmet.age > GIVE_UP_AFTER {
                self.metrics.fetch_given_up();
                self.joining.joiner.give_up(hash, &mut effects);
            } else if unreachable.len() < MAX_UNREACHABLE_LISTED {
                unreachable.push(Unreachable { hash, age: unmet.age, asked: unmet.attempts });
            }
        }
        self.status.send_modify(|status| {
            if status.unreachable[..] != unreachable[..] {
                status.unreachable = unreachable.into();
            }
        });
        self.settle(effects, session).await;
    }

    /// Does what the joiner wants done until it wants nothing that can be done here and now.
    pub(super) async fn settle(&mut self, mut effects: Vec<Effect<PeerId>>, session: &mut Session) {
        let mut refused = HashSet::new();
        loop {
            let mut jobs = Vec::new();
            let mut more = Vec::new();
            for effect in effects {
                if let Err(error) = self.act(effect, session, &mut jobs, &mut more, &mut refused) {
                    return self.fail(Arc::new(error));
                }
            }
            let verdicts = self.joining.verifier.run(jobs);
            for verdict in verdicts {
                if let Err(error) = self.joining.joiner.verdict(verdict, &self.store, &mut more) {
                    return self.fail(Arc::new(error));
                }
            }
            if let Err(error) = self.commit_ready().await {
                return self.recover(Arc::new(error), session).await;
            }
            self.share_room();
            if more.is_empty() && self.joining.joiner.over_budget() {
                more = self.stage_pending();
            }
            if more.is_empty() {
                break;
            }
            effects = more;
        }
        if !refused.is_empty() {
            self.publish_status();
            self.decide(&refused, Validity::Reject).await;
        }
        for ((peer, offence), times) in std::mem::take(&mut self.joining.offences) {
            self.network.misbehaved(peer, offence, times).await;
        }
        self.unstage();
    }

    /// Tells the node what waits here, and keeps within this database's part.
    fn share_room(&mut self) {
        let joiner = &mut self.joining.joiner;
        let waiting = Waiting {
            entries: joiner.room_taken(),
            bytes: joiner.pending_bytes() as u64,
            staged: joiner.staged_bytes(),
        };
        let Waiting { entries, bytes, staged } = self.backlog.share(self.address, waiting);
        joiner.set_room(entries, usize::try_from(bytes).unwrap_or(usize::MAX), staged);
    }

    pub(super) fn act(
        &mut self,
        effect: Effect<PeerId>,
        session: &mut Session,
        jobs: &mut Vec<Job>,
        more: &mut Vec<Effect<PeerId>>,
        refused: &mut HashSet<Hash>,
    ) -> Result<(), StoreError> {
        match effect {
            Effect::Fetch(want) => self.fetch(want, session, more)?,
            Effect::Cancel(hash) => session.cancel([&crate::net::cid(hash)]),
            Effect::Verify(job) => jobs.push(job),
            Effect::KeepIdentity(hash, block) => self.joining.identities.push((hash, block)),
            Effect::Refused { hash, source, written_by, reason } => {
                let peer = source.peer();
                let shown = peer.map(tracing::field::display);
                tracing::debug!(address = %self.address, %hash, peer = shown, %reason, "entry refused");
                self.metrics.refused(reason.label());
                self.joining.refusals.add(hash, &written_by, peer, &reason);
                self.joining.offered.remove(&hash);
                if let (Some(peer), Some(offence)) = (peer, offence(&reason)) {
                    let relayed = matches!(source, Source::Relay(_));
                    let offence = if relayed { Offence::Relayed } else { offence };
                    *self.joining.offences.entry((peer, offence)).or_default() += 1;
                }
                refused.insert(hash);
            }
            Effect::Unstage(hash) => self.joining.unstaged.push(hash),
        }
        Ok(())
    }

    /// From the store if it has the block whole, from a peer if not.
    fn fetch(
        &mut self,
        want: Want<PeerId>,
        session: &mut Session,
        more: &mut Vec<Effect<PeerId>>,
    ) -> Result<(), StoreError> {
        let here = match self.blocks.whole_block(&want.hash)? {
            Some(block) => Some(block),
            None => self.store.whole_staged(&want.hash)?,
        };
        if let Some(block) = here {
            self.joining.joiner.block(block, more);
            return Ok(());
        }
        if session.want([crate::net::cid(want.hash)], want.source.peer()).is_err() {
            self.metrics.queue_full("wants");
            self.joining.joiner.give_up(want.hash, more);
        }
        Ok(())
    }

    /// Commits what is ready, batch by batch, and tells those who wait for it.
    async fn commit_ready(&mut self) -> Result<(), StoreError> {
        loop {
            let ready = self.joining.joiner.take_ready(BATCH);
            if ready.is_empty() {
                return Ok(());
            }
            let unreadable = ready.iter().filter(|entry| entry.unreadable).count() as u64;
            self.joining.unreadable += unreadable;
            self.metrics.unreadable(unreadable);
            let mut added: Vec<Added> = Vec::with_capacity(ready.len());
            for mut entry in ready {
                let block = match entry.block.take() {
                    Some(block) => block,
                    None => self
                        .store
                        .whole_staged(&entry.position.hash)?
                        .ok_or(Corruption::MissingBlock(entry.position.hash))?,
                };
                added.push(entry.with_block(block));
            }
            self.log.join(&added);
            let identities = std::mem::take(&mut self.joining.identities);
            if !identities.is_empty() {
                self.blocks.put_blocks(&identities)?;
            }
            let changes: Vec<_> = added.iter().map(Change::of).collect();
            self.commit(added)?;
            self.metrics.joined(changes.len() as u64);
            self.joined(changes).await;
        }
    }

    async fn joined(&mut self, changes: Vec<Change>) {
        // Not waited for: a join that a crash undoes is fetched again.
        tokio::spawn(self.blocks.flushed());
        let hashes: Vec<Hash> = changes.iter().map(|change| change.position.hash).collect();
        self.network.stored(hashes.clone()).await;
        self.publish_status();
        let joined: HashSet<Hash> = hashes.into_iter().collect();
        self.decide(&joined, Validity::Accept).await;
        for change in changes {
            let head = self.log.heads().iter().any(|head| head.hash == change.position.hash);
            if self.joining.offered.remove(&change.position.hash) && head {
                self.network.publish(self.address.to_string(), change.block.clone()).await;
            }
            self.followers.tell(change);
        }
    }

    /// Says of the gossip messages that carried these heads what they are worth.
    async fn decide(&mut self, heads: &HashSet<Hash>, verdict: Validity) {
        if self.joining.undecided.is_empty() {
            return;
        }
        let (decided, open): (VecDeque<_>, _) =
            self.joining.undecided.drain(..).partition(|(hash, ..)| heads.contains(hash));
        self.joining.undecided = open;
        for (hash, id, _) in decided {
            if verdict == Validity::Accept {
                self.joining.offered.remove(&hash); // gossipsub passes it on
            }
            self.network.validate(id, verdict).await;
        }
    }
}
