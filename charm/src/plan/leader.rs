//! What the leader does for the cluster.

use std::collections::BTreeMap;

use juju_hooks::UnitName;
use paperclip_client::certificate::{Certificate, Request};

use crate::cluster::bags::{ApplicationBag, UnitBag};
use crate::cluster::turns::{self, Decision, Standing};
use crate::facts::{Cluster, Facts};

use super::{PlanError, Step, presence};

/// Adds the leader's steps.
pub(super) fn plan(facts: &Facts, steps: &mut Vec<Step>) -> Result<(), PlanError> {
    let Some(cluster) = facts.cluster.as_ref().filter(|_| facts.leads()) else {
        return Ok(());
    };
    let Some(cluster_id) = &cluster.application.cluster_id else {
        if facts.tried.secret.is_none() {
            steps.push(Step::MakeCluster);
        }
        return Ok(());
    };
    if facts.api_is_open() && cluster.application.token_secret.is_none() && facts.tried.secret.is_none() {
        steps.push(Step::MakeToken);
    }
    let asked: Vec<(UnitName, Request)> = units(facts, cluster)
        .filter_map(|(unit, bag)| uncertified(facts, cluster, cluster_id, unit, bag))
        .collect();
    if !asked.is_empty() && facts.tried.secret.is_none() {
        steps.push(Step::Certify(asked));
        return Ok(());
    }
    let application = ApplicationBag {
        certificates: certificates_of_members(facts, cluster),
        lost: presence::lost(facts, cluster),
        turn: turn(facts).and_then(|decision| decision.turn),
        ..cluster.application.clone()
    };
    let changes = application.changes(&cluster.application_bag)?;
    if !changes.is_empty() {
        steps.push(Step::SetApplicationBag(cluster.relation.clone(), changes));
    }
    Ok(())
}

/// Who may restart, as this unit decides if it leads.
pub(super) fn turn(facts: &Facts) -> Option<Decision> {
    let cluster = facts.cluster.as_ref().filter(|_| facts.leads())?;
    let lost = presence::lost(facts, cluster);
    let standings: BTreeMap<UnitName, Standing> = units(facts, cluster)
        .filter(|(unit, _)| !lost.contains(unit))
        .map(|(unit, bag)| (unit.clone(), Standing { wants: bag.restart_wanted.clone(), ready: bag.ready }))
        .collect();
    Some(turns::decide(cluster.application.turn.as_ref(), &standings, &facts.unit, facts.now))
}

/// This unit and its peers, without those that will never have a node.
fn units<'a>(facts: &'a Facts, cluster: &'a Cluster) -> impl Iterator<Item = (&'a UnitName, &'a UnitBag)> {
    let own = facts.neighbour().is_none().then_some((&facts.unit, &cluster.own));
    own.into_iter().chain(cluster.peers.iter().filter(|(_, bag)| !bag.misplaced))
}

/// A unit's request that the application bag does not answer yet.
fn uncertified(
    facts: &Facts,
    cluster: &Cluster,
    cluster_id: &str,
    unit: &UnitName,
    bag: &UnitBag,
) -> Option<(UnitName, Request)> {
    let request = bag.request.as_ref().filter(|request| request.id == cluster_id)?;
    let answered = cluster.application.certificates.get(unit).is_some_and(|known| known.answers(request));
    let hopeless = facts.tried.refused.contains_key(unit);
    (!answered && !hopeless).then(|| (unit.clone(), request.clone()))
}

/// The certificates without those of units that have left. A unit keeps its own in a file; nothing is lost when a new
/// leader has not met it yet.
fn certificates_of_members(facts: &Facts, cluster: &Cluster) -> BTreeMap<UnitName, Certificate> {
    cluster
        .application
        .certificates
        .iter()
        .filter(|(unit, _)| **unit == facts.unit || cluster.peers.contains_key(*unit))
        .map(|(unit, certificate)| (unit.clone(), certificate.clone()))
        .collect()
}
