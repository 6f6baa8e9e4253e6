//! Which storage is the unit's: a marker tells it from the bare mount point (`machine/storage.rs`).

use crate::facts::{Facts, Hint};
use crate::machine::Marker;

use super::Step;

/// The step that brings the storage's marker up to date.
pub(super) fn plan(facts: &Facts) -> Option<Step> {
    let marker = marker(facts)?;
    let location = facts.storage.as_ref()?.location.clone();
    Some(Step::MarkStorage { location, marker })
}

/// The same for a unit on the machine of another, whose node may be where this storage would be.
pub(super) fn plan_beside(facts: &Facts) -> Option<Step> {
    facts.storage.as_ref().filter(|storage| storage.marker.is_none() && !storage.has_key)?;
    plan(facts)
}

/// The marker that the storage should get, if it should have another than it has.
fn marker(facts: &Facts) -> Option<Marker> {
    let storage = facts.storage.as_ref().filter(|_| !facts.leaving())?;
    let marker = |peer_id: Option<&String>| Marker { storage: storage.id.clone(), peer_id: peer_id.cloned() };
    let found = storage.marker.as_ref();
    let running = facts.node.as_ref().map(|node| &node.peer_id);
    if storage.own_marker().is_none() {
        let known = facts.memory.storage.as_ref().is_some_and(|memory| memory.storage == storage.id);
        if facts.hint == Hint::Attached && !known {
            // Storage of another model or unit is told by another id; the data, if there is any, is the same node's.
            return Some(marker(found.filter(|_| storage.has_key).and_then(|found| found.peer_id.as_ref())));
        }
        // Revisions of the charm before there were markers: what holds the node's keys is the storage.
        let told = facts.cluster.as_ref().and_then(|cluster| cluster.own.peer_id.as_ref());
        let unmarked = facts.memory.storage.is_none() && found.is_none();
        return (unmarked && storage.has_key).then(|| marker(running.or(told)));
    }
    let told = found.and_then(|found| found.peer_id.as_ref());
    if facts.hint == Hint::Attached && told.is_some() && !storage.has_key {
        // Attached on purpose, and empty: a new node begins.
        return Some(marker(None));
    }
    (running.is_some() && running != told && storage.has_key).then(|| marker(running))
}
