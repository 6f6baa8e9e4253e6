//! The cluster as this unit sees it.

use juju_hooks::Invoke;
use serde_json::{Value, json};

use super::parameters::{Confirmed, NoParameters};
use super::unit::{ActionError, Results, Unit, json as line};
use crate::facts::Facts;
use crate::machine::{Memory, ServiceState};

pub(super) fn show<I: Invoke>(_: &NoParameters, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    let facts = &unit.facts;
    let cluster = facts
        .cluster
        .as_ref()
        .ok_or_else(|| ActionError::Refused("the unit has no peer relation yet".into()))?;
    let node = facts.node.as_ref().ok_or(ActionError::NotRunning)?;
    let mut units: Vec<Value> = vec![json!({
        "unit": facts.unit.to_string(),
        "peer-id": node.peer_id,
        "version": node.version,
        "ready": node.ready,
        "leader": facts.leads(),
        "heads-digest": node.heads_digest,
    })];
    let mut in_step = usize::from(node.ready);
    for (name, bag) in &cluster.peers {
        let peer = node.peers.iter().find(|peer| Some(&peer.id) == bag.peer_id.as_ref());
        let agrees = peer.is_some_and(|peer| peer.in_step);
        in_step += usize::from(agrees);
        units.push(json!({
            "unit": name.to_string(),
            "peer-id": bag.peer_id,
            "version": bag.version,
            "ready": bag.ready,
            "lost": cluster.application.lost.contains(name),
            "connected": peer.is_some(),
            "in-step": agrees,
        }));
    }
    let summary = format!("{in_step} of {} units agree with this one", cluster.peers.len() + 1);
    Ok(vec![
        ("summary", summary),
        ("cluster-id", cluster.application.cluster_id.clone().unwrap_or_default()),
        ("heads-digest", node.heads_digest.clone()),
        ("units", line(&units)),
    ])
}

pub(super) fn api_token<I: Invoke>(_: &NoParameters, unit: &Unit<'_, I>) -> Result<Results, ActionError> {
    if !unit.facts.api_is_open() {
        let reason = "the API asks for no token while it listens on a loopback address (option api-address)";
        return Err(ActionError::Refused(reason.into()));
    }
    let token = unit.facts.token.as_ref().ok_or_else(|| {
        ActionError::Refused("the unit has no token yet; wait for juju status to be active".into())
    })?;
    Ok(vec![("token", token.trim().to_owned())])
}

pub(super) fn force_restart<I: Invoke>(
    asked: &Confirmed,
    unit: &Unit<'_, I>,
) -> Result<Results, ActionError> {
    if !asked.confirm {
        let problem = "must be true: the node restarts though it is not its turn, whatever the others do";
        return Err(ActionError::Parameter { name: "confirm", problem: problem.into() });
    }
    if unit.facts.service.state != ServiceState::Active {
        return Err(ActionError::NotRunning);
    }
    unit.machine.remember(&Memory { force_restart: true, ..unit.facts.memory.clone() })?;
    Ok(vec![("summary", "restarting paperclip-node without a turn; juju status tells how it goes".into())])
}

pub(super) fn pre_refresh_check<I: Invoke>(
    _: &NoParameters,
    unit: &Unit<'_, I>,
) -> Result<Results, ActionError> {
    let obstacles = obstacles(&unit.facts);
    if obstacles.is_empty() {
        let rollback = "to go back: juju refresh paperclip --revision=<the one before>; data stays readable";
        return Ok(vec![("summary", "ready for refresh".into()), ("rollback", rollback.into())]);
    }
    Err(ActionError::Refused(format!("not ready for refresh: {}", obstacles.join("; "))))
}

/// What stands in the way of a refresh.
fn obstacles(facts: &Facts) -> Vec<String> {
    let mut obstacles = Vec::new();
    if let Err(faults) = &facts.options {
        obstacles.extend(faults.iter().map(|fault| format!("config {fault}")));
    }
    let (Some(cluster), Some(node)) = (&facts.cluster, &facts.node) else {
        obstacles.push("paperclip-node does not answer on this unit".to_owned());
        return obstacles;
    };
    if !node.ready {
        obstacles.push("paperclip-node is not ready on this unit".to_owned());
    }
    if let Some(turn) = &cluster.application.turn {
        obstacles.push(format!("{} is being restarted", turn.unit));
    }
    for (name, bag) in cluster.peers.iter().filter(|(_, bag)| !bag.misplaced) {
        if cluster.application.lost.contains(name) {
            obstacles.push(format!("{name} is lost: remove it (juju remove-unit --force)"));
            continue;
        }
        if !bag.ready {
            obstacles.push(format!("{name} does not serve"));
            continue;
        }
        let met = node.peers.iter().any(|peer| Some(&peer.id) == bag.peer_id.as_ref() && peer.in_step);
        if !met {
            obstacles.push(format!("{name} has not exchanged heads with this unit"));
        }
    }
    obstacles
}
