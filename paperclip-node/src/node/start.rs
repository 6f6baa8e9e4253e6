//! The boot list, to be read from top to bottom. The node stops in the reverse order: `running`.

use super::{
    backup::Backups,
    catalog,
    certification::{Certification, author, identity_info},
    disk::Disk,
    error::StartError,
    figures::Figures,
    handle::{Inner, Node},
    healer::Healer,
    keeper::{Boot, Keeper},
    running::Running,
    scrubber::Scrubber,
};
use crate::{
    config::Config,
    database::{Backlog, Context, OpenError, VerifyPool},
    identity::{IdentitySource, NodeIdentity},
    metrics::Metrics,
    net::{self, heads},
};
use libp2p::StreamProtocol;
use oplog::join::Limits;
use std::{sync::Arc, time::Instant};
use store::{FlushObserver, Store, StoreConfig};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

impl Node {
    /// Starts everything but the API. Errors say what to do; nothing is left running behind them.
    pub async fn start(config: &Config, metrics: Arc<Metrics>) -> Result<Self, StartError> {
        let started = Instant::now();
        // The store, which all else reads.
        let store = open_store(config, &metrics).await?;
        // Who the node is: to peers, and to access lists.
        let peer_key = net::load_or_create_peer_key(&config.data_dir)?;
        let identity = NodeIdentity::open(IdentitySource::from(config))?;
        let (info, author) = (identity_info(&identity)?, author(&identity, &store)?);

        // The network. The catalog's protocol tells nodes of a cluster from other peers.
        let (manifest, access) = catalog::manifest(&info.cluster_id);
        let catalog_protocol = heads::protocol(&manifest.address()).ok_or(StartError::NoCluster)?;
        let network_config = network_config(config, catalog_protocol);
        let listening = net::start(peer_key, &network_config, crate::serve::Blocks(store.clone())).await?;
        let network = listening.network.clone();
        let (stop_network, network_task) = (CancellationToken::new(), TaskTracker::new());
        network_task.spawn(listening.run(stop_network.clone()));

        // What all databases share, then the first of them: the catalog.
        let (author_tx, author) = watch::channel(author);
        let (info_tx, identity) = watch::channel(info);
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

        // The keeper, which opens what the catalog pins, and what goes on beside it.
        let (tasks, backups) = (context.tasks.clone(), Backups::new(config, context.pool.clone()));
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
        spawn_caretakers(config, figures, &tasks, &stop);

        // Ready for whoever asks.
        network.listening().await;
        // Whoever asks then is told of every database that is pinned. A keeper that has ended has nothing to wait for.
        drop(boot.wait_for(|boot| *boot != Boot::ReadingCatalog).await);

        let running = Running { databases: stop, tasks, network: stop_network, network_task };
        let inner = Inner { store, network, registry, boot, catalog, identity, started, backups, running };
        Ok(Self(Arc::new(inner)))
    }
}

/// Starts what heals and scrubs the store and tells its figures.
fn spawn_caretakers(config: &Config, figures: Figures, tasks: &TaskTracker, stop: &CancellationToken) {
    let Figures { store, network, metrics, .. } = &figures;
    tasks.spawn(Healer { store: store.clone(), network: network.clone() }.run(stop.clone()));
    let disk = Disk { data_dir: config.data_dir.clone(), metrics: Arc::clone(metrics) };
    tasks.spawn(disk.run(stop.clone()));
    if let Some(pass) = config.scrub_interval {
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
