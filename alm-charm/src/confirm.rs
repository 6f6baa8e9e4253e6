//! Confirming: what came of what is open. Each operation that has ended leaves a record.

use alm_interface::operation::{OperationResult, State as Reached};

use crate::cluster::Cluster;
use crate::health::{Health, judge, span};
use crate::inputs::Inputs;
use crate::operation::{Kind, Operation, Outcome};
use crate::state::State;

/// How long after its deadline something that has begun may take, in seconds.
const RUN_SECONDS: u64 = 6 * 3600;
/// How long after its deadline we wait for the word that nothing has begun, in seconds: bags arrive by the other side's hooks.
const GRACE_SECONDS: u64 = 600;

/// Follows everything that is open, except turns.
pub(crate) fn confirm(state: &mut State, inputs: &Inputs<'_>) {
    for operation in state.open.clone() {
        let Some(cluster) = inputs.cluster(&operation.relation) else {
            state.end(&operation.id, Outcome::Gone, "the application left", inputs.now);
            continue;
        };
        let ended = match operation.kind {
            Kind::Turn => None,
            Kind::Replace => replaced(&operation, cluster, inputs),
            Kind::Resync | Kind::Backup | Kind::RotateToken => answered(state, &operation, cluster, inputs),
        };
        if let Some((outcome, message)) = ended {
            if outcome == Outcome::Done {
                remember(state, &operation, inputs.now);
            }
            state.end(&operation.id, outcome, &message, inputs.now);
        }
    }
}

/// What the schedule goes on from.
fn remember(state: &mut State, operation: &Operation, now: u64) {
    let remembered = state.remembered(&operation.relation, now);
    match operation.kind {
        Kind::Backup => remembered.backup = Some(operation.issued),
        Kind::RotateToken => remembered.rotation = Some(operation.issued),
        Kind::Resync | Kind::Turn | Kind::Replace => {}
    }
}

type Ended = Option<(Outcome, String)>;

/// What the other side says of a request. Its request is dropped from our bag once the result is final.
fn answered(state: &mut State, operation: &Operation, cluster: &Cluster, inputs: &Inputs<'_>) -> Ended {
    if let Some(to) = &operation.to
        && !cluster.units.contains_key(to)
    {
        return Some((Outcome::Gone, format!("{to} left")));
    }
    let result = result(operation, cluster);
    let open = state.open.iter_mut().find(|open| open.id == operation.id)?;
    if let (Some(result), Some(_)) = (result, &open.request) {
        open.reached = Some(result.state);
        open.message.clone_from(&result.message);
        if result.state.is_final() {
            open.request = None;
        }
    }
    let said = open.message.as_ref().map(ToString::to_string).unwrap_or_default();
    match open.reached {
        Some(Reached::Done) => carried_out(operation, cluster, inputs, said),
        Some(Reached::Failed) => Some((Outcome::Failed, said)),
        Some(Reached::Refused) => Some((Outcome::Refused, said)),
        Some(Reached::Running) if inputs.now > operation.deadline + RUN_SECONDS => {
            Some((Outcome::Expired, format!("still running after {}", span(inputs.now - operation.issued))))
        }
        None | Some(Reached::Acknowledged) if inputs.now > operation.deadline + GRACE_SECONDS => {
            Some((Outcome::Expired, "not begun in time".into()))
        }
        _ => None,
    }
}

fn result<'a>(operation: &Operation, cluster: &'a Cluster) -> Option<&'a OperationResult> {
    let results = match &operation.to {
        Some(to) => &cluster.unit(to)?.results,
        None => &cluster.bag()?.results,
    };
    results.iter().find(|result| result.id == operation.id)
}

/// It was carried out. Did it help?
fn carried_out(operation: &Operation, cluster: &Cluster, inputs: &Inputs<'_>, said: String) -> Ended {
    let (Kind::Resync, Some(to)) = (operation.kind, &operation.to) else {
        return Some((Outcome::Done, said));
    };
    match judge(cluster, to, inputs.watch, inputs.now) {
        Health::Healthy => Some((Outcome::Done, said)),
        health if inputs.now > operation.deadline + GRACE_SECONDS => {
            Some((Outcome::Unconfirmed, format!("{to} is {health} after it; {said}")))
        }
        _ => None,
    }
}

/// Whether a lost unit has come back or was replaced.
fn replaced(operation: &Operation, cluster: &Cluster, inputs: &Inputs<'_>) -> Ended {
    let lost = operation.to.as_ref()?;
    if cluster.units.contains_key(lost) {
        let health = judge(cluster, lost, inputs.watch, inputs.now);
        if !matches!(health, Health::Silent { .. }) {
            return Some((Outcome::Recovered, format!("{lost} is heard of again: {health}")));
        }
    } else {
        let healthy = cluster
            .units
            .keys()
            .filter(|unit| judge(cluster, unit, inputs.watch, inputs.now) == Health::Healthy);
        if healthy.count() >= cluster.planned() {
            return Some((Outcome::Done, format!("{lost} left, and all units are healthy")));
        }
    }
    (inputs.now > operation.deadline).then(|| (Outcome::Expired, format!("{lost} was not replaced")))
}
