//! What this machine has noticed over time: when heartbeats changed, and since when units are out of step.
//!
//! It is not shared: a new leader starts to watch anew, and so waits a little longer before it acts.

use std::collections::BTreeMap;

use juju_hooks::{RelationId, UnitName};
use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;

/// A unit is silent when its heartbeat has not changed for so long, in seconds: three intervals of `update-status` at their
/// longest.
pub const SILENT_SECONDS: u64 = 1200;

/// A unit was heard of a moment ago when its heartbeat has changed within so many seconds: one interval at its longest.
const FRESH_SECONDS: u64 = 420;

/// What was noticed of all units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    units: BTreeMap<RelationId, BTreeMap<UnitName, Sight>>,
}

/// What was noticed of one unit. Times are ours, in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sight {
    /// Its heartbeat, by its own clock.
    reported_at: Option<u64>,
    /// When we first saw that heartbeat.
    pub seen_at: u64,
    /// Since when it is out of step.
    pub apart_since: Option<u64>,
}

impl Watch {
    /// The watch after another look.
    #[must_use]
    pub fn look(&self, clusters: &[Cluster], now: u64) -> Self {
        let mut seen = Self::default();
        for cluster in clusters {
            let sights = cluster.readable().map(|(name, unit)| {
                let before = self.sight(&cluster.relation, name);
                let same = before.filter(|before| before.reported_at == unit.reported_at);
                let seen_at = same.map_or(now, |before| before.seen_at);
                let apart_since = before.and_then(|before| before.apart_since);
                (name.clone(), Sight { reported_at: unit.reported_at, seen_at, apart_since })
            });
            seen.units.insert(cluster.relation.clone(), sights.collect());
        }
        for cluster in clusters {
            let apart: Vec<&UnitName> =
                cluster.units.keys().filter(|name| seen.is_apart(cluster, name, now)).collect();
            for (name, sight) in seen.units.get_mut(&cluster.relation).into_iter().flatten() {
                let since = sight.apart_since.unwrap_or(now);
                sight.apart_since = apart.contains(&name).then_some(since);
            }
        }
        seen
    }

    /// What was noticed of a unit.
    #[must_use]
    pub fn sight(&self, relation: &RelationId, unit: &UnitName) -> Option<&Sight> {
        self.units.get(relation)?.get(unit)
    }

    /// How long a unit has been silent, in seconds, if it is. A unit of version 1 has no heartbeat and is never silent.
    #[must_use]
    pub fn silent_for(&self, relation: &RelationId, unit: &UnitName, now: u64) -> Option<u64> {
        let sight = self.sight(relation, unit)?;
        let quiet = now.saturating_sub(sight.seen_at);
        (sight.reported_at.is_some() && quiet >= SILENT_SECONDS).then_some(quiet)
    }

    /// Whether a unit is out of step: something is pending, or it has not exchanged everything with all others that were heard
    /// of a moment ago. One that may have died since is not held against it.
    fn is_apart(&self, cluster: &Cluster, name: &UnitName, now: u64) -> bool {
        let Some(replication) = cluster.unit(name).and_then(|unit| unit.replication) else { return false };
        let fresh = |other: &UnitName| {
            let sight = self.sight(&cluster.relation, other);
            sight.is_some_and(|sight| now.saturating_sub(sight.seen_at) <= FRESH_SECONDS)
        };
        if !fresh(name) {
            // Its bag is old: it is as it was.
            return self.sight(&cluster.relation, name).is_some_and(|sight| sight.apart_since.is_some());
        }
        let others = cluster.readable().filter(|(other, unit)| *other != name && unit.ready && fresh(other));
        !replication.in_step_with(u32::try_from(others.count()).unwrap_or(u32::MAX))
    }
}
