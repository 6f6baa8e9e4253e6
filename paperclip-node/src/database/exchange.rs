//! The exchange of heads with the peers that serve a database: answers those who dial, dials those who do not, again and
//! again.

use super::{
    replicas::Replicas,
    request::Offer,
    status::{ExchangeStatus, LogStatus},
};
use crate::{
    metrics::Metrics,
    net::{
        Held, Network, Offence,
        heads::{self, ExchangeError, Exchanged, Outcome, Role, Schedule},
    },
    timer,
};
use bytes::Bytes;
use futures::StreamExt as _;
use libp2p::{PeerId, StreamProtocol};
use oplog::{Address, join::RefusalLabel};
use p2p::{
    muxer::WHOLE_WRITE_BUDGET,
    streams::{Incoming, OpenError},
};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};
use store::Store;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Exchanges of one database that peers may have running with us. Others wait in the protocol's queue.
const MAX_ANSWERED: usize = 16;

/// Streams that wait to be answered, per database.
pub(super) const INCOMING_QUEUE: usize = 64;

/// Heads told in one exchange. A log with more of them, which only very many writers at once make, tells others next time.
const EXCHANGED: usize = 512;

/// Heads too large for a stream that are published after one exchange.
const MAX_PUBLISHED: usize = 4;

/// Requests to exchange at once that wait for the task.
pub(super) const NOW_QUEUE: usize = 64;

/// A wish to exchange with every peer now; answered with how many exchanges went well and how many failed.
#[derive(Debug)]
pub(super) struct ExchangeNow {
    pub(super) reply: oneshot::Sender<(usize, usize)>,
}

/// A [`ExchangeNow`] under way.
struct Round {
    waiting: HashSet<PeerId>,
    done: usize,
    failed: usize,
    reply: oneshot::Sender<(usize, usize)>,
}

pub(super) struct Exchanges {
    pub(super) address: Address,
    pub(super) protocol: StreamProtocol,
    pub(super) network: Network,
    pub(super) store: Store,
    pub(super) status: watch::Receiver<LogStatus>,
    pub(super) offers: mpsc::Sender<Offer>,
    pub(super) published: watch::Sender<ExchangeStatus>,
    pub(super) metrics: Arc<Metrics>,
    /// About how often to exchange with each peer.
    pub(super) interval: Duration,
}

/// How one exchange ended.
struct Ended {
    peer: PeerId,
    role: Role,
    outcome: Outcome,
}

impl Exchanges {
    pub(super) async fn run(
        self,
        mut incoming: Incoming,
        subscribers: watch::Receiver<Arc<BTreeSet<PeerId>>>,
        mut now: mpsc::Receiver<ExchangeNow>,
        stop: CancellationToken,
    ) {
        let _counted = self.network.pace().enter();
        let mut schedule = Schedule::new(self.interval);
        let mut replicas = Replicas::new(subscribers, self.network.siblings());
        let this = Arc::new(self);
        let mut running: JoinSet<Ended> = JoinSet::new();
        let mut answered = 0;
        let mut rounds: Vec<Round> = Vec::new();
        this.serve(&mut schedule, &mut replicas);
        loop {
            for peer in schedule.due(Instant::now()) {
                running.spawn(Arc::clone(&this).dial(peer));
            }
            let next = schedule.next();
            tokio::select! {
                () = stop.cancelled() => break,
                () = timer::until(next) => {}
                changed = replicas.changed() => match changed {
                    Ok(()) => this.serve(&mut schedule, &mut replicas),
                    Err(_) => break,
                },
                Some((peer, stream)) = incoming.next(), if answered < MAX_ANSWERED => {
                    answered += 1;
                    running.spawn(Arc::clone(&this).answer(peer, stream));
                }
                Some(ExchangeNow { reply }) = now.recv() => {
                    let waiting = replicas.all().into_iter().collect();
                    schedule.all_now(Instant::now());
                    rounds.push(Round { waiting, done: 0, failed: 0, reply });
                }
                Some(Ok(ended)) = running.join_next() => {
                    schedule.set_interval(this.network.pace().interval(this.interval));
                    match ended.role {
                        Role::Listener => {
                            answered -= 1;
                            if ended.outcome == Outcome::Done {
                                schedule.answered(&ended.peer, Instant::now(), rand::random());
                            }
                        }
                        Role::Dialer => {
                            schedule.ended(&ended.peer, ended.outcome, Instant::now(), rand::random());
                            rounds.iter_mut().for_each(|round| round.ended(&ended));
                        }
                    }
                    if replicas.ended(ended.peer, ended.outcome) {
                        this.tell_serving(&replicas);
                    }
                },
            }
            rounds = finish(rounds, &replicas);
        }
    }

    fn serve(&self, schedule: &mut Schedule, replicas: &mut Replicas) {
        let now = Instant::now();
        let subscribed = replicas.note_changes();
        schedule.set_peers(&replicas.all(), now);
        for peer in subscribed {
            schedule.hurry(&peer, now);
        }
        self.tell_serving(replicas);
    }

    fn tell_serving(&self, replicas: &Replicas) {
        self.published.send_modify(|status| status.peers = replicas.serving());
    }

    async fn dial(self: Arc<Self>, peer: PeerId) -> Ended {
        let _turn = self.network.pace().turn(peer).await;
        let outcome = match self.network.streams().open(peer, self.protocol.clone()).await {
            Ok(stream) => self.exchange(peer, stream, Role::Dialer).await,
            Err(error) => {
                tracing::debug!(address = %self.address, %peer, %error, "heads not exchanged");
                if matches!(error, OpenError::Unsupported(_)) { Outcome::NotServed } else { Outcome::Failed }
            }
        };
        self.metrics.exchange_ended(match outcome {
            Outcome::Done => "done",
            Outcome::NotServed => "not-served",
            Outcome::Failed => "failed",
        });
        Ended { peer, role: Role::Dialer, outcome }
    }

    async fn answer(self: Arc<Self>, peer: PeerId, stream: p2p::streams::Stream) -> Ended {
        let outcome = self.exchange(peer, stream, Role::Listener).await;
        Ended { peer, role: Role::Listener, outcome }
    }

    async fn exchange(&self, peer: PeerId, stream: p2p::streams::Stream, role: Role) -> Outcome {
        let ours = self.heads();
        let mut held = self.network.heads_room().hold(peer);
        let (exchanged, result) = heads::exchange(stream, role, &ours, |bytes| held.take(bytes)).await;
        let Exchanged { received, garbage, sent } = exchanged;
        tracing::trace!(address = %self.address, %peer, ?role, sent, received = received.len(), "heads exchanged");
        if garbage > 0 {
            tracing::debug!(address = %self.address, %peer, bytes = garbage, "unreadable heads");
            self.metrics.refused(RefusalLabel::Undecodable);
            // a stream that broke off may have done so within a head
            if result.is_ok() && received.len() < heads::MAX_HEADS {
                self.network.misbehaved(peer, Offence::Undecodable, 1).await;
            }
        }
        if !received.is_empty() && !self.offer(peer, received, held).await {
            return Outcome::Failed;
        }
        if let Err(error) = result {
            tracing::debug!(address = %self.address, %peer, %error, ?role, "exchange of heads broke off");
            match error {
                ExchangeError::TooLong => self.metrics.queue_full("heads-stream"),
                ExchangeError::NoRoom => self.metrics.queue_full("heads-bytes"),
                ExchangeError::Io(_) | ExchangeError::Timeout => {}
            }
            return Outcome::Failed;
        }
        self.published.send_modify(|status| status.last = Some(Instant::now()));
        self.metrics.exchanged(&self.address);
        self.publish_large(&ours).await;
        Outcome::Done
    }

    /// Hands heads to the database, and waits until it has looked at them. False when it is closed.
    async fn offer(&self, peer: PeerId, heads: Vec<Bytes>, held: Held) -> bool {
        let (looked_at, done) = oneshot::channel();
        if self.offers.send(Offer { peer, heads, held, looked_at }).await.is_err() {
            return false;
        }
        // dropped when they have been
        drop(done.await);
        true
    }

    /// Heads that no stream takes whole go by gossip, which carries entries of any size.
    async fn publish_large(&self, heads: &[Bytes]) {
        for head in heads.iter().filter(|head| head.len() > WHOLE_WRITE_BUDGET).take(MAX_PUBLISHED) {
            self.network.publish(self.address.to_string(), head.clone()).await;
        }
    }

    /// Our heads: from a place that changes every time, so that a log with more heads than fit a stream tells them all in
    /// the course of time, and those that no stream takes whole last. A head that cannot be read is left out; whoever
    /// reads the entry itself is told why.
    fn heads(&self) -> Vec<Bytes> {
        let heads = Arc::clone(&self.status.borrow().heads);
        let start = if heads.is_empty() { 0 } else { rand::random_range(0..heads.len()) };
        let chosen = heads.iter().cycle().skip(start).take(heads.len().min(EXCHANGED));
        let read = |hash| match self.store.block(hash) {
            Ok(block) => block,
            Err(error) => {
                tracing::error!(address = %self.address, %error, "cannot read a head");
                None
            }
        };
        let mut blocks: Vec<Bytes> = chosen.filter_map(|head| read(&head.hash)).collect();
        blocks.sort_by_key(|block| block.len() > WHOLE_WRITE_BUDGET);
        blocks
    }
}

impl Round {
    fn ended(&mut self, ended: &Ended) {
        if self.waiting.remove(&ended.peer) {
            match ended.outcome {
                Outcome::Failed => self.failed += 1,
                Outcome::Done => self.done += 1,
                // it has nothing to tell
                Outcome::NotServed => {}
            }
        }
    }
}

/// Answers the rounds in which nobody is waited for any more, and gives back the others.
fn finish(rounds: Vec<Round>, replicas: &Replicas) -> Vec<Round> {
    if rounds.is_empty() {
        return rounds;
    }
    let there = replicas.all();
    let (over, open): (Vec<Round>, Vec<Round>) =
        rounds.into_iter().partition(|round| round.waiting.iter().all(|peer| !there.contains(peer)));
    for round in over {
        // whoever asked may have given up
        let _ = round.reply.send((round.done, round.failed));
    }
    open
}
