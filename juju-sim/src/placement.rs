//! Placement: which machine a unit gets, and what becomes of the machine when it goes.

use crate::error::SimError;
use crate::machine::Machine;
use crate::operator::new_unit;
use crate::sim::Sim;

/// How far from the third octet of a model's network that of the machines' loopback addresses is.
pub(crate) const LOOPBACKS: u8 = 125;

/// What tells the addresses of a machine from those of others.
fn last_octet(machine: u32) -> u8 {
    u8::try_from(machine % 250 + 1).unwrap_or(1)
}

impl Sim {
    /// `juju add-unit --attach-storage`.
    ///
    /// # Errors
    /// The machine could not be set up.
    pub fn add_unit_with(&mut self, application: &str, storage: Option<&str>) -> Result<String, SimError> {
        self.place(application, storage, None)
    }

    /// `juju add-unit --to`: on the machine of another unit.
    ///
    /// # Errors
    /// No such unit, or the machine could not be set up.
    pub fn add_unit_to(&mut self, application: &str, host: &str) -> Result<String, SimError> {
        self.place(application, None, Some(host))
    }

    pub(crate) fn place(
        &mut self,
        application: &str,
        storage: Option<&str>,
        host: Option<&str>,
    ) -> Result<String, SimError> {
        let holder = self.model.applications.get_mut(application);
        let holder =
            holder.ok_or_else(|| SimError::Refused(format!("application {application:?} not found")))?;
        let unit = format!("{application}/{}", holder.next_unit);
        holder.next_unit += 1;
        holder.leader.get_or_insert_with(|| unit.clone());
        let Some(charm) = holder.charm.clone() else {
            return Err(SimError::Refused("a puppet".into()));
        };
        let revision = holder.revision;
        let host = match host {
            Some(host) => host.to_owned(),
            None => self.new_machine(&unit)?,
        };
        let machine = self.machines.get(&host).ok_or_else(|| SimError::NoUnit(host.clone()))?;
        machine.add_agent(&unit, &self.executables)?;
        machine.deploy(&unit, &charm.directory)?;
        let last = last_octet(machine.number);
        let address = format!("127.{}.{}.{last}", self.network[0], self.network[1]);
        let root = machine.root.clone();
        if host != unit {
            self.guests.insert(unit.clone(), host);
        }
        self.model.units.insert(unit.clone(), new_unit(application, root, address, revision));
        for name in charm.storage.keys() {
            let id = match storage {
                Some(id) => id.to_owned(),
                None => self.new_storage(name)?,
            };
            self.attach(&unit, &id)?;
        }
        Ok(unit)
    }

    /// A new machine for a unit; it goes by the unit's name.
    fn new_machine(&mut self, unit: &str) -> Result<String, SimError> {
        let number = self.next_machine;
        self.next_machine += 1;
        let loopback = [127, self.network[0], self.network[1] + LOOPBACKS, last_octet(number)].into();
        let machine = Machine::set_up(self.directory.path(), number, loopback, &self.executables)?;
        self.machines.insert(unit.to_owned(), machine);
        Ok(unit.to_owned())
    }

    /// The machine that a unit is on; none for a puppet.
    #[must_use]
    pub fn machine(&self, unit: &str) -> Option<&Machine> {
        self.machines.get(self.guests.get(unit).map_or(unit, String::as_str))
    }

    pub(crate) fn machine_mut(&mut self, unit: &str) -> Option<&mut Machine> {
        self.machines.get_mut(self.guests.get(unit).map_or(unit, String::as_str))
    }

    /// The unit's machine is gone: nothing of it runs any more, and nobody is told. Juju gives its leadership to another.
    ///
    /// # Errors
    /// No such unit.
    pub fn lose(&mut self, unit: &str) -> Result<(), SimError> {
        let machine = self.machine_mut(unit).ok_or_else(|| SimError::NoUnit(unit.into()))?;
        machine.services.values_mut().for_each(crate::machine::Service::vanish);
        if let Some(holder) = self.model.units.get_mut(unit) {
            holder.lost = true;
        }
        if self.model.leads(unit) {
            self.depose(unit);
        }
        Ok(())
    }

    /// `juju remove-unit --force`: the unit is gone at once, without any hook of its own.
    pub fn remove_unit_by_force(&mut self, unit: &str) {
        self.forget(unit);
    }

    /// A unit leaves its machine, which goes when it was the last.
    pub(crate) fn leave_machine(&mut self, unit: &str) {
        if let Some(machine) = self.machine(unit) {
            // An agent's directory that is gone already is what is wanted.
            let _ = std::fs::remove_dir_all(machine.agent_dir(unit));
        }
        if self.guests.remove(unit).is_some() {
            return;
        }
        let Some(machine) = self.machines.remove(unit) else { return };
        let left: Vec<String> =
            self.guests.iter().filter(|(_, host)| *host == unit).map(|(guest, _)| guest.clone()).collect();
        let Some(next) = left.first().cloned() else { return };
        self.guests.remove(&next);
        for host in self.guests.values_mut().filter(|host| *host == unit) {
            host.clone_from(&next);
        }
        self.machines.insert(next, machine);
    }
}
