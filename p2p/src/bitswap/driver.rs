//! The engine's arms and legs: streams, the store, time.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use cid::Cid;
use futures::StreamExt as _;
use libp2p::PeerId;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    BlockSource, Stats,
    command::Command,
    engine::{Content, Engine, Found, Job, Output, Purpose, Sent, SessionId},
    limits::{INBOX, MAX_PEERS, READERS_PER_PEER, TICK},
    message::{Message, WantKind},
    reading::{Failures, Reader},
    recipient::{Received, Recipient},
    source::look_up,
    wire::{self, Budget, Charged, PROTOCOL},
};
use crate::streams::{Control, Incoming, OpenError, Stream};

struct SendReport {
    job: Job,
    peer: PeerId,
    purpose: Purpose,
    content: Content,
    outcome: Sent,
}

struct LookUpReport {
    job: Job,
    peer: PeerId,
    found: Vec<(Cid, Found)>,
}

/// Runs the exchange. To be spawned: `tokio::spawn(driver.run())`.
pub struct Driver<S> {
    engine: Engine,
    started: Instant,
    control: Control,
    source: Arc<S>,
    commands: mpsc::Receiver<Command>,
    incoming: Incoming,
    sessions: HashMap<SessionId, Recipient>,
    overflowed: u64,
    /// End when the session does.
    session_ends: JoinSet<SessionId>,
    /// At most two per peer, by the engine's lanes.
    sends: JoinSet<SendReport>,
    /// Bounded by the engine.
    look_ups: JoinSet<LookUpReport>,
    readers: JoinSet<()>,
    reader_slots: HashMap<PeerId, Arc<Semaphore>>,
    inbox: mpsc::Receiver<(PeerId, Charged)>,
    to_inbox: mpsc::Sender<(PeerId, Charged)>,
    budget: Budget,
    failures: Arc<Failures>,
}

impl<S: BlockSource> Driver<S> {
    pub(super) fn new(
        control: Control,
        source: S,
        incoming: Incoming,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        let (to_inbox, inbox) = mpsc::channel(INBOX);
        Self {
            engine: Engine::default(),
            started: Instant::now(),
            control,
            source: Arc::new(source),
            commands,
            incoming,
            sessions: HashMap::new(),
            overflowed: 0,
            session_ends: JoinSet::new(),
            sends: JoinSet::new(),
            look_ups: JoinSet::new(),
            readers: JoinSet::new(),
            reader_slots: HashMap::new(),
            inbox,
            to_inbox,
            budget: Budget::default(),
            failures: Arc::default(),
        }
    }

    /// Runs until the last handle and session are dropped. Dropping the future stops everything at once.
    pub async fn run(mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while let Some(output) = self.engine.next_output() {
                self.perform(output);
            }
            let now = || self.started.elapsed();
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                Some((peer, charged)) = self.inbox.recv() => {
                    let Charged { message, .. } = charged;
                    self.engine.received(peer, message, now());
                }
                Some((peer, stream)) = self.incoming.next() => self.read(peer, stream),
                Some(Ok(report)) = self.sends.join_next() => {
                    let SendReport { job, peer, purpose, content, outcome } = report;
                    self.engine.sent(job, peer, purpose, content, outcome, now());
                }
                Some(Ok(report)) = self.look_ups.join_next() => {
                    self.engine.looked_up(report.job, report.peer, report.found, now());
                }
                Some(Ok(session)) = self.session_ends.join_next() => {
                    self.sessions.remove(&session);
                    self.engine.close(session, now());
                }
                Some(_) = self.readers.join_next() => {}
                _ = ticks.tick(), if !self.engine.is_idle() => self.engine.tick(now()),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.started.elapsed();
        match command {
            Command::PeerReady(peer) => self.engine.peer_ready(peer, now),
            Command::PeerGone(peer) => {
                self.reader_slots.remove(&peer);
                self.engine.peer_gone(peer, now);
            }
            Command::Stored(cids) => self.engine.stored(&cids, now),
            Command::Open { session, recipient } => {
                let watched = recipient.clone();
                self.sessions.insert(session, recipient);
                self.session_ends.spawn(async move {
                    watched.closed().await;
                    session
                });
            }
            // A session that ended may have left commands behind it; they must not revive it.
            Command::Want { session, cids, hint } if self.sessions.contains_key(&session) => {
                self.engine.want(session, cids, hint, now);
            }
            Command::Want { .. } => {}
            Command::Cancel { session, cids } => {
                for cid in cids {
                    if self.engine.cancel(session, &cid, now)
                        && let Some(recipient) = self.sessions.get(&session)
                    {
                        recipient.confirm_cancel(cid);
                    }
                }
            }
            // An asker that is gone needs no answer.
            Command::Stats(reply) => drop(reply.send(self.stats())),
            Command::Unmet(reply) => drop(reply.send(self.engine.unmet(now))),
        }
    }

    fn stats(&self) -> Stats {
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            blocks_overflowed: self.overflowed,
            messages_too_long: read(&self.failures.too_long),
            messages_malformed: read(&self.failures.malformed),
            messages_timed_out: read(&self.failures.timed_out),
            messages_broken: read(&self.failures.broken),
            messages_over_memory: read(&self.failures.over_memory),
            ..self.engine.stats()
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Deliver { session, cid, data, from } => {
                if let Some(recipient) = self.sessions.get(&session)
                    && !recipient.deliver(Received { cid, data, from })
                {
                    self.overflowed += 1;
                }
            }
            Output::LookUp { job, peer, wanted } => self.look_up(job, peer, wanted),
            Output::Send { job, peer, purpose, message } => {
                let control = self.control.clone();
                self.sends.spawn(async move {
                    let content = Content::from(&message);
                    let outcome = send(&control, peer, &message).await;
                    SendReport { job, peer, purpose, content, outcome }
                });
            }
        }
    }

    fn look_up(&mut self, job: Job, peer: PeerId, wanted: Vec<(Cid, WantKind)>) {
        let source = Arc::clone(&self.source);
        self.look_ups.spawn(async move {
            let cids: Vec<Cid> = wanted.iter().map(|(cid, _)| *cid).collect();
            let looked_up = tokio::task::spawn_blocking(move || look_up(&*source, wanted)).await;
            let found = looked_up.unwrap_or_else(|error| {
                tracing::error!(%error, "the block store panicked");
                cids.into_iter().map(|cid| (cid, Found::Failed)).collect()
            });
            LookUpReport { job, peer, found }
        });
    }

    fn read(&mut self, peer: PeerId, stream: Stream) {
        if self.reader_slots.len() > MAX_PEERS {
            self.reader_slots.retain(|_, slots| slots.available_permits() < READERS_PER_PEER);
        }
        let new_slots = || Arc::new(Semaphore::new(READERS_PER_PEER));
        let slots = Arc::clone(self.reader_slots.entry(peer).or_insert_with(new_slots));
        let reader = Reader {
            peer,
            slots,
            budget: self.budget.clone(),
            inbox: self.to_inbox.clone(),
            failures: Arc::clone(&self.failures),
        };
        self.readers.spawn(reader.run(stream));
    }
}

/// Opens a stream, writes the message, closes the stream.
async fn send(control: &Control, peer: PeerId, message: &Message) -> Sent {
    let mut stream = match control.open(peer, PROTOCOL).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%peer, %error, "no stream for a bitswap message");
            return if matches!(error, OpenError::NotConnected(_)) {
                Sent::NotConnected
            } else {
                Sent::Failed
            };
        }
    };
    if let Err(error) = wire::write(&mut stream, message).await {
        tracing::debug!(%peer, %error, "bitswap message not sent");
        return Sent::Failed;
    }
    Sent::Delivered
}
