//! What an operator, or the cloud, does to the model.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::agent::Local;
use crate::charm::{Charm, Role};
use crate::error::SimError;
use crate::model::{Application, Relation, Strings, Unit, application_of};
use crate::sim::Sim;

impl Sim {
    /// `juju deploy`: an application with so many units and these options.
    ///
    /// # Errors
    /// The charm cannot be read, or an option is refused.
    pub fn deploy(
        &mut self,
        name: &str,
        charm: &Path,
        units: u32,
        options: &[(&str, Value)],
    ) -> Result<Vec<String>, SimError> {
        let charm = Charm::read(charm)?;
        let peers: Vec<String> = charm
            .endpoints
            .iter()
            .filter(|(_, end)| end.role == Role::Peer)
            .map(|(name, _)| name.clone())
            .collect();
        self.model.applications.insert(name.to_owned(), application(Some(charm)));
        for (option, value) in options {
            self.configure(name, option, value.clone())?;
        }
        for endpoint in peers {
            self.add_relation(vec![(name.to_owned(), endpoint)]);
        }
        (0..units).map(|_| self.add_unit(name)).collect()
    }

    /// An application without a charm, whose databags the test writes itself.
    pub fn deploy_puppet(&mut self, name: &str) -> String {
        self.model.applications.insert(name.to_owned(), application(None));
        let unit = format!("{name}/0");
        let holder = new_unit(name, PathBuf::new(), "192.0.2.10".into(), 0);
        self.model.units.insert(unit.clone(), holder);
        unit
    }

    /// `juju add-unit`.
    ///
    /// # Errors
    /// The machine could not be set up.
    pub fn add_unit(&mut self, application: &str) -> Result<String, SimError> {
        self.place(application, None, None)
    }

    /// `juju remove-unit`: the unit starts to go; its hooks do the rest. Storage that outlives its machine is kept.
    pub fn remove_unit(&mut self, unit: &str) {
        if let Some(holder) = self.model.units.get_mut(unit) {
            holder.dying = true;
        }
    }

    /// `juju config`. The controller checks the type and nothing more.
    ///
    /// # Errors
    /// [`SimError::Refused`] for an unknown option or another type.
    pub fn configure(&mut self, application: &str, option: &str, value: Value) -> Result<(), SimError> {
        let refused = |why: &str| Err(SimError::Refused(format!("option {option:?}: {why}")));
        let Some(application) = self.model.applications.get_mut(application) else {
            return refused("no application");
        };
        let Some(spec) = application.charm.as_ref().and_then(|charm| charm.options.get(option)) else {
            return refused("unknown option");
        };
        let fits = match spec.kind.as_str() {
            "int" => value.is_i64(),
            "float" => value.is_number(),
            "boolean" => value.is_boolean(),
            _ => value.is_string(),
        };
        if !fits {
            return refused(&format!("expected {}, got {value}", spec.kind));
        }
        application.config.insert(option.to_owned(), value);
        Ok(())
    }

    /// `juju integrate`, with both endpoints named.
    pub fn relate(&mut self, one: (&str, &str), other: (&str, &str)) -> u32 {
        let end = |(application, endpoint): (&str, &str)| (application.to_owned(), endpoint.to_owned());
        let id = self.add_relation(vec![end(one), end(other)]);
        for application in [one.0, other.0] {
            for unit in self.model.units_of(application) {
                if self.machine(&unit).is_none()
                    && let Some(relation) = self.model.relations.get_mut(&id)
                {
                    let address = self.model.units[&unit].address.clone();
                    relation.scope.insert(unit.clone());
                    relation.write(&unit, &[("ingress-address".to_owned(), address)].into());
                }
            }
        }
        id
    }

    fn add_relation(&mut self, ends: Vec<(String, String)>) -> u32 {
        let id = self.model.next_relation;
        self.model.next_relation += 1;
        let bags = std::collections::BTreeMap::new();
        let scope = std::collections::BTreeSet::new();
        self.model.relations.insert(id, Relation { ends, bags, scope, dying: false });
        id
    }

    /// `juju remove-relation`.
    pub fn remove_relation(&mut self, id: u32) {
        let (machines, guests) = (&self.machines, &self.guests);
        if let Some(relation) = self.model.relations.get_mut(&id) {
            relation.dying = true;
            relation.scope.retain(|unit| machines.contains_key(unit) || guests.contains_key(unit));
        }
    }

    /// Writes into a puppet's bag.
    pub fn write_bag(&mut self, id: u32, owner: &str, data: &[(&str, &str)]) {
        let data: Strings =
            data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        if let Some(relation) = self.model.relations.get_mut(&id) {
            relation.write(owner, &data);
        }
    }

    /// A bag's data.
    #[must_use]
    pub fn bag(&self, id: u32, owner: &str) -> Strings {
        self.model
            .relations
            .get(&id)
            .and_then(|relation| relation.bags.get(owner))
            .map(|bag| bag.data.clone())
            .unwrap_or_default()
    }

    /// `juju refresh`: every unit gets the new files with its `upgrade-charm`.
    ///
    /// # Errors
    /// The charm cannot be read.
    pub fn refresh(&mut self, application: &str, charm: &Path) -> Result<(), SimError> {
        let charm = Charm::read(charm)?;
        if let Some(application) = self.model.applications.get_mut(application) {
            application.charm = Some(charm);
            application.revision += 1;
        }
        Ok(())
    }

    pub(crate) fn replace_files(&self, unit: &str) -> Result<(), SimError> {
        let charm = self
            .model
            .applications
            .get(application_of(unit))
            .and_then(|application| application.charm.as_ref());
        if let (Some(machine), Some(charm)) = (self.machine(unit), charm) {
            machine.deploy(unit, &charm.directory)?;
        }
        Ok(())
    }

    /// Another unit becomes the leader.
    pub fn elect(&mut self, unit: &str) {
        if let Some(application) = self.model.applications.get_mut(application_of(unit)) {
            application.leader = Some(unit.to_owned());
        }
    }

    /// The unit loses leadership to any other.
    pub(crate) fn depose(&mut self, unit: &str) {
        let others = self.model.units_of(application_of(unit));
        let there = |name: &&String| *name != unit && !self.model.units[*name].lost;
        if let Some(other) = others.iter().find(there).cloned() {
            self.elect(&other);
        }
    }

    /// The cloud gives the unit another address: the last octet is moved into an unused part of its network.
    ///
    /// # Errors
    /// No such unit.
    pub fn move_address(&mut self, unit: &str) -> Result<String, SimError> {
        let network = self.network;
        let holder = self.model.units.get_mut(unit).ok_or_else(|| SimError::NoUnit(unit.into()))?;
        let last = holder.address.rsplit('.').next().unwrap_or("1");
        holder.address = format!("127.{}.{}.{last}", network[0], 251);
        let bag = crate::agent::bag_addresses(&holder.address);
        for id in self.model.relations_of(application_of(unit)) {
            if let Some(relation) = self.model.relations.get_mut(&id) {
                relation.write(unit, &bag);
            }
        }
        Ok(self.model.units[unit].address.clone())
    }

    /// The unit is gone, its machine with it.
    pub(crate) fn forget(&mut self, unit: &str) {
        self.model.units.remove(unit);
        self.leave_machine(unit);
        for relation in self.model.relations.values_mut() {
            relation.scope.remove(unit);
        }
        self.let_storage_go(unit);
        let next = self.model.units_of(application_of(unit)).into_iter().next();
        if let Some(application) = self.model.applications.get_mut(application_of(unit))
            && application.leader.as_deref() == Some(unit)
        {
            application.leader = next;
        }
    }

    /// Relations that everybody has left are gone.
    pub(crate) fn tidy(&mut self) {
        self.model.relations.retain(|_, relation| !(relation.dying && relation.scope.is_empty()));
    }
}

fn application(charm: Option<Charm>) -> Application {
    Application {
        charm,
        revision: 1,
        config: std::collections::BTreeMap::new(),
        leader: None,
        next_unit: 0,
        version: String::new(),
        status: None,
    }
}

pub(crate) fn new_unit(application: &str, root: PathBuf, address: String, revision: u32) -> Unit {
    Unit {
        application: application.to_owned(),
        root,
        address,
        dying: false,
        lost: false,
        status: ("waiting".into(), "installing agent".into()),
        ports: std::collections::BTreeSet::new(),
        state: Strings::new(),
        local: Local { revision, ..Local::default() },
    }
}
