//! Unit of an action: what it knows, what it answers, why it fails.

use std::time::Duration;

use juju_hooks::{Invoke, Juju, ToolError, UnitName};
use paperclip_client::ClientError;

use crate::facts::Facts;
use crate::machine::{Machine, MachineError};
use crate::node::NodeApi;
use crate::observe;

/// Results, by their keys.
pub(super) type Results = Vec<(&'static str, String)>;

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ActionError {
    /// No such action in this revision of the charm.
    #[error("the charm has no action {0}")]
    Unknown(String),
    /// A parameter cannot be used.
    #[error("{name}: {problem}")]
    Parameter { name: &'static str, problem: String },
    /// The parameters as a whole cannot be used.
    #[error("parameters: {0}")]
    Parameters(String),
    /// The node on this machine is another unit's.
    #[error(
        "{0} is on this machine and its node is not this unit's; run the action on {0}, remove this unit"
    )]
    Misplaced(UnitName),
    /// The node does not run here.
    #[error("paperclip-node does not answer on this unit; see juju status and journalctl -u paperclip-node")]
    NotRunning,
    /// The node refused or was too slow.
    #[error(transparent)]
    Node(#[from] ClientError),
    /// Something about the unit does not allow it.
    #[error("{0}")]
    Refused(String),
    /// The machine failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A hook tool failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
}

/// An action's view of the unit.
pub(super) struct Unit<'a, I> {
    pub(super) juju: &'a Juju<I>,
    pub(super) facts: Facts,
    pub(super) machine: &'a Machine,
}

impl<I: Invoke> Unit<'_, I> {
    /// The API of the node, if it runs.
    pub(super) fn node(&self) -> Result<NodeApi, ActionError> {
        observe::api(&self.facts).filter(|_| self.facts.node.is_some()).ok_or(ActionError::NotRunning)
    }
}

/// A document as one line of JSON.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    juju_hooks::databag::canonical(value).unwrap_or_else(|error| error.to_string())
}

/// A time limit from a parameter in seconds.
pub(super) fn seconds(timeout: u64) -> Duration {
    Duration::from_secs(timeout)
}
