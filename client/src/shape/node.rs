//! The node as a whole: status, health.

use super::{database::Database, words::worded};
use crate::certificate::Request;
use serde::{Deserialize, Serialize};

/// How a node and its databases are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the binary.
    pub version: String,
    /// Its libp2p id.
    pub peer_id: String,
    /// Where it listens, each ending in `/p2p/<its id>`.
    pub addrs: Vec<String>,
    /// Who it is to access lists.
    pub identity: Identity,
    /// Its cluster.
    pub cluster: Cluster,
    /// Since the start.
    pub uptime_seconds: f64,
    /// Whether it can serve, reads and writes.
    pub ready: bool,
    /// What keeps the node from being ready, and what is wrong with databases, one line each.
    pub problems: Vec<String>,
    /// Connected peers.
    pub peers: u64,
    /// Bytes on disk.
    pub store_bytes: u64,
    /// Blocks that are known to be damaged or missing on this node's disk.
    pub damaged_blocks: u64,
    /// What of the journal could not be read.
    pub journal_damage: JournalDamage,
    /// All databases, the catalog among them.
    pub databases: Vec<Database>,
}

/// Who a node is to access lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster's id: the root key's public half in hex.
    pub id: String,
    /// The node's own signing key, public half in hex.
    pub public_key: String,
    /// The hash of the identity block, once the node is certified.
    pub hash: Option<String>,
    /// Whether the node is certified, and so can write.
    pub certified: bool,
    /// The request to be certified.
    pub request: Request,
}

/// The cluster of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// The root key's public half in hex.
    pub id: String,
    /// The address of the catalog.
    pub catalog: String,
}

/// What of the journal could not be read since the node started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalDamage {
    /// Parts of files that cannot be read.
    pub parts: u64,
    /// Bytes of these parts.
    pub bytes: u64,
    /// Files that are missing, or shorter than they were.
    pub files: u64,
}

/// The process answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive {
    /// `alive`
    pub status: String,
}

/// Whether a node can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It can.
    #[serde(rename = "ready")]
    Ready,
    /// It cannot.
    #[serde(rename = "not ready")]
    NotReady,
}

worded!(Standing { Ready = "ready", NotReady = "not ready" });

/// Whether a node can serve, and what its disk has lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether it can serve.
    pub status: Standing,
    /// Why it cannot, one line each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problems: Option<Vec<String>>,
    /// Blocks that are known to be damaged or missing on this node's disk.
    pub damaged_blocks: u64,
    /// What of the journal could not be read.
    pub journal_damage: JournalDamage,
}
