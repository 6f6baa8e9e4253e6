//! One run of a charm: what it has written and the controller has not got yet (`juju.md` section 4).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::agent::{ActionRun, Hook, Run};
use crate::model::{Model, Secret, Strings, application_of};

/// Whose bag a write is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BagKey {
    /// The relation.
    pub relation: u32,
    /// The unit or application.
    pub owner: String,
}

/// What an action has said so far.
#[derive(Debug, Default)]
pub struct ActionState {
    /// Results.
    pub results: Map<String, Value>,
    /// The reason of failure.
    pub failed: Option<String>,
    /// Progress lines.
    pub log: Vec<String>,
}

/// A run and its pending writes.
#[derive(Debug)]
pub struct Context {
    /// Its id, which tools must name.
    pub id: String,
    /// The unit.
    pub unit: String,
    /// What runs.
    pub run: Run,
    /// Pending writes to bags.
    pub bags: BTreeMap<BagKey, Strings>,
    /// The unit's ports as they will be.
    pub ports: Option<std::collections::BTreeSet<(String, u16, u16)>>,
    /// The unit's store as it will be.
    pub state: Option<Strings>,
    /// New and changed secrets.
    pub secrets: BTreeMap<String, Secret>,
    /// Removed secrets and revisions.
    pub removed_secrets: Vec<(String, Option<u64>)>,
    /// What an action has said.
    pub action: ActionState,
    /// A reboot was asked for.
    pub reboot: bool,
    /// How many tools were called.
    pub calls: usize,
    /// The most memory the process has held resident, in KiB.
    pub peak_kib: u64,
}

impl Context {
    /// A run that has done nothing yet.
    #[must_use]
    pub fn new(id: String, unit: String, run: Run) -> Self {
        Self {
            id,
            unit,
            run,
            bags: BTreeMap::new(),
            ports: None,
            state: None,
            secrets: BTreeMap::new(),
            removed_secrets: Vec::new(),
            action: ActionState::default(),
            reboot: false,
            calls: 0,
            peak_kib: 0,
        }
    }

    /// The hook, if one runs.
    #[must_use]
    pub fn hook(&self) -> Option<&Hook> {
        match &self.run {
            Run::Hook(hook) => Some(hook),
            Run::Action(_) => None,
        }
    }

    /// The action, if one runs.
    #[must_use]
    pub fn action_run(&self) -> Option<&ActionRun> {
        match &self.run {
            Run::Action(action) => Some(action),
            Run::Hook(_) => None,
        }
    }

    /// A bag as the charm sees it: with its own pending writes.
    #[must_use]
    pub fn bag(&self, model: &Model, relation: u32, owner: &str) -> Strings {
        let mut data = model
            .relations
            .get(&relation)
            .and_then(|relation| relation.bags.get(owner))
            .map(|bag| bag.data.clone())
            .unwrap_or_default();
        let key = BagKey { relation, owner: owner.to_owned() };
        for (key, value) in self.bags.get(&key).into_iter().flatten() {
            if value.is_empty() {
                data.remove(key);
            } else {
                data.insert(key.clone(), value.clone());
            }
        }
        data
    }

    /// A secret as the charm sees it, by id.
    #[must_use]
    pub fn secret<'a>(&'a self, model: &'a Model, id: &str) -> Option<&'a Secret> {
        self.secrets.get(id).or_else(|| model.secrets.get(id))
    }

    /// All secrets as the charm sees them.
    #[must_use]
    pub fn all_secrets(&self, model: &Model) -> BTreeMap<String, Secret> {
        let mut all = model.secrets.clone();
        all.extend(self.secrets.clone());
        all
    }

    /// Sends everything to the controller in one call.
    ///
    /// # Errors
    /// What the controller refuses; then nothing of it holds and the hook has failed.
    pub fn flush(self, model: &mut Model) -> Result<(), String> {
        let application = application_of(&self.unit).to_owned();
        let for_application = self.bags.keys().any(|key| key.owner == application)
            || self.secrets.values().any(|secret| secret.owner == application);
        if for_application && !model.leads(&self.unit) {
            return Err(format!("cannot apply changes: {} is not leader of {application}", self.unit));
        }
        for (key, changes) in &self.bags {
            if let Some(relation) = model.relations.get_mut(&key.relation) {
                relation.write(&key.owner, changes);
            }
        }
        model.secrets.extend(self.secrets);
        for (id, revision) in self.removed_secrets {
            match revision {
                None => drop(model.secrets.remove(&id)),
                Some(revision) => {
                    if let Some(secret) = model.secrets.get_mut(&id) {
                        secret.revisions.remove(&revision);
                    }
                }
            }
        }
        if let Some(unit) = model.units.get_mut(&self.unit) {
            if let Some(ports) = self.ports {
                unit.ports = ports;
            }
            if let Some(state) = self.state {
                unit.state = state;
            }
        }
        Ok(())
    }
}
