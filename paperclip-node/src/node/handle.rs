//! The handle to a running node: its status and its databases by name or address.

use super::{
    backup::Backups,
    error::NodeError,
    failure::Failure,
    info::{DatabaseInfo, IdentityInfo, Status},
    keeper::Boot,
    registry::{Registry, Role, State},
    running::Running,
};
use crate::{database::Database, net::Network};
use oplog::{Address, Hash};
use std::{sync::Arc, time::Instant};
use store::{Damage, Store, StoreError};
use tokio::sync::watch;

/// The handle to a running node. Cheap to clone.
#[derive(Clone)]
pub struct Node(pub(super) Arc<Inner>);

/// What a node is made of.
pub(super) struct Inner {
    pub(super) store: Store,
    pub(super) network: Network,
    pub(super) registry: watch::Receiver<Arc<Registry>>,
    pub(super) boot: watch::Receiver<Boot>,
    pub(super) catalog: Database,
    pub(super) identity: watch::Receiver<IdentityInfo>,
    pub(super) started: Instant,
    pub(super) backups: Backups,
    pub(super) running: Running,
}

impl Node {
    /// The databases, as they are now and whenever that changes.
    pub fn registry(&self) -> watch::Receiver<Arc<Registry>> {
        self.0.registry.clone()
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.0.network
    }

    /// Who the node is to access lists.
    pub fn identity(&self) -> IdentityInfo {
        self.0.identity.borrow().clone()
    }

    /// Everything about the node.
    pub fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION"),
            peer_id: self.0.network.local(),
            listen: self.0.network.listen_addrs(),
            identity: self.identity(),
            catalog: self.0.catalog.address(),
            uptime: self.0.started.elapsed(),
            peers: self.0.network.peers().borrow().len(),
            store_bytes: self.0.store.disk_bytes(),
            damaged: self.damaged(),
            journal_damage: self.journal_damage(),
            databases: self.all().collect(),
        }
    }

    /// How many blocks are known to be damaged or missing. They are asked of peers; everything else is served meanwhile.
    pub fn damaged(&self) -> usize {
        *self.0.store.damaged_count().borrow()
    }

    /// What of the journal could not be read since the start. Everything else is served.
    pub fn journal_damage(&self) -> Damage {
        self.0.store.damage()
    }

    /// A block of any kind, as it is stored.
    pub fn block(&self, hash: &Hash) -> Result<Option<bytes::Bytes>, StoreError> {
        self.0.store.block(hash)
    }

    /// The pinned databases.
    pub fn databases(&self) -> Vec<DatabaseInfo> {
        self.all().filter(|database| matches!(database.role, Role::Pinned(_))).collect()
    }

    fn all(&self) -> impl Iterator<Item = DatabaseInfo> + use<> {
        let registry = Arc::clone(&self.0.registry.borrow());
        let all: Vec<DatabaseInfo> =
            registry.iter().map(|(address, known)| DatabaseInfo::of(*address, known)).collect();
        all.into_iter()
    }

    /// What is known of a database, open or not. `wanted` is a name, an address, or the address's hash.
    pub fn info(&self, wanted: &str) -> Result<DatabaseInfo, NodeError> {
        let address = self.find(wanted)?;
        let registry = Arc::clone(&self.0.registry.borrow());
        let known = registry.get(&address).ok_or_else(|| NodeError::UnknownDatabase(wanted.to_owned()))?;
        Ok(DatabaseInfo::of(address, known))
    }

    /// An open database. `wanted` is a name, an address, or the address's hash.
    pub fn database(&self, wanted: &str) -> Result<Database, NodeError> {
        let address = self.find(wanted)?;
        let registry = Arc::clone(&self.0.registry.borrow());
        match registry.get(&address).map(|known| &known.state) {
            Some(State::Open(database)) => Ok(database.clone()),
            Some(State::Opening) => Err(NodeError::Opening(address)),
            Some(State::Failed(failure)) => {
                Err(NodeError::Failed { address, failure: Failure::Open(Arc::clone(failure)) })
            }
            None => Err(NodeError::UnknownDatabase(wanted.to_owned())),
        }
    }

    /// As [`database`](Self::database), for writing: the catalog is not written to by hand.
    pub fn database_to_write(&self, wanted: &str) -> Result<Database, NodeError> {
        let database = self.database(wanted)?;
        if database.address() == self.0.catalog.address() { Err(NodeError::Catalog) } else { Ok(database) }
    }

    pub(super) fn find(&self, wanted: &str) -> Result<Address, NodeError> {
        let registry = Arc::clone(&self.0.registry.borrow());
        let address = Address::named(wanted).ok();
        if let Some(known) = address.filter(|address| registry.contains_key(address)) {
            return Ok(known);
        }
        let named =
            registry.iter().filter(|(_, known)| known.name() == Some(wanted) && known.role != Role::Guard);
        let addresses: Vec<Address> = named.map(|(address, _)| *address).collect();
        match addresses.as_slice() {
            // Only an open database tells its name.
            [] if address.is_none() && *self.0.boot.borrow() != Boot::Done => {
                Err(NodeError::Starting(wanted.to_owned()))
            }
            [] => Err(NodeError::UnknownDatabase(wanted.to_owned())),
            [address] => Ok(*address),
            _ => Err(NodeError::AmbiguousName { name: wanted.to_owned(), addresses }),
        }
    }

    /// Stops: closes the databases, which finish what they accepted, flushes, leaves the network.
    pub async fn shutdown(&self) -> Result<(), StoreError> {
        self.0.running.stop(&self.0.store).await
    }
}
