//! What is observed of the applications: one cluster per relation.

use std::collections::{BTreeMap, BTreeSet};

use alm_interface::application::{Application, Unit};
use alm_interface::text::Capability;
use alm_interface::version::{MANAGED, SPOKEN, agreed, named};
use juju_hooks::{RelationId, UnitName};

/// An application as its relation shows it now.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// The relation.
    pub relation: RelationId,
    /// The application's name, as Juju has it.
    pub name: String,
    /// Its bag: `None` while nothing is written, the reason when it was refused.
    pub application: Result<Option<Application>, String>,
    /// The bags of its units, likewise.
    pub units: BTreeMap<UnitName, Result<Option<Unit>, String>>,
}

impl Cluster {
    /// Its bag, if it can be read.
    #[must_use]
    pub fn bag(&self) -> Option<&Application> {
        self.application.as_ref().ok()?.as_ref()
    }

    /// A unit's bag, if it can be read.
    #[must_use]
    pub fn unit(&self, name: &UnitName) -> Option<&Unit> {
        self.units.get(name)?.as_ref().ok()?.as_ref()
    }

    /// The units whose bags can be read.
    pub fn readable(&self) -> impl Iterator<Item = (&UnitName, &Unit)> {
        self.units.iter().filter_map(|(name, unit)| Some((name, unit.as_ref().ok()?.as_ref()?)))
    }

    /// Whether the application speaks version 2, so that it can be asked.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        self.bag().is_some_and(|bag| speaks(&named(bag.schema.as_str(), &bag.versions)))
    }

    /// Whether an operation can be asked of a unit, or of the application without one.
    #[must_use]
    pub fn offers(&self, operation: &str, to: Option<&UnitName>) -> bool {
        let offered =
            self.bag().is_some_and(|bag| bag.capabilities.iter().any(|one| one.as_str() == operation));
        let listens = to.is_none_or(|to| {
            self.unit(to).is_some_and(|unit| speaks(&named(unit.schema.as_str(), &unit.versions)))
        });
        self.is_managed() && offered && listens
    }

    /// How many units there should be: as many as are planned, or as there are.
    #[must_use]
    pub fn planned(&self) -> usize {
        let planned = self.bag().and_then(|bag| bag.planned_units);
        planned.and_then(|planned| usize::try_from(planned).ok()).unwrap_or(self.units.len())
    }
}

fn speaks(theirs: &BTreeSet<u16>) -> bool {
    agreed(&SPOKEN.into_iter().collect(), theirs) == Some(MANAGED)
}

/// The text of an operation as a capability.
pub(crate) fn capability(operation: &str) -> Option<Capability> {
    operation.parse().ok()
}
