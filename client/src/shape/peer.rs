//! Peers of a node.

use super::words::worded;
use serde::{Deserialize, Serialize};

/// How a peer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerState {
    /// It is connected.
    Connected,
    /// It is being dialled.
    Dialling,
    /// It could not be reached, and is dialled again.
    Failed,
}

worded!(PeerState { Connected = "connected", Dialling = "dialling", Failed = "failed" });

/// A connected peer, or a configured one that is not connected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    /// Its id; null for a configured address that names no id and was never reached.
    pub peer_id: Option<String>,
    /// The other end of the oldest connection, or the configured address.
    pub address: String,
    /// How it stands.
    pub state: PeerState,
    /// The configured address, if it is a configured peer.
    pub configured: Option<String>,
    /// What is known of it while it is connected.
    #[serde(flatten)]
    pub connection: Option<Connection>,
    /// What is known of it while it is not.
    #[serde(flatten)]
    pub absence: Option<Absence>,
}

/// What is known of a connected peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Whether the node dialled.
    pub outbound: bool,
    /// Since the oldest connection was made.
    pub connected_seconds: f64,
    /// What it calls itself.
    pub agent: Option<String>,
    /// What it speaks.
    pub protocols: Vec<String>,
    /// Databases that both serve.
    pub databases: Vec<String>,
}

/// What is known of a configured peer that is not connected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Absence {
    /// Since it was lost, or since the start.
    pub unconnected_seconds: f64,
    /// Why the last dial failed.
    pub last_error: Option<String>,
    /// Until it is dialled again; null while it is being dialled.
    pub next_try_seconds: Option<f64>,
}

/// Whom to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// A multiaddr, with or without `/p2p/<id>`.
    pub addr: String,
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// Its id.
    pub peer_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_peer_is_read_as_it_is_shown_connected_or_not() {
        let connected = json!({
            "peer_id": "12D3", "address": "/ip4/1.2.3.4/tcp/1", "state": "connected", "configured": null,
            "outbound": true, "connected_seconds": 1.5, "agent": null, "protocols": [], "databases": ["/orbitdb/a"],
        });
        let failed = json!({
            "peer_id": null, "address": "/ip4/1.2.3.4/tcp/1", "state": "failed", "configured": "/ip4/1.2.3.4/tcp/1",
            "unconnected_seconds": 2.0, "last_error": "refused", "next_try_seconds": null,
        });
        for shown in [connected, failed] {
            let peer: Peer = serde_json::from_value(shown.clone()).unwrap();
            assert_eq!(peer.connection.is_some(), peer.state == PeerState::Connected);
            assert_eq!(peer.absence.is_none(), peer.state == PeerState::Connected);
            assert_eq!(serde_json::to_value(peer).unwrap(), shown);
        }
    }
}
