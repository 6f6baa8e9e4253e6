//! Steps of a plan: one thing to do each, as the charm takes them.

use std::path::PathBuf;

use juju_hooks::databag::{Bag, BagError};
use juju_hooks::{Port, RelationId, UnitName};
use paperclip_client::certificate::Request;

use crate::machine::{Marker, Memory};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Take this machine for this unit's node.
    Claim,
    /// Make the service's user.
    AddUser,
    /// Copy the node out of the charm.
    InstallBinary,
    /// Make the root key, its secret, and the cluster's id. Leader.
    MakeCluster,
    /// Make the API token and its secret. Leader.
    MakeToken,
    /// Certify these units' keys with the root key. Leader.
    Certify(Vec<(UnitName, Request)>),
    /// Mark the storage as what it is.
    MarkStorage {
        /// Where it is mounted.
        location: PathBuf,
        /// What it is.
        marker: Marker,
    },
    /// Make the data directory and ask the node for its identity.
    ReadIdentity {
        /// Where the node's data is.
        data_dir: PathBuf,
        /// The cluster it shall belong to.
        cluster_id: String,
    },
    /// Give the node its certificate.
    WriteCertificate(String),
    /// Fetch the API token from its secret.
    FetchToken {
        /// The secret's URI.
        secret: String,
    },
    /// Remove the token file.
    RemoveToken,
    /// Write the node's configuration.
    WriteNodeConfig(String),
    /// Write the systemd unit.
    WriteUnitFile(String),
    /// Start the node. Carries the digest of what it starts with.
    Start(String),
    /// Restart the node, installing the charm's binary between. Carries the digest of what it starts with.
    Restart(String),
    /// Have the running node take over what its configuration says of monitoring.
    Reload,
    /// Stop the node.
    Stop,
    /// Remove the service; the data stays.
    RemoveService,
    /// Tell the running node of a peer.
    Dial(String),
    /// Open a port.
    OpenPort(Port),
    /// Close a port.
    ClosePort(Port),
    /// Change this unit's bag of a relation.
    SetUnitBag(RelationId, Bag),
    /// Change this application's bag of a relation. Leader.
    SetApplicationBag(RelationId, Bag),
    /// Remember.
    Remember(Box<Memory>),
}

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Relation data could not be written.
    #[error(transparent)]
    Bag(#[from] BagError),
    /// The node's configuration could not be written.
    #[error("node configuration: {0}")]
    Config(#[from] serde_yaml::Error),
    /// A JSON document could not be written.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}
