//! What the metrics are told now and then rather than as it happens.

use super::registry::{Registered, Registry, Standing};
use crate::{
    database::{Backlog, MAX_NODE_PENDING, MAX_NODE_PENDING_BYTES, MAX_NODE_STAGED_BYTES, Waiting},
    metrics::{BoundFigures, DatabaseFigures, Metrics, NetworkFigures},
    net::{MAX_GOSSIP_BYTES_WAITING, MAX_HEADS_BYTES, Network},
};
use std::{sync::Arc, time::Duration};
use store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How old a figure may be.
const INTERVAL: Duration = Duration::from_secs(2);

pub(super) struct Figures {
    pub(super) registry: watch::Receiver<Arc<Registry>>,
    pub(super) store: Store,
    pub(super) backlog: Backlog,
    pub(super) network: Network,
    pub(super) metrics: Arc<Metrics>,
}

impl Figures {
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = interval.tick() => self.tell().await,
            }
        }
    }

    fn bounds(&self) -> [BoundFigures; 5] {
        let Waiting { entries, bytes, staged } = self.backlog.total();
        let (heads, gossip) = (self.network.heads_room().total(), self.network.topics().waiting_bytes);
        [
            ("pending-entries", entries, MAX_NODE_PENDING),
            ("pending-bytes", bytes, MAX_NODE_PENDING_BYTES),
            ("staged-bytes", staged, MAX_NODE_STAGED_BYTES),
            ("heads-bytes", heads, MAX_HEADS_BYTES),
            ("gossip-bytes", gossip, MAX_GOSSIP_BYTES_WAITING),
        ]
        .map(|(bound, used, limit)| BoundFigures { bound, used, limit })
    }

    async fn tell(&self) {
        let registry = Arc::clone(&self.registry.borrow());
        for database in registry.values().filter_map(Registered::open) {
            let status = database.status().borrow().clone();
            self.metrics.set_database(
                &database.address(),
                DatabaseFigures {
                    entries: status.len,
                    heads: status.heads.len() as u64,
                    pending: status.pending as u64,
                    parked: status.parked as u64,
                    unreachable: status.unreachable.len() as u64,
                },
            );
        }
        let failed =
            registry.values().filter(|database| matches!(database.standing(), Standing::Failed(_))).count();
        self.metrics.set_failed_databases(failed as u64);
        self.metrics.set_store_bytes(self.store.disk_bytes());
        let stats = self.store.stats();
        self.metrics.set_store_poisoned(stats.poisoned);
        self.metrics.set_store_read_only(stats.read_only);
        self.metrics.set_dials(self.network.dials(), *self.network.unconnected().borrow());
        self.metrics.set_topics(self.network.topics());
        self.metrics.set_refused_connections(self.network.refused_connections());
        self.metrics.set_bounds(&self.bounds());
        self.metrics.set_handshakes(self.network.handshakes());
        self.metrics.set_store_damage(*self.store.damaged_count().borrow(), self.store.healed());
        self.metrics.set_journal_damage(self.store.damage());
        // an exchange that has ended has nothing more to count
        if let Ok(bitswap) = self.network.blocks().stats().await {
            self.metrics.set_network(&NetworkFigures {
                peers: self.network.peers().borrow().len() as u64,
                siblings: self.network.siblings().borrow().len() as u64,
                streams: self.network.streams().stats(),
                bitswap,
                conduct: self.network.conduct(),
            });
        }
    }
}
