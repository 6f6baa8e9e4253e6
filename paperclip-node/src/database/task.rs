//! The one writer of a database.

use super::{
    append::Unflushed,
    backlog::{Backlog, Waiting},
    followers::Followers,
    joining::Joining,
    reading::FoundReading,
    request::{Command, Offer},
    restore::Window,
    signer::Signer,
    status::LogStatus,
};
use crate::{
    metrics::Metrics,
    net::{GossipMessage, Network},
};
use oplog::{
    Address,
    access::Writers,
    join::Verdict,
    log::{Added, Log},
};
use p2p::bitswap::{Received, Session};
use std::{sync::Arc, time::Duration};
use store::{DatabaseStore, Store, StoreError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Commands and blocks taken per turn: the size of a batch of writes, and how long anything else may wait for its turn.
const TURN: usize = 64;

/// How often pending blocks are staged and unreachable ones looked at.
const TICK: Duration = Duration::from_secs(2);

/// What a task is made of; see the fields of [`Task`].
pub(super) struct Queues {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) offers: mpsc::Receiver<Offer>,
    pub(super) messages: mpsc::Receiver<GossipMessage>,
    pub(super) verdicts: mpsc::Receiver<Vec<Verdict>>,
    pub(super) session: Session,
}

pub(super) struct Task {
    pub(super) address: Address,
    pub(super) store: DatabaseStore,
    pub(super) blocks: Store,
    pub(super) log: Log,
    pub(super) found: FoundReading,
    pub(super) joining: Joining,
    pub(super) backlog: Backlog,
    pub(super) writers: Writers,
    pub(super) signer: Signer,
    pub(super) unflushed: mpsc::Sender<Unflushed>,
    pub(super) status: watch::Sender<LogStatus>,
    pub(super) followers: Followers,
    pub(super) network: Network,
    pub(super) metrics: Arc<Metrics>,
    /// Who waits for everything pending to be settled.
    pub(super) settled: Vec<oneshot::Sender<()>>,
    pub(super) restoring: Window,
    pub(super) max_entry_bytes: usize,
    pub(super) failed: bool,
}

impl Task {
    pub(super) async fn run(mut self, mut queues: Queues, stop: CancellationToken) {
        self.resume_staged(&mut queues.session).await;
        self.publish_status();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut commands = Vec::with_capacity(TURN);
        let mut verdicts = Vec::new();
        while !self.failed {
            // What peers send waits while the threads that verify are behind.
            let has_room = self.joining.verifier.has_room();
            tokio::select! {
                () = stop.cancelled() => break,
                count = queues.commands.recv_many(&mut commands, TURN) => {
                    if count == 0 {
                        break;
                    }
                    self.commands(&mut commands, &mut queues.session).await;
                }
                received = queues.session.recv(), if has_room => match received {
                    Some(received) => self.blocks_arrived(received, &mut queues.session).await,
                    None => break,
                },
                Some(Offer { peer, heads, held, looked_at }) = queues.offers.recv(), if has_room => {
                    self.offered(peer, heads, &mut queues.session).await;
                    drop((held, looked_at));
                }
                count = queues.verdicts.recv_many(&mut verdicts, TURN) => {
                    self.joining.verifier.taken(count);
                    let verdicts = verdicts.drain(..).flatten().collect();
                    self.verdicts(verdicts, &mut queues.session).await;
                }
                message = queues.messages.recv(), if has_room => match message {
                    Some(message) => self.heard(message, &mut queues.session).await,
                    None => break,
                },
                _ = ticks.tick() => self.tick(&mut queues.session).await,
            }
            self.tell_settled();
            self.tell_restoring();
        }
        self.drain(queues.commands, &mut queues.session).await;
        drop(self.stage_pending()); // what finds no room is offered again after the start
        self.backlog.share(self.address, Waiting::default());
    }

    /// A closed or failed database answers what was already asked of it.
    async fn drain(&mut self, mut commands: mpsc::Receiver<Command>, session: &mut Session) {
        commands.close();
        let mut writes = Vec::new();
        while let Some(command) = commands.recv().await {
            if let Command::Append(write) = command {
                writes.push(*write);
            }
        }
        // What was accepted before the stop is still written; a failed store drops the replies, which tells the writers.
        if !self.failed && !writes.is_empty() {
            self.append(writes, session).await;
        }
    }

    async fn commands(&mut self, commands: &mut Vec<Command>, session: &mut Session) {
        let mut writes = Vec::new();
        for command in commands.drain(..) {
            match command {
                Command::Append(write) => writes.push(*write),
                Command::SetWriters(writers) => {
                    self.status.send_modify(|status| status.writers = writers.clone());
                    self.writers = writers;
                    self.judge_by_writers();
                }
                Command::Restore(restore) => self.restore(restore, session).await,
                Command::Settled { reply } => self.settled.push(reply),
            }
        }
        if !writes.is_empty() {
            self.append(writes, session).await;
        }
    }

    async fn blocks_arrived(&mut self, first: Received, session: &mut Session) {
        let mut received = vec![first];
        while received.len() < TURN * 4
            && let Some(more) = futures::FutureExt::now_or_never(session.recv()).flatten()
        {
            received.push(more);
        }
        self.received(received, session).await;
    }

    fn tell_settled(&mut self) {
        if self.joining.joiner.pending() == 0 {
            for reply in self.settled.drain(..) {
                // whoever waited may have given up
                let _ = reply.send(());
            }
        }
    }

    /// Stores entries that the log has taken in already, as one batch.
    pub(super) fn commit(&mut self, added: Vec<Added>) -> Result<(), StoreError> {
        // Reads and writes of the store may wait for the disk; the other tasks of this thread move on meanwhile.
        tokio::task::block_in_place(|| {
            let concerned = self.found.concerns(&added);
            let commit = self.log.commit(added, &self.store)?;
            self.store.apply(commit)?;
            if concerned && let Err(error) = self.found.look(&self.store) {
                tracing::error!(address = %self.address, %error, "cannot read the oldest entries");
            }
            Ok(())
        })
    }

    /// The store did not take what the log holds already, as when the disk is full: starts over from what is stored.
    pub(super) async fn recover(&mut self, error: Arc<StoreError>, session: &mut Session) {
        tracing::error!(address = %self.address, %error, "entries not stored");
        if error.is_poisoned() {
            return self.fail(error);
        }
        for hash in self.joining.joiner.reset() {
            session.cancel([&crate::net::cid(hash)]);
        }
        match tokio::task::block_in_place(|| self.store.open_log()) {
            Ok(log) => self.log = log.with_max_entry_bytes(self.max_entry_bytes),
            Err(error) => self.fail(Arc::new(error)),
        }
    }

    /// The log is ahead of the store, or the store no longer writes: this task has no ground to stand on.
    pub(super) fn fail(&mut self, error: Arc<StoreError>) {
        tracing::error!(address = %self.address, %error, "the database takes no more entries until the node is restarted");
        self.failed = true;
        self.status.send_modify(|status| status.failed = Some(error));
    }

    pub(super) fn publish_status(&self) {
        let (heads, len) = (self.log.heads(), self.log.len());
        let joiner = &self.joining.joiner;
        self.status.send_modify(|status| {
            if status.heads[..] != *heads {
                status.heads = heads.into();
            }
            status.len = len;
            if status.found != *self.found.reading() {
                status.found = self.found.reading().clone();
            }
            status.pending = joiner.pending() + joiner.parked();
            status.parked = joiner.parked();
            status.pending_bytes = joiner.pending_bytes();
            status.unreadable = self.joining.unreadable;
            if status.refusals.total != self.joining.refusals.total {
                status.refusals = Arc::new(self.joining.refusals.clone());
            }
        });
    }
}
