//! Errors of a node: why it does not start, why a request was not carried out.

use super::{catalog::MAX_PINNED, failure::Failure};
use crate::{
    database::{OpenError, WriteError},
    identity::NodeIdentityError,
    net,
};
use oplog::{Address, javascript::Unreadable, manifest::MAX_NAME_BYTES};
use store::{OpenError as StoreOpenError, StoreError};

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
    #[error("database {address} cannot be served: {failure}")]
    Failed {
        /// Which.
        address: Address,
        /// Why.
        failure: Failure,
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
    #[error("the cluster pins {} databases already, as many as it may", MAX_PINNED)]
    TooMany,
    /// The catalog was not written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

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
