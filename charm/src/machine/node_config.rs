//! The node's configuration file.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a running node takes over from its configuration file without a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Monitoring {
    /// Where it answers monitoring.
    pub metrics_listen: BTreeSet<SocketAddr>,
    /// How many nodes the cluster is meant to have.
    pub planned_nodes: usize,
}

/// What `paperclip-node run --config` reads; its keys are the node's flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NodeConfig {
    /// Where the node keeps its data.
    pub data_dir: PathBuf,
    /// Multiaddrs it listens on.
    pub listen: Vec<String>,
    /// Multiaddrs it listens on for browsers.
    pub websocket_listen: Vec<String>,
    /// Multiaddrs it dials and keeps dialling.
    pub peers: Vec<String>,
    /// Where its API listens.
    pub api: String,
    /// The API's bearer token, when the API listens beyond the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_token_file: Option<PathBuf>,
    /// Whether metrics and health checks need no token.
    pub metrics_open: bool,
    /// What needs no restart.
    #[serde(flatten)]
    pub monitoring: Monitoring,
    /// How much it logs.
    pub log_level: String,
    /// How its log lines look.
    pub log_format: String,
    /// When a write counts as done.
    pub durability: String,
    /// Its cache, in bytes.
    pub cache_bytes: u64,
    /// The largest entry it takes, in bytes.
    pub max_entry_bytes: u64,
    /// The cluster's id.
    pub cluster_id: String,
    /// The certificate from the cluster's root key.
    pub certificate: PathBuf,
}

impl NodeConfig {
    /// The file's text.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn render(&self) -> Result<String, serde_yaml::Error> {
        let body = serde_yaml::to_string(self)?;
        Ok(format!(
            "# Written by the paperclip charm; changes are overwritten. Set them with: juju config\n{body}"
        ))
    }

    /// What the node must be restarted for. A running node is told of peers and of what concerns monitoring.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn restart_key(&self) -> Result<String, serde_yaml::Error> {
        Self { peers: Vec::new(), monitoring: Monitoring::default(), ..self.clone() }.render()
    }
}
