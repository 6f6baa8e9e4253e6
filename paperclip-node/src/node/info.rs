//! Status of a node, its databases and its peers, as it tells them.

use super::registry::{Registered, Role, Standing};
use crate::database::{Database, Refusals};
use libp2p::{Multiaddr, PeerId};
use oplog::{Address, Value, manifest::AccessAddress, reading::Reading};
use std::{sync::Arc, time::Duration};
use store::Damage;

/// The node as a whole.
#[derive(Debug, Clone)]
pub struct Status {
    /// Version of the binary.
    pub version: &'static str,
    /// Its libp2p id.
    pub peer_id: PeerId,
    /// Where it listens, each ending in `/p2p/<its id>`.
    pub listen: Vec<Multiaddr>,
    /// Who it is to access lists.
    pub identity: IdentityInfo,
    /// The address of the catalog.
    pub catalog: Address,
    /// Since the start.
    pub uptime: Duration,
    /// Connected peers.
    pub peers: usize,
    /// Bytes on disk.
    pub store_bytes: u64,
    /// Blocks that are known to be damaged or missing, of whatever kind.
    pub damaged: usize,
    /// What of the journal could not be read since the start.
    pub journal_damage: Damage,
    /// All databases, the catalog among them.
    pub databases: Vec<DatabaseInfo>,
}

/// Who the node is to access lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityInfo {
    /// The cluster's id: the root key's public half in hex.
    pub cluster_id: String,
    /// The node's own signing key, public half in hex.
    pub public_key: String,
    /// The signing key's signature over the id: with `public_key`, the request for a certificate.
    pub id_signature: String,
    /// The hash of the identity block, once the node is certified.
    pub hash: Option<String>,
}

/// Who may write to a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessInfo {
    /// The access controller, as the manifest names it.
    pub controller: AccessAddress,
    /// Ids that may write now, or `*`.
    pub write: Vec<String>,
}

/// One database.
#[derive(Debug, Clone)]
pub struct DatabaseInfo {
    /// Its address.
    pub address: Address,
    /// What it is to this node.
    pub role: Role,
    /// How it stands.
    pub state: Standing,
    /// The name, as far as it is known.
    pub name: Option<String>,
    /// What is known of it once it is open.
    pub open: Option<OpenInfo>,
}

/// An open database.
#[derive(Debug, Clone)]
pub struct OpenInfo {
    /// What the manifest calls its type.
    pub kind: String,
    /// How its operations are understood.
    pub reading: Reading,
    /// Whether JavaScript reads it, as far as the settings say.
    pub javascript: bool,
    /// Whether somebody chose the reading, rather than that it was found.
    pub reading_chosen: bool,
    /// Who may write.
    pub access: AccessInfo,
    /// What the creator attached.
    pub meta: Option<Value>,
    /// Entries in the log.
    pub entries: u64,
    /// Hashes of the heads, greatest first.
    pub heads: Vec<oplog::Hash>,
    /// Equal digests, equal logs.
    pub digest: String,
    /// Entries that wait for ancestors or verdicts.
    pub pending: usize,
    /// Bytes of them in memory.
    pub pending_bytes: usize,
    /// Blocks that no peer gives.
    pub unreachable: Vec<crate::database::Unreachable>,
    /// Entries whose blocks are damaged or missing here.
    pub damaged: Vec<oplog::Hash>,
    /// What was refused since it was opened.
    pub refusals: Arc<Refusals>,
    /// Entries of others that JavaScript does not read as they are written, since it was opened.
    pub unreadable: u64,
    /// Peers that serve it.
    pub peers: Vec<PeerId>,
    /// Since heads were last exchanged with any of them.
    pub since_exchange: Option<Duration>,
}

/// A connected peer.
#[derive(Debug, Clone)]
pub struct PeerInfo {
    /// Its id.
    pub peer_id: PeerId,
    /// The other end of the oldest connection.
    pub address: Multiaddr,
    /// Whether we dialled.
    pub outbound: bool,
    /// Since the oldest connection was made.
    pub connected: Duration,
    /// What it calls itself.
    pub agent: Option<String>,
    /// What it speaks.
    pub protocols: Vec<String>,
    /// Databases that both serve.
    pub databases: Vec<Address>,
    /// The configured address, if it is a configured peer.
    pub configured: Option<Multiaddr>,
}

impl Status {
    /// What an operator must know of the store and of each open database, one line each.
    pub fn problems(&self) -> Vec<String> {
        let databases = self.databases.iter().flat_map(DatabaseInfo::problems);
        journal_problem(self.journal_damage).into_iter().chain(databases).collect()
    }
}

/// What an operator must know of the journal, if something of it could not be read.
fn journal_problem(damage: Damage) -> Option<String> {
    let Damage { parts, bytes, files } = damage;
    (!damage.is_none()).then(|| {
        format!(
            "the journal is damaged (unreadable parts: {parts}, their bytes: {bytes}, missing or shortened files: \
             {files}); check the disk, then run verify --repair and resync"
        )
    })
}

impl DatabaseInfo {
    /// The problems of an open database, each with the name of it.
    fn problems(&self) -> Vec<String> {
        let name = self.name.clone().unwrap_or_else(|| self.address.to_string());
        let problems = self.open.as_ref().map(OpenInfo::problems).unwrap_or_default();
        problems.into_iter().map(|problem| format!("{name}: {problem}")).collect()
    }

    pub(super) fn of(address: Address, registered: &Registered) -> Self {
        Self {
            address,
            role: registered.role.clone(),
            state: registered.standing(),
            name: registered.name().map(str::to_owned),
            open: registered.open().map(OpenInfo::of),
        }
    }
}

impl OpenInfo {
    /// What an operator must know of it, one line each.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.refusals.problems(self.entries);
        if !self.damaged.is_empty() {
            let count = self.damaged.len();
            problems
                .push(format!("{count} entries are damaged on this node's disk; peers are asked for them"));
        }
        if let [first, ..] = &self.unreachable[..] {
            problems.push(format!(
                "entries that wait for others, or are missing themselves: {}; no peer has given {}, among others",
                self.pending, first.hash
            ));
        }
        problems
    }

    fn of(database: &Database) -> Self {
        let manifest = database.manifest();
        let status = database.status().borrow().clone();
        let exchanges = database.exchanges();
        Self {
            kind: manifest.kind.clone(),
            reading: database.reading(),
            javascript: !database.settings().no_javascript,
            reading_chosen: database.settings().reading.is_some(),
            access: AccessInfo { controller: manifest.access, write: status.writers.names() },
            meta: manifest.meta.clone(),
            entries: status.len,
            heads: status.heads.iter().map(|head| head.hash).collect(),
            digest: status.digest(),
            pending: status.pending,
            pending_bytes: status.pending_bytes,
            unreachable: status.unreachable.to_vec(),
            damaged: database.damaged(),
            refusals: status.refusals,
            unreadable: status.unreadable,
            peers: exchanges.peers,
            since_exchange: exchanges.last.map(|last| last.elapsed()),
        }
    }
}
