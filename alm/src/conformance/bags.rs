//! Rules on single bags: read, canonical, consistent with each other.

use std::collections::{BTreeMap, BTreeSet};

use juju_hooks::UnitName;
use juju_hooks::databag::{Bag, canonical};
use serde_json::Value;

use super::{Findings, Moment, Rule, Side};
use crate::application::{Application, Unit};
use crate::manager::{Manager, ManagerUnit};
use crate::read;
use crate::version::{MANAGED, Versions, agreed, named};

/// The bags of a moment that could be read.
#[derive(Default)]
pub(super) struct Bags {
    pub(super) application: Option<Application>,
    pub(super) units: BTreeMap<UnitName, Unit>,
    pub(super) manager: Option<Manager>,
    manager_units: BTreeMap<UnitName, ManagerUnit>,
    /// Units that are there, whether their bags could be read or not.
    pub(super) present: BTreeSet<UnitName>,
}

impl Bags {
    pub(super) fn read(moment: &Moment, findings: &mut Findings) -> Self {
        let application = &moment.application;
        let mut bags = Self {
            application: taken(
                Side::Application,
                "application",
                application,
                read::application(application),
                findings,
            ),
            manager: taken(
                Side::Manager,
                "application",
                &moment.manager,
                read::manager(&moment.manager),
                findings,
            ),
            present: moment.units.keys().cloned().collect(),
            ..Self::default()
        };
        for (name, bag) in &moment.units {
            let read = taken(Side::Application, &name.to_string(), bag, read::unit(bag, name), findings);
            bags.units.extend(read.map(|unit| (name.clone(), unit)));
        }
        for (name, bag) in &moment.manager_units {
            let read = taken(Side::Manager, &name.to_string(), bag, read::manager_unit(bag, name), findings);
            bags.manager_units.extend(read.map(|unit| (name.clone(), unit)));
        }
        bags
    }

    /// Rules that need this moment and the one before.
    pub(super) fn check(&self, earlier: &Self, findings: &mut Findings) {
        let jobs: BTreeSet<&str> = self
            .application
            .iter()
            .flat_map(|application| &application.scrape_jobs)
            .map(|job| job.job_name.as_str())
            .collect();
        for (name, unit) in &self.units {
            for target in unit.targets.iter().filter(|target| !jobs.contains(target.job.as_str())) {
                let what =
                    format!("{name}: target {} is of job {}, which there is not", target.address, target.job);
                findings.add(Side::Application, Rule::Targets, what);
            }
            if let Some(replication) = unit.replication
                && replication.in_step > replication.connected
            {
                findings.add(Side::Application, Rule::Replication, format!("{name}: {replication:?}"));
            }
            let before = earlier.units.get(name).and_then(|unit| unit.reported_at);
            if let (Some(before), Some(now)) = (before, unit.reported_at) {
                heartbeat(Side::Application, name, before, now, findings);
            }
        }
        for (name, unit) in &self.manager_units {
            if let Some(before) = earlier.manager_units.get(name) {
                heartbeat(Side::Manager, name, before.reported_at, unit.reported_at, findings);
            }
        }
        if !self.managed()
            && self.manager.as_ref().is_some_and(|bag| !bag.requests.is_empty() || bag.verdict.is_some())
        {
            findings.add(
                Side::Manager,
                Rule::Versions,
                "it asks an application that does not speak version 2",
            );
        }
    }

    /// Whether both sides speak version 2.
    pub(super) fn managed(&self) -> bool {
        let (Some(application), Some(manager)) = (&self.application, &self.manager) else { return false };
        let theirs = named(application.schema.as_str(), &application.versions);
        agreed(&theirs, &named(manager.schema.as_str(), &manager.versions)) == Some(MANAGED)
    }
}

/// Whether a bag of these keys speaks version 2.
pub(super) fn speaks_managed(schema: &str, versions: &Versions) -> bool {
    named(schema, versions).contains(&MANAGED)
}

fn taken<T>(
    side: Side,
    whose: &str,
    bag: &Bag,
    read: Result<Option<T>, read::Refusal>,
    findings: &mut Findings,
) -> Option<T> {
    for (key, value) in bag {
        let json = value.starts_with(['{', '[']).then(|| serde_json::from_str::<Value>(value).ok()).flatten();
        if json.is_some_and(|json| canonical(&json).ok().as_ref() != Some(value)) {
            findings.add(side, Rule::Canonical, format!("{whose}: {key} has unsorted keys or spaces"));
        }
    }
    read.unwrap_or_else(|refusal| {
        findings.add(side, Rule::Readable, format!("{whose}: {refusal}"));
        None
    })
}

fn heartbeat(side: Side, unit: &UnitName, before: u64, now: u64, findings: &mut Findings) {
    if now < before {
        findings.add(side, Rule::Heartbeat, format!("{unit}: from {before} back to {now}"));
    }
}
