//! What came of a resync or a verification, and what a database refused.

use super::database::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What came of a resync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resync {
    /// The database's address.
    pub address: String,
    /// Its name, once it is known.
    pub name: Option<String>,
    /// How it stands.
    pub state: State,
    /// Why the database could not be looked at.
    pub error: Option<String>,
    /// Peers that heads were exchanged with.
    pub peers: u64,
    /// Peers where that failed.
    pub failed: u64,
    /// Configured peers that are not connected, and so were not asked.
    pub unconnected: u64,
    /// Entries that came in.
    pub fetched: u64,
    /// Whether everything that was offered is fetched and joined, or refused.
    pub settled: bool,
    /// Entries whose blocks are damaged or missing on this node's disk.
    pub damaged: u64,
    /// Whether the database is in step with all peers that it should be.
    pub complete: bool,
    /// What an operator must know of the database, one line each.
    pub problems: Vec<String>,
}

/// What came of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The database's address.
    pub address: String,
    /// Its name, once it is known.
    pub name: Option<String>,
    /// How it stands.
    pub state: State,
    /// Why the database could not be looked at.
    pub error: Option<String>,
    /// Whether nothing differs.
    pub sound: bool,
    /// Entries that were checked.
    pub entries: u64,
    /// Bytes that were checked.
    pub bytes: u64,
    /// Damaged blocks that were fetched again.
    pub healed: u64,
    /// Hashes of damaged or missing blocks, at most 100.
    pub damaged: Vec<String>,
    /// How many things differ.
    pub differences: u64,
    /// Some of the differences, one line each.
    pub examples: Vec<String>,
    /// What an operator must know of the database, one line each.
    pub problems: Vec<String>,
}

/// What a database refused since it was opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusals {
    /// The database's address.
    pub address: String,
    /// Its name, once it is known.
    pub name: Option<String>,
    /// How often.
    pub refused: u64,
    /// How many entries were refused, by reason.
    pub refused_by_reason: BTreeMap<String, u64>,
    /// The last refusals, newest first, without those that pass (`backlog`, `unreachable`).
    pub last: Vec<Refused>,
}

/// An entry that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Its hash.
    pub hash: String,
    /// The short name of the reason.
    pub reason: String,
    /// The reason in one line.
    pub detail: String,
    /// The id of the identity that the entry names.
    pub writer: Option<String>,
    /// The signing key that the entry names.
    pub key: Option<String>,
    /// The peer that offered it, or what led to it.
    pub peer: Option<String>,
    /// How long ago.
    pub age_seconds: f64,
}
