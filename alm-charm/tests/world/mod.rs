//! A world for the manager: applications that keep the interface, with faults, and managers that lead one after the other.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "shared by the tests of this crate, of which each uses a part"
)]

pub mod application;

use std::collections::BTreeMap;

use alm_charm::cluster::Cluster;
use alm_charm::command::{Command, CommandError, carry_out};
use alm_charm::decide::{Decided, decide};
use alm_charm::inputs::Inputs;
use alm_charm::policy::Policy;
use alm_charm::state::State;
use alm_charm::status;
use alm_charm::watch::Watch;
use alm_interface::conformance::{Moment, Recording};
use alm_interface::manager::Manager;
use alm_interface::read;
use juju_hooks::databag::{self, Bag};
use juju_hooks::{RelationId, UnitName};

use application::Application;

/// 25 November 2026, 00:00 UTC: a Wednesday.
pub const MIDNIGHT: u64 = 1_795_564_800;

pub struct World {
    pub now: u64,
    pub policy: Policy,
    pub applications: BTreeMap<RelationId, Application>,
    pub measured: BTreeMap<(RelationId, UnitName, String), f64>,
    /// What Juju holds for the manager: its state in the peer relation, and a bag for each application.
    pub state: State,
    pub bags: BTreeMap<RelationId, Manager>,
    /// What the present leader has noticed.
    pub watch: Watch,
    pub recordings: BTreeMap<RelationId, Recording>,
}

impl World {
    pub fn new(policy: Policy) -> Self {
        Self {
            now: MIDNIGHT,
            policy,
            applications: BTreeMap::new(),
            measured: BTreeMap::new(),
            state: State::default(),
            bags: BTreeMap::new(),
            watch: Watch::default(),
            recordings: BTreeMap::new(),
        }
    }

    /// A world with one application of so many units.
    pub fn of(units: u32, policy: Policy) -> Self {
        let mut world = Self::new(policy);
        world.relate(0, "paperclip", units);
        world
    }

    pub fn relate(&mut self, number: u32, name: &str, units: u32) {
        let relation: RelationId = format!("alm:{number}").parse().unwrap();
        self.applications.insert(relation, Application::new(name, units, self.now));
    }

    pub fn application(&mut self) -> &mut Application {
        self.applications.values_mut().next().unwrap()
    }

    /// The applications as their bags show them.
    pub fn clusters(&self) -> Vec<Cluster> {
        let read = |(relation, application): (&RelationId, &Application)| Cluster {
            relation: relation.clone(),
            name: application.name.clone(),
            application: read::application(&application.bag()).map_err(|refusal| refusal.to_string()),
            units: application
                .unit_bags()
                .into_iter()
                .map(|(name, bag)| {
                    let read = read::unit(&bag, &name).map_err(|refusal| refusal.to_string());
                    (name, read)
                })
                .collect(),
        };
        self.applications.iter().map(read).collect()
    }

    fn with<T>(&self, watch: &Watch, what: impl FnOnce(&Inputs<'_>) -> T) -> T {
        let clusters = self.clusters();
        what(&Inputs {
            manager: &"alm-charm".parse().unwrap(),
            clusters: &clusters,
            watch,
            policy: &self.policy,
            measured: &self.measured,
            monitoring: None,
            now: self.now,
        })
    }

    /// One hook of the manager's leader.
    pub fn hook(&mut self) {
        let watch = self.watch.look(&self.clusters(), self.now);
        let Decided { state, bags } = self.with(&watch, |inputs| decide(&self.state, inputs));
        // As it stands in a bag.
        self.state = databag::decode(&databag::encode(&state).unwrap()).unwrap();
        assert_eq!(self.state, state);
        self.bags = bags;
        self.watch = watch;
    }

    /// A hook that fails before it ends: nothing of it is written but what the machine itself remembers.
    pub fn failed_hook(&mut self) {
        self.watch = self.watch.look(&self.clusters(), self.now);
    }

    /// Another unit leads from now on: it has the bags, and has noticed nothing yet.
    pub fn change_leader(&mut self) {
        self.watch = Watch::default();
    }

    pub fn command(&mut self, command: &Command) -> Result<String, CommandError> {
        let watch = self.watch.clone();
        let (state, told) = self.with(&watch, |inputs| carry_out(&self.state, command, inputs))?;
        self.state = state;
        Ok(told)
    }

    /// Time goes on: units report, serve what they read, and work.
    pub fn pass(&mut self, seconds: u64, chance: &mut impl FnMut(u32) -> bool) {
        self.now += seconds;
        let now = self.now;
        for (relation, application) in &mut self.applications {
            application.pass(now, self.bags.get(relation), chance);
        }
    }

    /// Rounds of five minutes in which nothing unexpected happens.
    pub fn quiet(&mut self, rounds: u32) {
        for _ in 0..rounds {
            self.pass(300, &mut |_| true);
            self.hook();
            self.record();
        }
    }

    pub fn line(&self) -> String {
        self.with(&self.watch, |inputs| status::line(&self.state, inputs))
    }

    pub fn record(&mut self) {
        for (relation, application) in &self.applications {
            let manager = self.bags.get(relation).map_or_else(Bag::new, |bag| databag::encode(bag).unwrap());
            let moment = Moment {
                at: self.now,
                application: application.bag(),
                units: application.unit_bags(),
                manager,
                manager_units: BTreeMap::new(),
            };
            self.recordings.entry(relation.clone()).or_default().moments.push(moment);
        }
    }

    /// The outcomes of the records, with the kind and the unit.
    pub fn told(&self) -> Vec<String> {
        let told = self.state.records.iter().map(|record| {
            let to = record.to.as_ref().map_or_else(String::new, |to| format!(" {to}"));
            format!("{}{to}: {}: {}", record.kind, record.outcome, record.message)
        });
        told.collect()
    }
}
