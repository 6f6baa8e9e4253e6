//! Errors of a hook: why Juju is to run it again.

use juju_hooks::databag::BagError;
use juju_hooks::{EnvironmentError, ToolError};
use oplog::identity::IdentityError;

use crate::cluster::root_key::RootKeyError;
use crate::machine::MachineError;
use crate::plan::PlanError;

/// Why a hook failed. Juju runs it again.
#[derive(Debug, thiserror::Error)]
pub enum CharmError {
    /// This is no hook.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A hook tool failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The machine failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// Relation data is not what it should be.
    #[error(transparent)]
    Bag(#[from] BagError),
    /// No plan could be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// There is no root key.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
    /// A certificate could not be made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}
