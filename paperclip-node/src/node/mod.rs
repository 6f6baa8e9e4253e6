//! The node: everything behind the API.
//!
//! | file | concept |
//! | --- | --- |
//! | `start` | the boot list, and its reverse |
//! | `backup` | what is backed up, and how a backup is taken in |
//! | `catalog` | what the cluster pins, as data |
//! | `choose` | what is chosen for a pinned database, changed |
//! | `keeper` | opens and closes databases as the catalog says |
//! | `opener`, `fetch`, `guard` | from an address to an open database |
//! | `registry` | the databases as everybody sees them |
//! | `figures` | what the metrics are told now and then |
//! | `info` | what a node tells about itself |
//! | `healer`, `scrubber` | damaged blocks are fetched again; all blocks are read, slowly, to find them |
//! | `upkeep` | resync and verification |

mod backup;
pub mod catalog;
mod choose;
mod fetch;
mod figures;
mod guard;
mod healer;
mod info;
mod keeper;
mod opener;
mod registry;
mod scrubber;
mod start;
mod upkeep;

pub use backup::{RESTORE_OPEN_TIMEOUT, RestoreError, RestoreReport, Restored};
pub use choose::Choice;
pub use info::{AccessInfo, DatabaseInfo, IdentityInfo, OpenInfo, PeerInfo, Readiness, Status};
pub use registry::{Registered, Registry, Role, Standing, State};
pub use start::StartError;
pub use upkeep::{DatabaseVerify, ResyncReport, Unavailable, VerifyFailure};

use crate::{
    database::{Database, Settings, WriteError},
    net::{ConfiguredPeer, ConnectError, DialState, Network},
};
use catalog::{Pin, Record};
use keeper::Boot;
use libp2p::{Multiaddr, PeerId};
use oplog::{
    Address, Hash, Value,
    access::{ANYONE, AccessList},
    javascript::{self, Unreadable},
    keys::PublicKey,
    manifest::{AccessAddress, MAX_NAME_BYTES, Manifest},
    reading::{DatabaseType as _, KeyValue, Reading, TYPES},
    view::Operation,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::{Damage, Store, StoreError};
use tokio::sync::watch;

/// How long a pin waits for the database's manifest before it answers that the database is still opening.
pub const OPEN_WAIT: Duration = Duration::from_secs(5);

/// The access controller of a database to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateAccess {
    /// A fixed list of writers; empty for the cluster itself.
    Ipfs(Vec<String>),
    /// A database of its own that grants rights, administered by these; empty for the cluster itself.
    OrbitDb(Vec<String>),
}

/// A database to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Create {
    /// Its name.
    pub name: String,
    /// How its operations are understood.
    pub reading: Reading,
    /// Who may write.
    pub access: CreateAccess,
    /// Anything to be kept in the manifest.
    pub meta: Option<Value>,
    /// How it is opened.
    pub settings: Settings,
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Neither a name nor an address of a database here.
    #[error("no database {0:?} here; see `paperclip-node db list`")]
    UnknownDatabase(String),
    /// No open database has the name, and not all are open.
    #[error("no database {0:?} is open yet: the node has just started and is opening what it holds")]
    Starting(String),
    /// Several databases have the name.
    #[error("{name:?} is the name of {} databases; use an address", addresses.len())]
    AmbiguousName {
        /// The name.
        name: String,
        /// Their addresses.
        addresses: Vec<Address>,
    },
    /// The database is not open yet.
    #[error(
        "database {0} is still being opened: its manifest or access list has not been found on any peer yet"
    )]
    Opening(Address),
    /// The database cannot be opened.
    #[error("database {address} cannot be served: {reason}")]
    Failed {
        /// Which.
        address: Address,
        /// Why.
        reason: String,
    },
    /// The name is empty or too long.
    #[error("a name has 1 to {MAX_NAME_BYTES} bytes")]
    BadName,
    /// A writer is no identity id.
    #[error("writer {0:?} is neither \"*\" nor an identity id (66 hex digits)")]
    BadWriter(String),
    /// The catalog itself cannot be unpinned or written to by hand.
    #[error("the catalog is kept by the node itself")]
    Catalog,
    /// JavaScript would not read the manifest as it is written.
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    /// Nothing can be chosen for the catalog and for access controllers.
    #[error("{0} is not pinned; only for pinned databases can something be set")]
    NotPinned(Address),
    /// The cluster pins as many databases as it may.
    #[error("the cluster pins {} databases already, as many as it may", catalog::MAX_PINNED)]
    TooMany,
    /// The catalog was not written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The handle to a running node. Cheap to clone.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    store: Store,
    network: Network,
    registry: watch::Receiver<Arc<Registry>>,
    boot: watch::Receiver<Boot>,
    catalog: Database,
    identity: watch::Receiver<IdentityInfo>,
    started: Instant,
    backups: backup::Backups,
    running: start::Running,
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
            Some(State::Failed(reason)) => Err(NodeError::Failed { address, reason: reason.to_string() }),
            None => Err(NodeError::UnknownDatabase(wanted.to_owned())),
        }
    }

    /// As [`database`](Self::database), for writing: the catalog is not written to by hand.
    pub fn database_to_write(&self, wanted: &str) -> Result<Database, NodeError> {
        let database = self.database(wanted)?;
        if database.address() == self.0.catalog.address() { Err(NodeError::Catalog) } else { Ok(database) }
    }

    fn find(&self, wanted: &str) -> Result<Address, NodeError> {
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

    /// Makes a database and pins it. One with the same name, type, access and meta is the same database; the second answer
    /// says whether it is new here.
    pub async fn create(&self, create: Create) -> Result<(DatabaseInfo, bool), NodeError> {
        let Create { name, reading, access, meta, mut settings } = create;
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(NodeError::BadName);
        }
        if !settings.no_javascript {
            javascript::check("name", &name.as_str().into())?;
            meta.as_ref().map_or(Ok(()), |meta| javascript::check("meta", meta))?;
        }
        let mut blocks = Vec::new();
        let access = match access {
            CreateAccess::Ipfs(write) => AccessAddress::Ipfs(self.access_list(write, &mut blocks)?),
            CreateAccess::OrbitDb(admins) => {
                // the controller is a database of the same name (wire document, section 8)
                let access = AccessAddress::Ipfs(self.access_list(admins, &mut blocks)?);
                let kind = KeyValue.name().to_owned();
                let guard = Manifest { name: name.clone(), kind, access, meta: None };
                blocks.push((guard.address().manifest(), guard.encode()));
                AccessAddress::OrbitDb(guard.address())
            }
        };
        let manifest = Manifest { name: name.clone(), kind: reading.name().to_owned(), access, meta };
        if reading != Reading::find(TYPES, &manifest.kind, []) {
            settings.reading = Some(reading);
        }
        let address = manifest.address();
        blocks.push((address.manifest(), manifest.encode()));
        self.0.store.put_blocks(&blocks)?;
        self.0.network.stored(blocks.into_iter().map(|(hash, _)| hash).collect()).await;
        self.pin_as(address, Pin { name: Some(name), settings }).await
    }

    fn access_list(
        &self,
        ids: Vec<String>,
        blocks: &mut Vec<(Hash, bytes::Bytes)>,
    ) -> Result<Hash, NodeError> {
        let own = || vec![self.0.identity.borrow().cluster_id.clone()];
        let write = if ids.is_empty() { own() } else { ids };
        if let Some(bad) = write.iter().find(|id| *id != ANYONE && PublicKey::from_hex(id).is_err()) {
            return Err(NodeError::BadWriter(bad.clone()));
        }
        let list = AccessList { write };
        blocks.push((list.hash(), list.encode()));
        Ok(list.hash())
    }

    /// Pins a database: every node of the cluster opens, replicates and keeps it. Answers when it is open here, or after
    /// [`OPEN_WAIT`], when its manifest may still be on its way.
    pub async fn pin(&self, address: Address, settings: Settings) -> Result<(DatabaseInfo, bool), NodeError> {
        self.pin_as(address, Pin { name: None, settings }).await
    }

    async fn pin_as(&self, address: Address, pin: Pin) -> Result<(DatabaseInfo, bool), NodeError> {
        if address == self.0.catalog.address() {
            return Err(NodeError::Catalog);
        }
        let pinned =
            self.0.registry.borrow().values().filter(|known| matches!(known.role, Role::Pinned(_))).count();
        let known = self.0.registry.borrow().get(&address).map(|known| known.role.clone());
        let new = !matches!(known, Some(Role::Pinned(_)));
        if new {
            if pinned >= catalog::MAX_PINNED {
                return Err(NodeError::TooMany);
            }
            let record = Record::Pinned(pin).to_value();
            self.0.catalog.append(Operation::put(address.to_string(), record)).await?;
        }
        let mut registry = self.0.registry.clone();
        let settled = async {
            let settled =
                |known: &Registered| known.role != Role::Guard && !matches!(known.state, State::Opening);
            drop(registry.wait_for(|registry| registry.get(&address).is_some_and(settled)).await);
        };
        // Whoever pins again what is still opening has reason to think that a peer has it now.
        let asked_again = async {
            if !new {
                drop(fetch::definition(&self.0.store, &self.0.network, address).await);
            }
            std::future::pending::<()>().await;
        };
        let opened = async {
            tokio::select! {
                () = settled => {}
                () = asked_again => {}
            }
        };
        // Whether it is open by then or not, the answer tells.
        drop(tokio::time::timeout(OPEN_WAIT, opened).await);
        Ok((self.info(&address.to_string())?, new))
    }

    /// Unpins a database everywhere. What is on disk stays, unless `remove` asks every node to remove it.
    pub async fn unpin(&self, wanted: &str, remove: bool) -> Result<Address, NodeError> {
        let address = self.find(wanted)?;
        if address == self.0.catalog.address() {
            return Err(NodeError::Catalog);
        }
        let key = address.to_string();
        let operation =
            if remove { Operation::put(key, Record::Removed.to_value()) } else { Operation::del(key) };
        self.0.catalog.append(operation).await?;
        let mut registry = self.0.registry.clone();
        let gone = registry.wait_for(|registry| {
            registry.get(&address).is_none_or(|known| matches!(known.role, Role::Guard))
        });
        drop(tokio::time::timeout(OPEN_WAIT, gone).await);
        Ok(address)
    }

    /// Connected peers.
    pub fn peers(&self) -> Vec<PeerInfo> {
        let registry = Arc::clone(&self.0.registry.borrow());
        let serving: Vec<(Address, Vec<PeerId>)> = registry
            .values()
            .filter_map(Registered::open)
            .map(|database| (database.address(), database.exchanges().peers))
            .collect();
        let peers = self.0.network.peers().borrow().clone();
        let configured = self.0.network.configured();
        let address_of = |peer: &PeerId| {
            configured.iter().find(|known| known.peer == Some(*peer)).map(|known| known.address.clone())
        };
        let info = |(peer_id, peer): (&PeerId, &crate::net::Peer)| PeerInfo {
            peer_id: *peer_id,
            address: peer.address.clone(),
            outbound: peer.outbound,
            connected: peer.since.elapsed(),
            agent: peer.agent.clone(),
            protocols: peer.protocols.iter().map(ToString::to_string).collect(),
            databases: serving
                .iter()
                .filter(|(_, by)| by.contains(peer_id))
                .map(|(address, _)| *address)
                .collect(),
            configured: address_of(peer_id),
        };
        peers.iter().map(info).collect()
    }

    /// Configured peers that are not connected.
    pub fn unconnected_peers(&self) -> Vec<ConfiguredPeer> {
        let configured = self.0.network.configured();
        configured.iter().filter(|peer| peer.state != DialState::Connected).cloned().collect()
    }

    /// Connects to a peer, once; peers to keep are configured.
    pub async fn connect(&self, address: Multiaddr) -> Result<PeerId, ConnectError> {
        self.0.network.connect(address).await
    }

    /// Whether the node can serve: the store writes, the databases that it held before are open again, and it may write.
    pub fn ready(&self) -> Readiness {
        let mut reasons = Vec::new();
        let stats = self.0.store.stats();
        if stats.poisoned {
            reasons.push("the store no longer writes after a failed flush; restart the node".to_owned());
        }
        if stats.read_only {
            reasons.push(StoreError::ReadOnly.to_string());
        }
        if self.0.identity.borrow().hash.is_none() {
            reasons.push("the node's key is not certified by the cluster yet".to_owned());
        }
        if self.0.network.listen_addrs().is_empty() {
            reasons.push("the node does not listen yet".to_owned());
        }
        if *self.0.boot.borrow() != Boot::Done {
            reasons.push("databases that the node holds are still being opened".to_owned());
        }
        for (address, known) in self.0.registry.borrow().iter() {
            if let Some(ended) = known.open().and_then(Database::ended) {
                reasons.push(format!("database {address} takes no more entries: {ended}"));
            }
        }
        if reasons.is_empty() { Readiness::Ready } else { Readiness::NotReady(reasons) }
    }

    /// Stops: closes the databases, which finish what they accepted, flushes, leaves the network.
    pub async fn shutdown(&self) -> Result<(), StoreError> {
        self.0.running.stop(&self.0.store).await
    }
}
