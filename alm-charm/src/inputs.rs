//! What a decision is made from.

use std::collections::BTreeMap;

use alm_interface::application::Application;
use alm_interface::manager::Monitoring;
use alm_interface::text::{Line, Name};
use juju_hooks::{RelationId, UnitName};

use crate::cluster::Cluster;
use crate::health::{Health, judge};
use crate::operation::Kind;
use crate::policy::Policy;
use crate::state::State;
use crate::watch::Watch;

/// What a decision is made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Our application's name.
    pub manager: &'a Name,
    /// The applications as they are now.
    pub clusters: &'a [Cluster],
    /// What was noticed of them, this look included.
    pub watch: &'a Watch,
    /// What the operator wants.
    pub policy: &'a Policy,
    /// The measures of units as they are now, by relation, unit and name. Empty without monitoring.
    pub measured: &'a BTreeMap<(RelationId, UnitName, String), f64>,
    /// What we run, and where.
    pub monitoring: Option<&'a Monitoring>,
    /// Now, in seconds since 1970.
    pub now: u64,
}

impl Inputs<'_> {
    pub(crate) fn cluster(&self, relation: &RelationId) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.relation == *relation)
    }

    /// The measures of a unit, by name.
    pub(crate) fn measured(
        &self,
        cluster: &Cluster,
        bag: &Application,
        unit: &UnitName,
    ) -> BTreeMap<String, f64> {
        let value = |name: &Line| {
            let key = (cluster.relation.clone(), unit.clone(), name.to_string());
            let value = *self.measured.get(&key)?;
            value.is_finite().then(|| (name.to_string(), value))
        };
        bag.measures.iter().filter_map(|measure| value(&measure.name)).collect()
    }

    /// What is down or may go down at any time, beside a unit, in words.
    pub(crate) fn down(&self, state: &State, cluster: &Cluster, but: &UnitName) -> Vec<String> {
        let missing = cluster.planned().saturating_sub(cluster.units.len());
        let units = cluster.units.keys().filter(|unit| *unit != but).filter_map(|unit| {
            let turns = state.open_on(&cluster.relation, Kind::Turn, Some(unit));
            if turns.is_some_and(|turn| turn.takes_down()) {
                return Some(format!("{unit} to settle after its turn"));
            }
            let health = judge(cluster, unit, self.watch, self.now);
            (health != Health::Healthy).then(|| format!("{unit}, which is {health}"))
        });
        units.chain((0..missing).map(|_| "a unit that is planned and not there".to_owned())).collect()
    }
}
