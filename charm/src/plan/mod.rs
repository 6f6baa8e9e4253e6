//! What to do about the facts: a pure function.
//!
//! It is asked again after each round of steps, until it has no more. So a step need only know what is true now: the
//! leader makes the cluster in one round, certifies the units in the next, starts its own node in the third, all
//! within one hook.

mod leader;
mod member;
mod presence;
mod step;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use juju_hooks::UnitName;

use crate::facts::{Facts, Hint, Storage};
use crate::machine::{Machine, Memory};
use crate::relations;

pub use presence::{Company, company, unmet};
pub use step::{PlanError, Step};

/// The steps that the facts call for, in the order they are to be taken. None: all is as it should be.
///
/// # Errors
/// [`PlanError`] when data could not be written as text, which no input should bring about.
pub fn plan(facts: &Facts, machine: &Machine) -> Result<Vec<Step>, PlanError> {
    let mut steps = Vec::new();
    if facts.neighbour().is_some() {
        return misplaced(facts);
    }
    if facts.claimant.is_none() && facts.hint != Hint::Removing {
        return Ok(vec![Step::Claim]);
    }
    let memory = remembered(facts);
    if memory != facts.memory {
        steps.push(Step::Remember(Box::new(memory)));
        return Ok(steps);
    }
    if facts.hint == Hint::Removing {
        // Everything that this takes away is checked, so that a repeated `remove` finds nothing to do.
        if facts.unit_file.is_some() || facts.node_config.is_some() {
            steps.push(Step::RemoveService);
        }
        return Ok(steps);
    }
    if !facts.user {
        steps.push(Step::AddUser);
    }
    if facts.installed.is_none() {
        steps.push(Step::InstallBinary);
    }
    if !steps.is_empty() {
        return Ok(steps);
    }
    if let Some(mark) = storage::plan(facts) {
        steps.push(mark);
        return Ok(steps);
    }
    leader::plan(facts, &mut steps)?;
    member::plan(facts, machine, &mut steps)?;
    relations::plan(facts, &mut steps)?;
    Ok(steps)
}

/// The steps of a unit on the machine of another. Whatever is on the machine is the other's; the cluster's documents are
/// this unit's to make all the same while it leads.
fn misplaced(facts: &Facts) -> Result<Vec<Step>, PlanError> {
    if matches!(facts.hint, Hint::Leaving | Hint::Removing) {
        return Ok(Vec::new());
    }
    let memory = remembered(facts);
    if memory != facts.memory {
        return Ok(vec![Step::Remember(Box::new(memory))]);
    }
    // Its own storage is marked: the machine may become free.
    if let Some(mark) = storage::plan_beside(facts) {
        return Ok(vec![mark]);
    }
    let mut steps = Vec::new();
    leader::plan(facts, &mut steps)?;
    relations::plan(facts, &mut steps)?;
    steps.retain(|step| !matches!(step, Step::SetUnitBag(..)));
    member::publish_misplaced(facts, &mut steps)?;
    Ok(steps)
}

/// What the unit should remember, as far as that needs no step to succeed first.
fn remembered(facts: &Facts) -> Memory {
    let mut memory = facts.memory.clone();
    match facts.hint {
        Hint::Arriving | Hint::Attached => memory.leaving = facts.storage.is_none() && memory.leaving,
        Hint::Leaving | Hint::Removing => (memory.leaving, memory.storage) = (true, None),
        Hint::None | Hint::Departed(_) | Hint::Clock | Hint::SecretChanged => {}
    }
    if let Some(marker) = facts.mounted().and_then(Storage::own_marker)
        && !memory.leaving
    {
        memory.storage = Some(marker.clone());
    }
    if let Ok(settings) = &facts.options {
        memory.settings = Some(settings.clone());
    }
    memory.heard = presence::heard(facts);
    memory.met |= presence::complete(facts);
    if facts.hint == Hint::Clock
        && let Some(node) = &facts.node
    {
        memory.heads_digest = Some(node.heads_digest.clone());
    }
    memory
}

/// A unit that sits on its turn to restart, and the units that it has not met since.
#[must_use]
pub fn stuck(facts: &Facts) -> Option<(UnitName, BTreeSet<UnitName>)> {
    let unit = leader::turn(facts)?.stuck?;
    let cluster = facts.cluster.as_ref()?;
    let bag = if unit == facts.unit { Some(&cluster.own) } else { cluster.peers.get(&unit) };
    let awaits = bag.map(|bag| bag.awaits.clone()).unwrap_or_default();
    Some((unit, awaits))
}
