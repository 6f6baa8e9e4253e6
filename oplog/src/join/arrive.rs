//! From a block to a verified entry that knows what it needs.

use super::{
    Effect, Joiner, Refusal, Source, WrittenBy,
    pending::{Id, Stage, Verified},
    verify::{Job, PayloadFacts, Work},
};
use crate::{
    entry::Candidate,
    hash::Hash,
    identity::{IdentityError, VerifiedIdentity},
    log::LogRead,
    order::Position,
};
use bytes::Bytes;
use std::{collections::BTreeSet, sync::Arc};

enum Link {
    /// In the log or ready; its position if it is a parent.
    Settled(Option<Position>),
    Pending(Id),
    Refused(Refusal),
}

impl<P: Copy + Eq + std::hash::Hash> Joiner<P> {
    /// A wanted block is here.
    pub(super) fn arrived(&mut self, id: Id, block: Bytes, effects: &mut Vec<Effect<P>>) {
        let candidate = match Candidate::decode(block, self.limits.max_entry_bytes) {
            Ok(candidate) => candidate,
            Err(error) => return self.refuse(id, error.into(), effects),
        };
        if candidate.entry.id != self.log_id {
            let written_by = WrittenBy::Key(candidate.entry.key);
            return self.refuse_of(id, Refusal::WrongLog(candidate.entry.id), written_by, effects);
        }
        let Some(source) = self.pending.get(&id).map(|pending| pending.source) else {
            return;
        };
        let identity_hash = candidate.entry.identity;
        self.block_bytes += candidate.block.len();
        if let Some(identity) = self.identities.get(&identity_hash).cloned() {
            self.no_longer_wanted(id, Stage::Verifying);
            self.verifying_bytes += candidate.block.len();
            effects.push(Effect::Verify(Job(Work::Entry {
                candidate: Box::new(candidate),
                identity,
                writers: Arc::clone(&self.writers),
                policy: self.policy,
            })));
            return;
        }
        // These cannot be staged: nothing says yet that they are good.
        if !self.unidentified.take(source.peer(), candidate.block.len() as u64) {
            self.block_bytes -= candidate.block.len();
            let written_by = WrittenBy::Key(candidate.entry.key);
            return self.refuse_of(id, Refusal::Backlog, written_by, effects);
        }
        self.no_longer_wanted(id, Stage::NeedsIdentity(Box::new(candidate)));
        let waiters = self.identity_waiters.entry(identity_hash).or_default();
        waiters.push(id);
        if waiters.len() == 1 {
            self.want(identity_hash, source);
        }
    }

    pub(super) fn identity(
        &mut self,
        hash: Hash,
        block: Bytes,
        result: Result<Arc<VerifiedIdentity>, IdentityError>,
        effects: &mut Vec<Effect<P>>,
    ) {
        let waiters = self.identity_waiters.remove(&hash).unwrap_or_default();
        let identity = match result {
            Ok(identity) => identity,
            Err(error) => {
                waiters.into_iter().for_each(|id| self.refuse(id, error.clone().into(), effects));
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
                    self.unidentified.give_back(pending.source.peer(), candidate.block.len() as u64);
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
    pub(super) fn verified<R: LogRead>(
        &mut self,
        id: Id,
        candidate: Candidate,
        payload: PayloadFacts,
        author: Arc<VerifiedIdentity>,
        read: &R,
        effects: &mut Vec<Effect<P>>,
    ) -> Result<(), R::Error> {
        let Candidate { entry, block, .. } = candidate;
        let Some(source) = self.pending.get(&id).map(|pending| pending.source) else {
            return Ok(());
        };
        let position = entry.position();
        let mut needs = BTreeSet::new();
        for (link, is_parent) in
            entry.next.iter().map(|hash| (hash, true)).chain(entry.refs.iter().map(|hash| (hash, false)))
        {
            match self.link(id, *link, is_parent, source, read)? {
                Link::Settled(parent) => {
                    if let Some(parent) = parent.filter(|parent| parent.time >= position.time) {
                        let reason =
                            Refusal::ClockNotAboveParents { time: position.time, parent: parent.time };
                        self.abandon(id, &needs, effects);
                        self.refuse_of(id, reason, WrittenBy::Identity(author), effects);
                        return Ok(());
                    }
                }
                Link::Pending(need) => {
                    needs.insert(need);
                }
                Link::Refused(reason) => {
                    self.abandon(id, &needs, effects);
                    self.refuse_of(id, reason, WrittenBy::Identity(author), effects);
                    return Ok(());
                }
            }
        }
        if !self.weigh(id, entry.next.len() + needs.len()) {
            self.abandon(id, &needs, effects);
            self.refuse_of(id, Refusal::Backlog, WrittenBy::Identity(author), effects);
            return Ok(());
        }
        let complete = needs.is_empty();
        let PayloadFacts { keyed, unreadable } = payload;
        self.block_bytes += block.len();
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.stage = Stage::Verified(Box::new(Verified {
                position,
                next: entry.next,
                keyed,
                unreadable,
                block: Some(block),
                needs: needs.into_iter().collect(),
                author,
            }));
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
        source: Source<P>,
        read: &R,
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
        if self.refused.contains_key(&link) {
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
                    // Most have one.
                    pending.waiters = vec![id];
                }
                self.want(link, source);
                Link::Pending(need)
            }
            None => Link::Refused(Refusal::Backlog),
        })
    }
}
