//! The node's own identity: its signing key, which never leaves its data directory.

use std::path::Path;

use paperclip_client::certificate::Request;
use serde::Deserialize;

use crate::names::USER;

use super::{Machine, MachineError, run};

/// What `paperclip-node identity show --json` prints of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NodeIdentity {
    /// What is to be certified by the cluster's root key.
    pub request: Request,
}

impl Machine {
    /// The identity of the node with its data here, as a member of this cluster; its keys are made if it has none.
    /// The node must not be running.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn node_identity(&self, data_dir: &Path, cluster_id: &str) -> Result<NodeIdentity, MachineError> {
        let binary = self.binary_path().display().to_string();
        let data_dir = data_dir.display().to_string();
        let arguments = ["-u", USER, "--", &binary, "identity", "show", "--data-dir", &data_dir];
        let printed = run("runuser", arguments.into_iter().chain(["--cluster-id", cluster_id, "--json"]))?;
        serde_json::from_str(&printed).map_err(|error| MachineError::Understood {
            what: "paperclip-node identity show --json".into(),
            text: error.to_string(),
        })
    }
}
