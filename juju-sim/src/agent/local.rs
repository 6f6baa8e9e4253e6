//! State of a unit's agent on the machine's disk: which hooks have run, and what the charm has been told.

use std::collections::{BTreeMap, BTreeSet};

use super::hook::Hook;

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
    /// Bags of remote units as they were last read. A bag is read anew only after a hook about its unit, as the agent's
    /// cache has it (`internal/worker/uniter/runner/context/cache.go`).
    pub settings: BTreeMap<String, BTreeMap<String, String>>,
    /// `broken` has run, or the unit has left for good.
    pub done: bool,
}
