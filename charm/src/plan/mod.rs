//! What to do about the facts: a pure function.
//!
//! It is asked again after each round of steps, until it has no more. So a step need only know what is true now: the
//! leader makes the cluster in one round, certifies the units in the next, starts its own node in the third, all
//! within one hook.

mod leader;
mod member;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use juju_hooks::databag::{Bag, BagError};
use juju_hooks::{Port, RelationId, UnitName};
use paperclip_client::certificate::Request;

use crate::facts::{Facts, Hint};
use crate::machine::{Machine, Memory};
use crate::relations;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Take this machine for this unit's node.
    Claim,
    /// Make the service's user.
    AddUser,
    /// Copy the node out of the charm.
    InstallBinary,
    /// Make the root key, its secret, and the cluster's id. Leader.
    MakeCluster,
    /// Make the API token and its secret. Leader.
    MakeToken,
    /// Certify these units' keys with the root key. Leader.
    Certify(Vec<(UnitName, Request)>),
    /// Make the data directory and ask the node for its identity.
    ReadIdentity {
        /// Where the node's data is.
        data_dir: PathBuf,
        /// The cluster it shall belong to.
        cluster_id: String,
    },
    /// Give the node its certificate.
    WriteCertificate(String),
    /// Fetch the API token from its secret.
    FetchToken {
        /// The secret's URI.
        secret: String,
    },
    /// Remove the token file.
    RemoveToken,
    /// Write the node's configuration.
    WriteNodeConfig(String),
    /// Write the systemd unit.
    WriteUnitFile(String),
    /// Start the node. Carries the digest of what it starts with.
    Start(String),
    /// Restart the node, installing the charm's binary between. Carries the digest of what it starts with.
    Restart(String),
    /// Stop the node.
    Stop,
    /// Remove the service; the data stays.
    RemoveService,
    /// Tell the running node of a peer.
    Dial(String),
    /// Open a port.
    OpenPort(Port),
    /// Close a port.
    ClosePort(Port),
    /// Change this unit's bag of a relation.
    SetUnitBag(RelationId, Bag),
    /// Change this application's bag of a relation. Leader.
    SetApplicationBag(RelationId, Bag),
    /// Remember.
    Remember(Box<Memory>),
}

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Relation data could not be written.
    #[error(transparent)]
    Bag(#[from] BagError),
    /// The node's configuration could not be written.
    #[error("node configuration: {0}")]
    Config(#[from] serde_yaml::Error),
    /// A JSON document could not be written.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The steps that the facts call for, in the order they are to be taken. None: all is as it should be.
///
/// # Errors
/// [`PlanError`] when data could not be written as text, which no input should bring about.
pub fn plan(facts: &Facts, machine: &Machine) -> Result<Vec<Step>, PlanError> {
    let mut steps = Vec::new();
    let memory = remembered(facts);
    if memory != facts.memory {
        steps.push(Step::Remember(Box::new(memory)));
        return Ok(steps);
    }
    if facts.neighbour().is_some() {
        // Whatever is on this machine is the other unit's.
        return Ok(steps);
    }
    if facts.hint == Hint::Removing {
        // Everything that this takes away is checked, so that a repeated `remove` finds nothing to do.
        if facts.unit_file.is_some() || facts.node_config.is_some() {
            steps.push(Step::RemoveService);
        }
        return Ok(steps);
    }
    if facts.claimant.is_none() {
        steps.push(Step::Claim);
    }
    if !facts.user {
        steps.push(Step::AddUser);
    }
    if facts.installed.is_none() {
        steps.push(Step::InstallBinary);
    }
    if !steps.is_empty() {
        return Ok(steps);
    }
    leader::plan(facts, &mut steps)?;
    member::plan(facts, machine, &mut steps)?;
    relations::plan(facts, &mut steps)?;
    Ok(steps)
}

/// What the unit should remember, as far as that needs no step to succeed first.
fn remembered(facts: &Facts) -> Memory {
    let mut memory = facts.memory.clone();
    match facts.hint {
        Hint::Arriving => memory.leaving = facts.storage.is_none() && memory.leaving,
        Hint::Leaving | Hint::Removing => memory.leaving = true,
        Hint::None | Hint::Departed(_) | Hint::Clock | Hint::SecretChanged => {}
    }
    if let Ok(settings) = &facts.options {
        memory.settings = Some(settings.clone());
    }
    if facts.hint == Hint::Clock
        && let Some(node) = &facts.node
    {
        memory.heads_digest = Some(node.heads_digest.clone());
    }
    memory
}

/// The unit that sits on its turn to restart, as the leader sees it.
#[must_use]
pub fn stuck(facts: &Facts) -> Option<UnitName> {
    leader::turn(facts)?.stuck
}
