//! Databases as a node describes them.

use super::words::worded;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What a database is to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The catalog itself.
    Catalog,
    /// Pinned by the catalog.
    Pinned,
    /// The access controller of a pinned database.
    Guard,
}

worded!(Role { Catalog = "catalog", Pinned = "pinned", Guard = "guard" });

/// How a database stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its manifest or access list is being fetched.
    Opening,
    /// It is served.
    Open,
    /// It cannot be served.
    Failed,
}

worded!(State { Opening = "opening", Open = "open", Failed = "failed" });

/// A kind of access controller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    #[default]
    /// A fixed list of writers.
    Ipfs,
    /// A database of grants.
    Orbitdb,
}

worded!(Controller { Ipfs = "ipfs", Orbitdb = "orbitdb" });

/// Who may write to a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The kind of controller.
    #[serde(rename = "type")]
    pub kind: Controller,
    /// The address in the manifest.
    pub address: String,
    /// Identity ids that may write now, or `*`.
    pub write: Vec<String>,
}

/// A block that no peer gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnreachableBlock {
    /// Its hash.
    pub hash: String,
    /// How long it has been missing.
    pub age_seconds: f64,
    /// How often peers were asked for it.
    pub asked: u64,
}

/// A database, open or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// `/orbitdb/zdpu…`
    pub address: String,
    /// The manifest's name, once it is known.
    pub name: Option<String>,
    /// What it is to the node.
    pub role: Role,
    /// How it stands.
    pub state: State,
    /// Why it failed to open or takes no more entries, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What is known of it once it is open.
    #[serde(flatten)]
    pub open: Option<OpenDatabase>,
}

impl Database {
    /// Its name, or its address while the name is not known.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.address)
    }
}

/// What is known of an open database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenDatabase {
    /// The manifest's type: a hint, `events` for most databases of apps.
    #[serde(rename = "type")]
    pub kind: String,
    /// How the operations are understood: which of `/events`, `/kv` and `/docs` serves them.
    pub reading: String,
    /// Whether the reading was set, rather than found from the operations.
    pub reading_chosen: bool,
    /// The field that names a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_by: Option<String>,
    /// Whether JavaScript reads the database: values that it would not read as written are refused.
    pub javascript: bool,
    /// Who may write.
    pub access: Access,
    /// What the creator attached.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub meta: Option<Json>,
    /// Entries in the log.
    pub entries: u64,
    /// Heads of the log.
    pub heads: u64,
    /// Equal digests, equal logs.
    pub digest: String,
    /// Entries that were offered and are not in the log yet.
    pub pending: u64,
    /// Blocks that no peer gives.
    pub unreachable: u64,
    /// Entries whose blocks are damaged or missing on this node's disk.
    pub damaged: u64,
    /// Entries that were refused since the database was opened.
    pub refused: u64,
    /// How many entries were refused, by reason.
    pub refused_by_reason: BTreeMap<String, u64>,
    /// Entries of peers, since the database was opened, that JavaScript does not read as written.
    pub unreadable: u64,
    /// What an operator must know of the database, one line each.
    pub problems: Vec<String>,
    /// Peers that serve it.
    pub peers: Vec<String>,
    /// Since heads were last exchanged with any of them.
    pub seconds_since_exchange: Option<f64>,
    /// Hashes of damaged or missing blocks, at most 100; where one database is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged_blocks: Option<Vec<String>>,
    /// The blocks that no peer gives; where one database is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreachable_blocks: Option<Vec<UnreachableBlock>>,
}

/// A database that was unpinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpinned {
    /// Its address.
    pub address: String,
    /// Whether every node also removes what it has on disk.
    pub removed: bool,
}

/// What is given: `null` is a value where any value may stand (wire document, section 8), and none of other types.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_database_that_is_not_open_yet_has_no_figures() {
        let shown = json!({ "address": "/orbitdb/a", "name": null, "role": "pinned", "state": "opening" });
        let database: Database = serde_json::from_value(shown.clone()).unwrap();
        assert_eq!((database.label(), database.state, &database.open), ("/orbitdb/a", State::Opening, &None));
        assert_eq!(serde_json::to_value(database).unwrap(), shown);
    }

    #[test]
    fn an_open_one_has_them_beside_its_name() {
        let shown = json!({
            "address": "/orbitdb/a", "name": "a", "role": "pinned", "state": "open", "type": "events",
            "reading": "documents", "reading_chosen": true, "index_by": "_id", "javascript": true,
            "access": { "type": "ipfs", "address": "/ipfs/b", "write": ["*"] }, "meta": null, "entries": 3,
            "heads": 1, "digest": "d", "pending": 0, "unreachable": 0, "damaged": 0, "refused": 1,
            "refused_by_reason": { "bad-signature": 1 }, "unreadable": 0, "problems": [], "peers": ["p"],
            "seconds_since_exchange": null,
        });
        let database: Database = serde_json::from_value(shown.clone()).unwrap();
        let open = database.open.clone().unwrap();
        assert_eq!((open.entries, &open.meta), (3, &Some(Json::Null)));
        assert_eq!(serde_json::to_value(database).unwrap(), shown);
    }
}
