//! The boot list, to be read from top to bottom, and its reverse.

use super::{
    IdentityInfo, Inner, Node,
    backup::Backups,
    catalog,
    figures::Figures,
    healer::Healer,
    keeper::{Boot, Keeper},
    scrubber::Scrubber,
};
use crate::{
    config::Config,
    database::{Author, Backlog, Context, OpenError, VerifyPool},
    identity::{IdentitySource, NodeIdentity, NodeIdentityError},
    metrics::Metrics,
    net::{self, heads},
};
use libp2p::StreamProtocol;
use oplog::join::Limits;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::{FlushObserver, OpenError as StoreOpenError, Store, StoreConfig, StoreError};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How often a node without a certificate looks for one.
const CERTIFICATE_POLL: Duration = Duration::from_secs(1);

/// Why a node does not start, in one line for people.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The keys are missing, unreadable or another cluster's.
    #[error(transparent)]
    Identity(#[from] NodeIdentityError),
    /// The libp2p key is unreadable.
    #[error(transparent)]
    PeerKey(#[from] net::PeerKeyError),
    /// The store cannot be opened.
    #[error(transparent)]
    OpenStore(#[from] StoreOpenError),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Network(#[from] net::StartError),
    /// The threads that verify cannot be started.
    #[error("cannot start threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The catalog cannot be opened.
    #[error("catalog: {0}")]
    Catalog(#[from] OpenError),
    /// The node belongs to no cluster: an identity always does once it was opened.
    #[error("the node's identity names no cluster")]
    NoCluster,
}

/// What runs, and how to end it.
pub(super) struct Running {
    databases: CancellationToken,
    tasks: TaskTracker,
    network: CancellationToken,
    network_task: TaskTracker,
}

impl Running {
    /// The reverse of the boot list.
    pub(super) async fn stop(&self, store: &Store) -> Result<(), StoreError> {
        self.databases.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let flushed = store.flushed().await;
        self.network.cancel();
        self.network_task.close();
        self.network_task.wait().await;
        flushed
    }
}

impl Node {
    /// Starts everything but the API. Errors say what to do; nothing is left running behind them.
    pub async fn start(config: &Config, metrics: Arc<Metrics>) -> Result<Self, StartError> {
        let started = Instant::now();
        let store = open_store(config, &metrics).await?;
        let peer_key = net::load_or_create_peer_key(&config.data_dir)?;
        let identity = NodeIdentity::open(IdentitySource::from(config))?;
        let (info, author) = (identity_info(&identity)?, author(&identity, &store)?);

        let (manifest, access) = catalog::manifest(&info.cluster_id);
        let catalog_protocol = heads::protocol(&manifest.address()).ok_or(StartError::NoCluster)?;
        let network_config = network_config(config, catalog_protocol);
        let listening = net::start(peer_key, &network_config, crate::serve::Blocks(store.clone())).await?;
        let network = listening.network.clone();
        let (stop_network, network_task) = (CancellationToken::new(), TaskTracker::new());
        network_task.spawn(listening.run(stop_network.clone()));

        let (author_tx, author) = watch::channel(author);
        let (info_tx, info) = watch::channel(info);
        let backlog = Backlog::default();
        let context = Context {
            store: store.clone(),
            network: network.clone(),
            pool: VerifyPool::new()?,
            author,
            metrics: Arc::clone(&metrics),
            limits: limits(config),
            backlog: backlog.clone(),
            exchange_interval: config.exchange_interval,
            tasks: TaskTracker::new(),
        };
        let stop = CancellationToken::new();
        store.put_blocks(&[
            (manifest.address().manifest(), manifest.encode()),
            (access.hash(), access.encode()),
        ])?;
        let opening =
            context.open(manifest, access.writers(), catalog::settings(), stop.child_token()).await?;
        let catalog = opening.database.clone();
        let tasks = context.tasks.clone();
        let (keeper, registry, mut boot) = Keeper::new(context, opening, stop.clone());
        tasks.spawn(keeper.run());
        if author_tx.borrow().is_none() {
            let certificate =
                Certification { config: config.clone(), store: store.clone(), author_tx, info_tx };
            tasks.spawn(certificate.wait(stop.clone()));
        }
        let figures = Figures {
            registry: registry.clone(),
            store: store.clone(),
            backlog,
            network: network.clone(),
            metrics,
        };
        spawn_caretakers(config.scrub_interval, figures, &tasks, &stop);
        network.listening().await;
        // Whoever asks then is told of every database that is pinned. A keeper that has ended has nothing to wait for.
        drop(boot.wait_for(|boot| *boot != Boot::ReadingCatalog).await);

        let running = Running { databases: stop, tasks, network: stop_network, network_task };
        let (backups, identity) = (Backups::of(config), info);
        let inner = Inner { store, network, registry, boot, catalog, identity, started, backups, running };
        Ok(Self(Arc::new(inner)))
    }
}

/// Starts what heals and scrubs the store and tells its figures.
fn spawn_caretakers(
    scrub_interval: Option<Duration>,
    figures: Figures,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let Figures { store, network, metrics, .. } = &figures;
    tasks.spawn(Healer { store: store.clone(), network: network.clone() }.run(stop.clone()));
    if let Some(pass) = scrub_interval {
        let scrubber = Scrubber { store: store.clone(), metrics: Arc::clone(metrics), pass };
        tasks.spawn(scrubber.run(stop.clone()));
    }
    tasks.spawn(figures.run(stop.clone()));
}

async fn open_store(config: &Config, metrics: &Arc<Metrics>) -> Result<Store, StartError> {
    let observed = Arc::clone(metrics);
    let store_config = StoreConfig {
        cache_bytes: config.cache_bytes,
        durability: config.durability,
        on_flush: Some(FlushObserver::new(move |took| observed.flushed(took))),
        ..StoreConfig::default()
    };
    let dir = config.data_dir.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(&dir, &store_config)).await;
    Ok(opened.map_err(|_| OpenError::Stopping)??)
}

fn identity_info(identity: &NodeIdentity) -> Result<IdentityInfo, StartError> {
    let request = identity.request().ok_or(StartError::NoCluster)?;
    Ok(IdentityInfo {
        cluster_id: request.id,
        public_key: request.public_key,
        id_signature: request.id_signature,
        hash: identity.identity().map(|identity| identity.hash().to_string()),
    })
}

/// Peers that verify our entries fetch the identity block from us.
fn author(identity: &NodeIdentity, store: &Store) -> Result<Option<Arc<Author>>, StoreError> {
    let (Some(block), Some(writer)) = (identity.identity(), identity.writer()) else { return Ok(None) };
    store.put_blocks(&[(block.hash(), block.encode())])?;
    Ok(Some(Arc::new(Author { id: block.id.clone(), writer })))
}

fn network_config(config: &Config, catalog_protocol: StreamProtocol) -> net::Config {
    net::Config {
        listen: config.listen.iter().chain(&config.websocket_listen).cloned().collect(),
        announce: config.announce.clone(),
        peers: config.peers.clone(),
        max_connections: config.max_connections,
        catalog_protocol,
    }
}

fn limits(config: &Config) -> Limits {
    Limits {
        max_entry_bytes: config.max_entry_bytes,
        max_pending_bytes: config.join_memory_bytes,
        ..Limits::default()
    }
}

/// A node that waits to be certified. It replicates meanwhile, and cannot write.
struct Certification {
    config: Config,
    store: Store,
    author_tx: watch::Sender<Option<Arc<Author>>>,
    info_tx: watch::Sender<IdentityInfo>,
}

impl Certification {
    async fn wait(self, stop: CancellationToken) {
        tracing::warn!("not certified by the cluster: this node replicates, but cannot write");
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(CERTIFICATE_POLL) => {}
            }
            match self.look() {
                Ok(false) => {}
                Ok(true) => return tracing::info!("certified by the cluster"),
                Err(error) => tracing::debug!(%error, "no certificate yet"),
            }
        }
    }

    fn look(&self) -> Result<bool, StartError> {
        let identity = NodeIdentity::open(IdentitySource::from(&self.config))?;
        let Some(author) = author(&identity, &self.store)? else { return Ok(false) };
        self.info_tx.send_replace(identity_info(&identity)?);
        self.author_tx.send_replace(Some(author));
        Ok(true)
    }
}
