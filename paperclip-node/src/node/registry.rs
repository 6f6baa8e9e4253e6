//! The databases of a node, as everybody sees them.

use super::{
    catalog::{self, Pin},
    failure::{Failure, OpenFailure},
};
use crate::database::Database;
use oplog::Address;
use std::{collections::BTreeMap, sync::Arc};

/// How a database stands.
#[derive(Clone)]
pub enum State {
    /// Its manifest or access list is being fetched.
    Opening,
    /// It is served.
    Open(Database),
    /// It cannot be served.
    Failed(Arc<OpenFailure>),
}

/// How a database stands, for those who are told of it.
#[derive(Debug, Clone)]
pub enum Standing {
    /// Its manifest or access list is being fetched.
    Opening,
    /// It is served.
    Open,
    /// It cannot be served, or takes no more entries.
    Failed(Failure),
}

/// What a database is to this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The catalog itself.
    Catalog,
    /// Pinned by the catalog.
    Pinned(Pin),
    /// The access controller of a pinned database.
    Guard,
}

/// A database of this node.
#[derive(Clone)]
pub struct Registered {
    /// What it is to this node.
    pub role: Role,
    /// How it stands.
    pub state: State,
}

impl Registered {
    /// The database, if it is open.
    pub fn open(&self) -> Option<&Database> {
        match &self.state {
            State::Open(database) => Some(database),
            State::Opening | State::Failed(_) => None,
        }
    }

    /// How it stands now: an open database whose task has ended has failed.
    pub fn standing(&self) -> Standing {
        match &self.state {
            State::Opening => Standing::Opening,
            State::Open(database) => {
                database.ended().map_or(Standing::Open, |fault| Standing::Failed(fault.into()))
            }
            State::Failed(failure) => Standing::Failed(Failure::Open(Arc::clone(failure))),
        }
    }

    /// Tells an open database what its pin says, which may have changed while it was being opened.
    pub(super) fn apply_settings(&self) {
        if let (State::Open(database), Role::Pinned(pin)) = (&self.state, &self.role) {
            database.set(pin.settings.clone());
        }
    }

    /// The name, as far as it is known.
    pub fn name(&self) -> Option<&str> {
        match (&self.state, &self.role) {
            (State::Open(database), _) => Some(&database.manifest().name),
            (_, Role::Pinned(pin)) => pin.name.as_deref(),
            (_, Role::Catalog) => Some(catalog::NAME),
            (_, Role::Guard) => None,
        }
    }
}

/// Databases by address.
pub type Registry = BTreeMap<Address, Registered>;
