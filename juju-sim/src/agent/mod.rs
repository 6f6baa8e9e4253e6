//! The unit agent: which hook comes next (`juju.md` section 3), and what it remembers of those that ran.

mod environment;
mod next;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Strings;

pub use environment::variables;
pub(crate) use next::addresses as bag_addresses;
pub use next::{commit, enter_scopes, next};

/// What the agent keeps on the machine's disk.
#[derive(Debug, Default)]
pub struct Local {
    /// `install` has run.
    pub installed: bool,
    /// `start` has run.
    pub started: bool,
    /// `start` comes next, whatever else there is.
    pub start_queued: bool,
    /// `stop` has run.
    pub stopped: bool,
    /// The machine was rebooted.
    pub rebooted: bool,
    /// `leader-elected` has run in this leadership.
    pub knows_leading: bool,
    /// The application's revision that `upgrade-charm` has seen.
    pub revision: u32,
    /// Options and addresses that `config-changed` has seen.
    pub config_seen: Option<String>,
    /// Storage that is attached as far as the charm knows.
    pub attached: BTreeSet<String>,
    /// Relations by number.
    pub relations: BTreeMap<u32, LocalRelation>,
    /// Revisions of secrets that `secret-changed` has told.
    pub secrets_told: BTreeMap<String, u64>,
    /// The hook that failed and is to be run again.
    pub failed: Option<Hook>,
}

/// What the agent knows of a relation.
#[derive(Debug, Default)]
pub struct LocalRelation {
    /// `created` has run.
    pub created: bool,
    /// The remote application bag's version that `changed` has seen.
    pub application_seen: u64,
    /// Units that have joined, with the version of their bags that `changed` has seen; none right after `joined`.
    pub members: BTreeMap<String, Option<u64>>,
    /// `broken` has run, or the unit has left for good.
    pub done: bool,
}

/// A hook to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hook {
    /// A hook of the unit's life, by its name.
    Lifecycle(&'static str),
    /// A hook of a relation.
    Relation {
        /// `created`, `joined`, `changed`, `departed`, `broken`.
        phase: &'static str,
        /// The relation.
        id: u32,
        /// The endpoint.
        endpoint: String,
        /// The application on the other side.
        application: String,
        /// The unit it is about.
        unit: Option<String>,
        /// The unit that goes.
        departing: Option<String>,
    },
    /// A hook of a storage instance.
    Storage {
        /// `attached` or `detaching`.
        phase: &'static str,
        /// The instance.
        id: String,
        /// Its location.
        location: String,
    },
    /// A hook of a secret.
    Secret {
        /// `changed` and so on.
        phase: &'static str,
        /// Its id.
        id: String,
        /// Its newest revision.
        revision: u64,
    },
    /// A hook with any name, to see that the charm lets it pass.
    Unknown(&'static str),
}

impl Hook {
    /// The hook's name.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Lifecycle(name) | Self::Unknown(name) => (*name).to_owned(),
            Self::Relation { phase, endpoint, .. } => format!("{endpoint}-relation-{phase}"),
            Self::Storage { phase, id, .. } => {
                format!("{}-storage-{phase}", id.split('/').next().unwrap_or_default())
            }
            Self::Secret { phase, .. } => format!("secret-{phase}"),
        }
    }
}

/// An action to be run.
#[derive(Debug, Clone)]
pub struct ActionRun {
    /// Its name.
    pub name: String,
    /// Its number.
    pub id: u64,
    /// Its parameters, defaults filled in.
    pub parameters: serde_json::Value,
}

/// What is to be run.
#[derive(Debug, Clone)]
pub enum Run {
    /// A hook.
    Hook(Hook),
    /// An action.
    Action(ActionRun),
}

/// Everything the environment of a run is made of.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The unit.
    pub unit: &'a str,
    /// The charm's directory.
    pub charm_dir: &'a std::path::Path,
    /// The tools' directory, first in `PATH`.
    pub tools_dir: &'a std::path::Path,
    /// The machine's own programs, next in `PATH`.
    pub programs_dir: &'a std::path::Path,
    /// The agent's socket.
    pub socket: &'a std::path::Path,
    /// The context's id.
    pub context: &'a str,
    /// The machine's number.
    pub machine: u32,
}

/// A variable's value, or that it is absent.
pub type Variables = Strings;
