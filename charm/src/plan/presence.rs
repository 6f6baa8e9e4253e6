//! Presence of the other units: a machine that is gone leaves its databag behind, with `ready` in it for ever.
//!
//! So every unit writes a heartbeat now and then. It is compared with itself only: clocks of machines differ. A unit
//! whose heartbeat has stopped and whose node the leader's has no connection to is lost, and nobody waits for it. The
//! heartbeat alone would not do: it also stops when the controller is away.

use std::collections::{BTreeMap, BTreeSet};

use juju_hooks::UnitName;

use crate::cluster::bags::UnitBag;
use crate::facts::{Cluster, Facts, Hint};
use crate::machine::Heard;

/// How long a heartbeat lasts before the next is written, in seconds: each wakes all other units.
const HEARTBEAT_SECONDS: u64 = 600;
/// How long a unit is silent before it counts as lost, in seconds: two heartbeats, each late by an `update-status`.
pub(super) const SILENT_SECONDS: u64 = 1_500;

/// The heartbeat that the unit's bag should hold.
pub(super) fn heartbeat(facts: &Facts, cluster: &Cluster) -> Option<u64> {
    let last = cluster.own.reported_at;
    let due = last.is_none_or(|last| facts.now.abs_diff(last) >= HEARTBEAT_SECONDS);
    if facts.hint == Hint::Clock && due { Some(facts.now) } else { last }
}

/// The heartbeats of the others, and since when they are what they are.
pub(super) fn heard(facts: &Facts) -> BTreeMap<UnitName, Heard> {
    let peers = facts.cluster.iter().flat_map(|cluster| &cluster.peers);
    let heard = peers.filter_map(|(unit, bag)| {
        let reported_at = bag.reported_at?;
        let known = facts.memory.heard.get(unit).filter(|heard| heard.reported_at == reported_at);
        Some((unit.clone(), known.cloned().unwrap_or(Heard { reported_at, since: facts.now })))
    });
    heard.collect()
}

/// The units that are lost, as this one finds if it leads.
pub(super) fn lost(facts: &Facts, cluster: &Cluster) -> BTreeSet<UnitName> {
    let silent = |unit: &UnitName| {
        let heard = facts.memory.heard.get(unit);
        heard.is_some_and(|heard| facts.now.saturating_sub(heard.since) > SILENT_SECONDS)
    };
    let peers = cluster.peers.iter().filter(|(unit, bag)| silent(unit) && !connected(facts, bag));
    peers.map(|(unit, _)| unit.clone()).collect()
}

/// The other units that should be there as far as this one is concerned, with their bags.
fn counted(cluster: &Cluster) -> impl Iterator<Item = (&UnitName, &UnitBag)> {
    cluster.peers.iter().filter(|(unit, bag)| !bag.misplaced && !cluster.application.lost.contains(*unit))
}

/// Whether the node is connected to a unit's.
fn connected(facts: &Facts, bag: &UnitBag) -> bool {
    let peers = facts.node.iter().flat_map(|node| &node.peers);
    bag.peer_id.as_ref().is_some_and(|id| peers.into_iter().any(|peer| peer.id == *id))
}

/// The serving units that the node has not exchanged heads with since it was started.
#[must_use]
pub fn unmet(facts: &Facts, cluster: &Cluster) -> BTreeSet<UnitName> {
    let met = |id: &String| {
        facts.node.as_ref().is_some_and(|node| node.peers.iter().any(|peer| peer.id == *id && peer.in_step))
    };
    let serving = counted(cluster).filter(|(_, bag)| bag.ready);
    serving
        .filter(|(_, bag)| bag.peer_id.as_ref().is_some_and(|id| !met(id)))
        .map(|(unit, _)| unit.clone())
        .collect()
}

/// The other units, as far as the node is connected to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Company {
    /// Units that it is connected to.
    pub connected: BTreeSet<UnitName>,
    /// Units that should be there and are not connected.
    pub absent: BTreeSet<UnitName>,
    /// Units that are lost.
    pub lost: BTreeSet<UnitName>,
    /// Units that are meant to be there and have not joined yet.
    pub coming: BTreeSet<UnitName>,
}

/// The other units, as this one sees them.
#[must_use]
pub fn company(facts: &Facts) -> Company {
    let Some(cluster) = &facts.cluster else { return Company::default() };
    let mut company = Company::default();
    for (unit, bag) in cluster.peers.iter().filter(|(_, bag)| !bag.misplaced) {
        let of = if connected(facts, bag) {
            &mut company.connected
        } else if cluster.application.lost.contains(unit) {
            &mut company.lost
        } else if bag.peer_id.is_some() {
            &mut company.absent
        } else {
            // One that has not told its id yet is on its way and says so itself.
            &mut company.coming
        };
        of.insert(unit.clone());
    }
    let unknown =
        facts.planned.iter().filter(|unit| **unit != facts.unit && !cluster.peers.contains_key(unit));
    company.coming.extend(unknown.cloned());
    company
}

/// Whether the node is connected to every other unit.
pub(super) fn complete(facts: &Facts) -> bool {
    let company = company(facts);
    !company.connected.is_empty() && company.absent.is_empty()
}
