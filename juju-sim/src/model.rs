//! The model as the controller holds it: applications, units, relations, secrets, storage.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::agent::Local;
use crate::charm::Charm;

/// A map of strings: a databag, a unit's state, a secret's content.
pub type Strings = BTreeMap<String, String>;

/// The whole model.
#[derive(Debug, Default)]
pub struct Model {
    /// Applications by name.
    pub applications: BTreeMap<String, Application>,
    /// Units by name, of all applications.
    pub units: BTreeMap<String, Unit>,
    /// Relations by number.
    pub relations: BTreeMap<u32, Relation>,
    /// Secrets by id.
    pub secrets: BTreeMap<String, Secret>,
    /// Storage instances by id, such as `data/0`.
    pub storage: BTreeMap<String, Storage>,
    /// The pool that new storage comes from: `juju deploy --storage`.
    pub pool: Pool,
    /// The next storage's number, by its name.
    pub next_storage: BTreeMap<String, u32>,
    /// Whether `relation-ids` names relations before their `created` hook. Agents have done both.
    pub early_relations: bool,
    /// The next relation's number.
    pub next_relation: u32,
    /// The next secret's, storage's, context's number.
    pub next_id: u64,
}

/// An application.
#[derive(Debug)]
pub struct Application {
    /// Its charm. None for a puppet: an application whose databags the test writes itself.
    pub charm: Option<Charm>,
    /// Counts up with each refresh.
    pub revision: u32,
    /// Options set by the operator.
    pub config: BTreeMap<String, Value>,
    /// The leader's name.
    pub leader: Option<String>,
    /// The next unit's number.
    pub next_unit: u32,
    /// Its workload's version.
    pub version: String,
    /// Its own status, where the leader set one.
    pub status: Option<(String, String)>,
}

impl Application {
    /// The value of an option: what is set, else the default, else null.
    #[must_use]
    pub fn option(&self, name: &str) -> Value {
        let default =
            self.charm.as_ref().and_then(|charm| charm.options.get(name)).map(|spec| spec.default.clone());
        self.config.get(name).cloned().or(default).unwrap_or(Value::Null)
    }
}

/// A unit.
#[derive(Debug)]
pub struct Unit {
    /// Its application.
    pub application: String,
    /// The machine's root directory.
    pub root: PathBuf,
    /// Its address.
    pub address: String,
    /// Whether it is being removed.
    pub dying: bool,
    /// Whether its machine is gone without a word: no hook runs, and what it has written stays.
    pub lost: bool,
    /// Status and message, as set.
    pub status: (String, String),
    /// Opened ports: protocol, from, to.
    pub ports: BTreeSet<(String, u16, u16)>,
    /// Its own store.
    pub state: Strings,
    /// What its agent remembers.
    pub local: Local,
}

/// One bag.
#[derive(Debug, Clone, Default)]
pub struct Bag {
    /// Its data.
    pub data: Strings,
    /// Counts up with each real change.
    pub version: u64,
}

/// A relation.
#[derive(Debug)]
pub struct Relation {
    /// Application and endpoint on each side; one entry for peers.
    pub ends: Vec<(String, String)>,
    /// Bags by unit or application name.
    pub bags: BTreeMap<String, Bag>,
    /// Units that take part.
    pub scope: BTreeSet<String>,
    /// Whether it is being removed.
    pub dying: bool,
}

impl Relation {
    /// Whether it is between the units of one application.
    #[must_use]
    pub fn is_peer(&self) -> bool {
        self.ends.len() == 1
    }

    /// The endpoint of an application in it.
    #[must_use]
    pub fn endpoint(&self, application: &str) -> Option<&str> {
        self.ends.iter().find(|(name, _)| name == application).map(|(_, endpoint)| endpoint.as_str())
    }

    /// The application on the other side; the same one for peers.
    #[must_use]
    pub fn remote<'a>(&'a self, application: &'a str) -> &'a str {
        self.ends
            .iter()
            .map(|(name, _)| name.as_str())
            .find(|name| *name != application)
            .unwrap_or(application)
    }

    /// The units on the other side, or the peers, that take part.
    #[must_use]
    pub fn members(&self, unit: &str) -> Vec<String> {
        let own = application_of(unit);
        let other = |name: &&String| {
            if self.is_peer() { *name != unit } else { application_of(name) != own }
        };
        self.scope.iter().filter(other).cloned().collect()
    }

    /// Writes into a bag: empty values remove. Only real differences count.
    pub fn write(&mut self, owner: &str, changes: &Strings) {
        let bag = self.bags.entry(owner.to_owned()).or_default();
        let before = bag.data.clone();
        for (key, value) in changes {
            if value.is_empty() {
                bag.data.remove(key);
            } else {
                bag.data.insert(key.clone(), value.clone());
            }
        }
        if bag.data != before {
            bag.version += 1;
        }
    }
}

/// A secret.
#[derive(Debug, Clone)]
pub struct Secret {
    /// The owner: a unit's or an application's name.
    pub owner: String,
    /// The owner's label.
    pub label: String,
    /// Its description.
    pub description: String,
    /// Content by revision, from 1.
    pub revisions: BTreeMap<u64, Strings>,
    /// The revision that each consumer follows.
    pub followed: BTreeMap<String, u64>,
    /// Applications that it is granted to.
    pub granted: BTreeSet<String>,
}

/// Where storage comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pool {
    /// A directory of the machine's own disk, mounted at its place by the agent: the default of most clouds. It cannot
    /// be detached and goes with its machine.
    #[default]
    Rootfs,
    /// A volume of the cloud, which can be detached and outlives its machine.
    Volume,
}

/// A storage instance.
#[derive(Debug, Clone)]
pub struct Storage {
    /// Its name in the charm.
    pub name: String,
    /// Its pool.
    pub pool: Pool,
    /// Where its files really are.
    pub files: PathBuf,
    /// The unit it is attached to.
    pub unit: Option<String>,
    /// Where it is mounted there.
    pub location: PathBuf,
    /// Whether it is being detached.
    pub detaching: bool,
}

/// What stands before the slash of a unit's name.
#[must_use]
pub fn application_of(unit: &str) -> &str {
    unit.split_once('/').map_or(unit, |(application, _)| application)
}

impl Model {
    /// A number that was not used before.
    pub fn fresh(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Whether this unit leads its application.
    #[must_use]
    pub fn leads(&self, unit: &str) -> bool {
        self.applications.get(application_of(unit)).is_some_and(|app| app.leader.as_deref() == Some(unit))
    }

    /// The names of an application's units, in order of their numbers.
    #[must_use]
    pub fn units_of(&self, application: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .units
            .iter()
            .filter(|(_, unit)| unit.application == application)
            .map(|(name, _)| name.clone())
            .collect();
        names.sort_by_key(|name| number_of(name));
        names
    }

    /// The relations of an application that are not gone.
    #[must_use]
    pub fn relations_of(&self, application: &str) -> Vec<u32> {
        self.relations
            .iter()
            .filter(|(_, relation)| relation.endpoint(application).is_some())
            .map(|(id, _)| *id)
            .collect()
    }
}

/// A unit's number.
#[must_use]
pub fn number_of(unit: &str) -> u32 {
    unit.rsplit_once('/').and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
}
