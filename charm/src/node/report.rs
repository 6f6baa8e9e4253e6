//! The node's status documents, as far as the charm reads them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::NodeApi;

/// What the charm needs to know of the running node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeReport {
    /// Whether it serves.
    pub ready: bool,
    /// Its version.
    pub version: String,
    /// Its libp2p peer id.
    pub peer_id: String,
    /// The databases it keeps.
    pub databases: Vec<Database>,
    /// One digest over all databases and their heads: equal on nodes that agree.
    pub heads_digest: String,
    /// The peers it is connected to.
    pub peers: Vec<Peer>,
}

/// A database, as the node lists it. One that is not open yet has no type and no figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Database {
    /// Its address.
    pub address: String,
    /// Its name, once it is known.
    pub name: Option<String>,
    /// `events`, `keyvalue` or `documents`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `opening`, `open` or `failed`.
    pub state: String,
    /// How many entries the log has.
    pub entries: u64,
    /// How many heads it has.
    pub heads: u64,
    /// A digest of the heads: equal on replicas that agree.
    pub digest: String,
    /// Entries that were offered and are not in the log yet.
    pub pending: u64,
}

impl Database {
    /// Its name, or its address while the name is not known.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.address)
    }
}

/// A connected peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its peer id.
    pub id: String,
    /// Whether heads of every database of the cluster, the catalog too, have been exchanged with it, and nothing that
    /// was offered is missing.
    pub in_step: bool,
}

#[derive(Deserialize)]
struct StatusDocument {
    version: String,
    peer_id: String,
    ready: bool,
    cluster: ClusterDocument,
    databases: Vec<Database>,
}

#[derive(Deserialize)]
struct ClusterDocument {
    catalog: String,
}

#[derive(Deserialize)]
struct PeerDocument {
    peer_id: Option<String>,
    state: String,
    #[serde(default)]
    databases: BTreeSet<String>,
}

pub(super) fn read(api: &NodeApi) -> Option<NodeReport> {
    let status: StatusDocument = api.get("/v1/status").ok()?;
    let peers: Vec<PeerDocument> = api.get("/v1/peers").ok()?;
    Some(report(status, peers))
}

fn report(status: StatusDocument, peers: Vec<PeerDocument>) -> NodeReport {
    let settled = status.databases.iter().all(|database| database.pending == 0);
    let open =
        status.databases.iter().filter(|database| database.state == "open").map(|database| &database.address);
    let shared: BTreeSet<String> = open.chain([&status.cluster.catalog]).cloned().collect();
    NodeReport {
        ready: status.ready,
        heads_digest: heads_digest(&status.databases),
        peers: peers
            .into_iter()
            .filter(|peer| peer.state == "connected")
            .filter_map(|peer| {
                Some(Peer { in_step: settled && shared.is_subset(&peer.databases), id: peer.peer_id? })
            })
            .collect(),
        version: status.version,
        peer_id: status.peer_id,
        databases: status.databases,
    }
}

/// One digest over all databases, whatever the order they are listed in.
fn heads_digest(databases: &[Database]) -> String {
    let mut parts: Vec<String> =
        databases.iter().map(|database| format!("{} {}", database.address, database.digest)).collect();
    parts.sort();
    crate::digest(&parts.iter().map(String::as_bytes).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(pending: u64, databases: &[&str]) -> NodeReport {
        let status = json!({
            "version": "0.1.0", "peer_id": "12D3a", "ready": true,
            "cluster": { "id": "02", "catalog": "/orbitdb/c" },
            "databases": [
                { "address": "/orbitdb/a", "name": "a", "state": "open", "digest": "1", "pending": pending },
                { "address": "/orbitdb/b", "name": null, "state": "opening" },
            ],
        });
        let peers = json!([
            { "peer_id": null, "state": "failed", "databases": [] },
            { "peer_id": "12D3b", "state": "connected", "databases": databases },
        ]);
        report(serde_json::from_value(status).unwrap(), serde_json::from_value(peers).unwrap())
    }

    #[test]
    fn a_peer_is_in_step_when_all_was_exchanged_and_nothing_is_missing() {
        assert!(of(0, &["/orbitdb/a", "/orbitdb/c", "/orbitdb/more"]).peers[0].in_step);
        assert!(!of(3, &["/orbitdb/a", "/orbitdb/c"]).peers[0].in_step);
        assert!(!of(0, &["/orbitdb/a"]).peers[0].in_step, "the catalog counts too");
    }

    #[test]
    fn the_digest_tells_contents_not_order() {
        let a = Database { address: "a".into(), digest: "1".into(), ..Database::default() };
        let b = Database { address: "b".into(), ..a.clone() };
        assert_eq!(heads_digest(&[a.clone(), b.clone()]), heads_digest(&[b, a.clone()]));
        assert_ne!(heads_digest(&[Database { digest: "2".into(), ..a.clone() }]), heads_digest(&[a]));
    }
}
