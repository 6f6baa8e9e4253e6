//! What the charm needs to know of the running node, from its status documents.

use std::collections::BTreeSet;

use paperclip_client::shape::{self, Database, State, Status};

/// What the charm needs to know of the running node.
#[derive(Debug, Clone, Default, PartialEq)]
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

/// A connected peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its peer id.
    pub id: String,
    /// Whether heads of every database of the cluster, the catalog too, have been exchanged with it, and nothing that
    /// was offered is missing.
    pub in_step: bool,
}

impl NodeReport {
    /// What the documents of a node say.
    pub(super) fn of(status: Status, peers: Vec<shape::Peer>) -> Self {
        let settled = status.databases.iter().filter_map(|database| database.open.as_ref());
        let settled = settled.map(|open| open.pending).all(|pending| pending == 0);
        let open = status.databases.iter().filter(|database| database.state == State::Open);
        let catalog = std::iter::once(&status.cluster.catalog);
        let shared: BTreeSet<&String> = open.map(|database| &database.address).chain(catalog).collect();
        let connected = peers.into_iter().filter_map(|peer| {
            let serves: BTreeSet<&String> = peer.connection.as_ref()?.databases.iter().collect();
            Some(Peer { in_step: settled && shared.is_subset(&serves), id: peer.peer_id? })
        });
        Self {
            ready: status.ready,
            heads_digest: heads_digest(&status.databases),
            peers: connected.collect(),
            version: status.version,
            peer_id: status.peer_id,
            databases: status.databases,
        }
    }
}

/// One digest over all databases, whatever the order they are listed in.
fn heads_digest(databases: &[Database]) -> String {
    let digest =
        |database: &Database| database.open.as_ref().map(|open| open.digest.clone()).unwrap_or_default();
    let mut parts: Vec<String> =
        databases.iter().map(|database| format!("{} {}", database.address, digest(database))).collect();
    parts.sort();
    crate::digest(&parts.iter().map(String::as_bytes).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn database(address: &str, digest: &str, pending: u64) -> Value {
        json!({
            "address": address, "name": null, "role": "pinned", "state": "open", "type": "events",
            "reading": "events", "reading_chosen": false, "javascript": true,
            "access": { "type": "ipfs", "address": "/ipfs/z", "write": [] }, "entries": 1, "heads": 1,
            "digest": digest, "pending": pending, "unreachable": 0, "damaged": 0, "refused": 0,
            "refused_by_reason": {}, "unreadable": 0, "problems": [], "peers": [], "seconds_since_exchange": null,
        })
    }

    fn of(pending: u64, databases: &[&str]) -> NodeReport {
        let status = json!({
            "version": "0.1.0", "peer_id": "12D3a", "addrs": [], "ready": true, "problems": [], "peers": 1,
            "identity": {
                "id": "02", "public_key": "03", "hash": null, "certified": false,
                "request": { "id": "02", "public_key": "03", "signature_id": "30" },
            },
            "cluster": { "id": "02", "catalog": "/orbitdb/c" }, "uptime_seconds": 1.0, "store_bytes": 1,
            "damaged_blocks": 0, "journal_damage": { "parts": 0, "bytes": 0, "files": 0 },
            "databases": [
                database("/orbitdb/a", "1", pending),
                { "address": "/orbitdb/b", "name": null, "role": "pinned", "state": "opening" },
            ],
        });
        let address = "/ip4/1.2.3.4/tcp/1";
        let peers = json!([
            {
                "peer_id": null, "address": address, "state": "failed", "configured": address,
                "unconnected_seconds": 1.0, "last_error": null, "next_try_seconds": 1.0,
            },
            {
                "peer_id": "12D3b", "address": address, "state": "connected", "configured": null, "outbound": true,
                "connected_seconds": 1.0, "agent": null, "protocols": [], "databases": databases,
            },
        ]);
        NodeReport::of(serde_json::from_value(status).unwrap(), serde_json::from_value(peers).unwrap())
    }

    #[test]
    fn a_peer_is_in_step_when_all_was_exchanged_and_nothing_is_missing() {
        assert!(of(0, &["/orbitdb/a", "/orbitdb/c", "/orbitdb/more"]).peers[0].in_step);
        assert!(!of(3, &["/orbitdb/a", "/orbitdb/c"]).peers[0].in_step);
        assert!(!of(0, &["/orbitdb/a"]).peers[0].in_step, "the catalog counts too");
    }

    #[test]
    fn the_digest_tells_contents_not_order() {
        let read =
            |address, digest| serde_json::from_value::<Database>(database(address, digest, 0)).unwrap();
        let (a, b) = (read("a", "1"), read("b", "1"));
        assert_eq!(heads_digest(&[a.clone(), b.clone()]), heads_digest(&[b, a.clone()]));
        assert_ne!(heads_digest(&[read("a", "2")]), heads_digest(&[a]));
    }
}
