//! Opening a database: its log, its tasks, its place in the network.

use super::{
    append::{ACK_QUEUE, Unflushed, acknowledge},
    backlog::Backlog,
    exchange::{Exchanges, INCOMING_QUEUE, NOW_QUEUE},
    followers::Followers,
    handle::Database,
    joining::Joining,
    reading::FoundReading,
    request::{COMMAND_QUEUE, OFFER_QUEUE, Offer},
    restore::Window,
    settings::Settings,
    signer::{Author, Signer},
    status::{ExchangeStatus, LogStatus},
    task::{Queues, Task},
    verify_pool::{Verifier, VerifyPool},
};
use crate::{
    metrics::Metrics,
    net::{Network, Topic, heads},
};
use libp2p::StreamProtocol;
use oplog::{
    Address,
    access::Writers,
    join::{Joiner, Limits, Policy},
    log::Log,
    manifest::Manifest,
};
use p2p::{bitswap::Session, streams::Incoming};
use std::{sync::Arc, time::Duration};
use store::{DatabaseStore, Store, StoreError};
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What all databases of a node share.
#[derive(Clone)]
pub struct Context {
    /// Where blocks are.
    pub store: Store,
    /// The way to peers.
    pub network: Network,
    /// Threads that verify.
    pub pool: VerifyPool,
    /// In whose name the node writes, once it is certified.
    pub author: watch::Receiver<Option<Arc<Author>>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Bounds on joins.
    pub limits: Limits,
    /// What the joins of all databases may keep together.
    pub backlog: Backlog,
    /// About how often heads are exchanged with each peer.
    pub exchange_interval: Duration,
    /// Tasks to wait for at the end.
    pub tasks: TaskTracker,
}

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is open already.
    #[error("{0} is open already")]
    AlreadyOpen(Address),
    /// The node is shutting down.
    #[error("the node is shutting down")]
    Stopping,
}

/// An open database and what ends it.
pub struct Opening {
    /// The handle.
    pub database: Database,
    /// Cancelled to close it.
    pub stop: CancellationToken,
}

impl Context {
    /// Opens the database of `manifest` and starts its tasks.
    ///
    /// Heads are answered before the topic is joined, so that nobody who sees the subscription finds the protocol missing
    /// (wire document, section 9).
    pub async fn open(
        &self,
        manifest: Manifest,
        writers: Writers,
        settings: Settings,
        stop: CancellationToken,
    ) -> Result<Opening, OpenError> {
        let address = manifest.address();
        let (store, log, found) = self.read(&manifest).await?;
        let Joined { protocol, incoming, topic, session } = self.join(address).await?;

        let (commands, command_queue) = mpsc::channel(COMMAND_QUEUE);
        let (offers, offer_queue) = mpsc::channel(OFFER_QUEUE);
        let (exchange_now, now_queue) = mpsc::channel(NOW_QUEUE);
        let (unflushed, unflushed_queue) = mpsc::channel(ACK_QUEUE);
        let (verifier, verdict_queue) = Verifier::new(self.pool.clone());
        let (status, status_seen) = watch::channel(first_status(&log, &writers, &found));
        let (exchanges, exchanges_seen) = watch::channel(ExchangeStatus::default());
        let followers = Followers::default();

        let policy = Policy { allow_foreign_keys: settings.allow_foreign_keys };
        let joiner = Joiner::new(address, writers.clone(), policy, self.limits);
        let task = Task {
            address,
            store: store.clone(),
            blocks: self.store.clone(),
            log,
            found,
            joining: Joining::new(joiner, verifier),
            backlog: self.backlog.clone(),
            writers,
            signer: Signer::new(self.author.clone()),
            unflushed,
            status,
            followers: followers.clone(),
            network: self.network.clone(),
            metrics: Arc::clone(&self.metrics),
            settled: Vec::new(),
            restoring: Window::default(),
            max_entry_bytes: self.limits.max_entry_bytes,
            failed: false,
        };
        let queues = Queues {
            commands: command_queue,
            offers: offer_queue,
            messages: topic.messages,
            verdicts: verdict_queue,
            session,
        };
        let exchange = self.exchanges(address, protocol, status_seen.clone(), offers, exchanges);
        self.acknowledge(address, unflushed_queue, followers.clone());
        self.tasks.spawn(exchange.run(incoming, topic.subscribers, now_queue, stop.clone()));
        self.tasks.spawn(run_and_leave(task, queues, self.network.clone(), stop.clone()));

        let database = Database {
            address,
            manifest: Arc::new(manifest),
            store,
            commands,
            exchange_now,
            status: status_seen,
            exchanges: exchanges_seen,
            followers,
            settings: watch::Sender::new(settings),
        };
        Ok(Opening { database, stop })
    }

    /// Reads what the store has of a database.
    async fn read(&self, manifest: &Manifest) -> Result<(DatabaseStore, Log, FoundReading), OpenError> {
        let address = manifest.address();
        let blocks = self.store.clone();
        let hint = manifest.kind.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let store = blocks.database(&address)?;
            let log = store.open_log()?;
            let found = FoundReading::of(&hint, &store)?;
            Ok::<_, StoreError>((store, log, found))
        });
        let (store, log, found) = opened.await.map_err(|_| OpenError::Stopping)??;
        Ok((store, log.with_max_entry_bytes(self.limits.max_entry_bytes), found))
    }

    fn exchanges(
        &self,
        address: Address,
        protocol: StreamProtocol,
        status: watch::Receiver<LogStatus>,
        offers: mpsc::Sender<Offer>,
        published: watch::Sender<ExchangeStatus>,
    ) -> Exchanges {
        Exchanges {
            address,
            protocol,
            network: self.network.clone(),
            store: self.store.clone(),
            status,
            offers,
            published,
            metrics: Arc::clone(&self.metrics),
            interval: self.exchange_interval,
        }
    }

    fn acknowledge(&self, address: Address, unflushed: mpsc::Receiver<Unflushed>, followers: Followers) {
        let (metrics, network) = (Arc::clone(&self.metrics), self.network.clone());
        self.tasks.spawn(acknowledge(unflushed, metrics, network, address.to_string(), followers));
    }

    /// Joins a database's protocol and topic.
    async fn join(&self, address: Address) -> Result<Joined, OpenError> {
        let protocol = heads::protocol(&address).ok_or(OpenError::AlreadyOpen(address))?;
        let visibility = self.network.visibility(&protocol);
        let incoming = self.network.streams().accept(protocol.clone(), INCOMING_QUEUE, visibility);
        let incoming = incoming.map_err(|_| OpenError::AlreadyOpen(address))?;
        let topic = self.network.subscribe(address.to_string()).await.ok_or(OpenError::Stopping)?;
        let session = self.network.blocks().session().await.map_err(|_| OpenError::Stopping)?;
        Ok(Joined { protocol, incoming, topic, session })
    }
}

/// A database's place in the network.
struct Joined {
    protocol: StreamProtocol,
    incoming: Incoming,
    topic: Topic,
    session: Session,
}

fn first_status(log: &Log, writers: &Writers, found: &FoundReading) -> LogStatus {
    LogStatus {
        heads: log.heads().into(),
        len: log.len(),
        writers: writers.clone(),
        found: found.reading().clone(),
        ..LogStatus::default()
    }
}

async fn run_and_leave(task: Task, queues: Queues, network: Network, stop: CancellationToken) {
    let topic = task.address.to_string();
    task.run(queues, stop).await;
    network.unsubscribe(topic).await;
}
