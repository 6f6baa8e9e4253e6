//! The node's own identity: its signing key, which never leaves its data directory.

use std::path::Path;

use serde::Deserialize;

use crate::cluster::bags::Request;
use crate::names::USER;

use super::{Machine, MachineError, run};

/// What `paperclip-node identity show --json` prints of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeIdentity {
    /// What is to be certified by the cluster's root key.
    pub request: Request,
}

#[derive(Deserialize)]
struct Printed {
    request: PrintedRequest,
}

#[derive(Deserialize)]
struct PrintedRequest {
    id: String,
    public_key: String,
    signature_id: String,
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
        let printed: Printed = serde_json::from_str(&printed).map_err(|error| MachineError::Understood {
            what: "paperclip-node identity show --json".into(),
            text: error.to_string(),
        })?;
        let PrintedRequest { id, public_key, signature_id } = printed.request;
        Ok(NodeIdentity { request: Request { id, public_key, signature_id } })
    }
}
