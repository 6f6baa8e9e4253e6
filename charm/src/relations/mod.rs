//! What other applications are told, one file per endpoint. All of it is made from the facts alone.

pub mod alerts;
mod alm;
mod bags;
mod cos_agent;
mod dashboards;
mod metrics;

use juju_hooks::databag;

use crate::cluster::bags::JUJU_KEYS;
use crate::facts::{Facts, Related};
use crate::names::{ALM, COS_AGENT, METRICS};
use crate::plan::{PlanError, Step};

use bags::Bags;

/// Adds the steps that bring every relation's data up to date.
///
/// # Errors
/// [`PlanError`] when data cannot be written as text.
pub fn plan(facts: &Facts, steps: &mut Vec<Step>) -> Result<(), PlanError> {
    for related in &facts.related {
        let Some(bags) = bags(facts, related)? else {
            continue;
        };
        let changes = databag::difference(&related.unit_bag, &bags.unit, |key| JUJU_KEYS.contains(&key));
        // A bag without even Juju's own keys is one that this unit has not entered, or has left.
        if !changes.is_empty() && !related.unit_bag.is_empty() {
            steps.push(Step::SetUnitBag(related.id.clone(), changes));
        }
        let Some(application) = &related.application_bag else {
            continue;
        };
        let changes = databag::difference(application, &bags.application, |_| false);
        if facts.leads() && !changes.is_empty() {
            steps.push(Step::SetApplicationBag(related.id.clone(), changes));
        }
    }
    Ok(())
}

fn bags(facts: &Facts, related: &Related) -> Result<Option<Bags>, PlanError> {
    match related.id.endpoint() {
        ALM => alm::bags(facts, related).map(Some),
        COS_AGENT => cos_agent::bags(facts, related).map(Some),
        METRICS => metrics::bags(facts, related).map(Some),
        _ => Ok(None),
    }
}

/// Something for the status that works less than it could, though nothing is broken.
#[must_use]
pub fn remark(facts: &Facts) -> Option<String> {
    let why = facts.tried.monitoring.as_ref()?;
    Some(format!("monitoring: {why}; see journalctl -u paperclip-node"))
}
