//! What other applications are told, one file per endpoint. All of it is made from the facts alone.

mod alerts;
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

use bags::{Bags, reachable_loopback};

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
        ALM => alm::bags(facts).map(Some),
        COS_AGENT => cos_agent::bags(facts).map(Some),
        METRICS => metrics::bags(facts).map(Some),
        _ => Ok(None),
    }
}

/// Something for the status that works less than it could, though nothing is broken.
#[must_use]
pub fn remark(facts: &Facts) -> Option<&'static str> {
    let related = |endpoint| facts.related.iter().any(|related| related.id.endpoint() == endpoint);
    let settings = facts.settings()?;
    if facts.api_is_open() && !settings.open_metrics && (related(METRICS) || related(COS_AGENT)) {
        return Some("metrics: those who scrape have no token, set open-metrics=true");
    }
    (related(METRICS) && facts.api_ip()?.is_loopback() && !reachable_loopback(facts))
        .then_some("metrics-endpoint: nothing to scrape while api-address=loopback")
}
