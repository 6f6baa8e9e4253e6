//! Status: one line for all clusters, and what is wrong when something is.

use crate::cluster::Cluster;
use crate::health::{APART_SECONDS, Health, judge, span};
use crate::inputs::Inputs;
use crate::operation::Kind;
use crate::state::State;

/// What `juju status` shows of a message.
pub const LINE_CHARACTERS: usize = 120;

/// The line. What is wrong comes first.
#[must_use]
pub fn line(state: &State, inputs: &Inputs<'_>) -> String {
    if inputs.clusters.is_empty() {
        return "ready; relate an application: juju integrate <application> <this>".into();
    }
    let mut told: Vec<(bool, String)> =
        inputs.clusters.iter().map(|cluster| tell(state, cluster, inputs)).collect();
    told.sort_by_key(|(well, _)| *well);
    let words = told.into_iter().map(|(_, words)| words);
    let mut parts: Vec<String> = state.paused.then(|| "paused".to_owned()).into_iter().chain(words).collect();
    let whole = parts.join("; ");
    if whole.chars().count() <= LINE_CHARACTERS {
        return whole;
    }
    // What does not fit is counted, and show-clusters has it.
    let mut left = 0;
    loop {
        let more = if left > 0 { format!("; {left} more: show-clusters") } else { String::new() };
        let line = format!("{}{more}", parts.join("; "));
        if line.chars().count() <= LINE_CHARACTERS {
            return line;
        }
        if parts.len() < 2 {
            let mut cut: String = line.chars().take(LINE_CHARACTERS - 1).collect();
            cut.push('…');
            return cut;
        }
        parts.pop();
        left += 1;
    }
}

/// What is told of one cluster, and whether it is well.
fn tell(state: &State, cluster: &Cluster, inputs: &Inputs<'_>) -> (bool, String) {
    let name = &cluster.name;
    if let Some(silence) = state.silence(name, inputs.now) {
        return (true, format!("{name}: silenced {} more", span(silence.until - inputs.now)));
    }
    match &cluster.application {
        Err(reason) => return (false, format!("{name}: data refused: {reason}")),
        Ok(None) => return (true, format!("{name}: not heard of yet")),
        Ok(Some(_)) => {}
    }
    let health: Vec<(String, Health)> = cluster
        .units
        .keys()
        .map(|unit| (unit.to_string(), judge(cluster, unit, inputs.watch, inputs.now)))
        .collect();
    let planned = cluster.planned().max(health.len());
    // A unit that catches up serves; it is told of when it stays so.
    let well = |health: &Health| match health {
        Health::Apart { seconds, .. } => *seconds < APART_SECONDS,
        other => *other == Health::Healthy,
    };
    let healthy = health.iter().filter(|(_, health)| well(health)).count();
    let mut wrong: Vec<String> = health
        .iter()
        .filter(|(unit, health)| !well(health) && state.silence(unit, inputs.now).is_none())
        .map(|(unit, health)| worded(state, cluster, unit, health))
        .collect();
    let missing = planned.saturating_sub(health.len());
    if missing > 0 {
        wrong.push(format!("{missing} planned and not there"));
    }
    let refresh =
        state.applications.get(&cluster.relation).and_then(|remembered| remembered.refresh.as_ref());
    if let Some(held) = refresh.and_then(|refresh| refresh.held.as_ref()) {
        wrong.insert(0, format!("refresh held: {held}"));
    }
    let summary = format!("{name}: {healthy}/{planned} healthy");
    if !wrong.is_empty() {
        return (false, format!("{summary}, {}", wrong.join(", ")));
    }
    if !cluster.is_managed() {
        return (true, format!("{summary} (version 1, watched only)"));
    }
    let in_step = health.iter().all(|(_, health)| *health == Health::Healthy) && healthy == planned;
    let in_step = if in_step { ", in step" } else { "" };
    (true, format!("{summary}{in_step}{}", counted(cluster)))
}

/// A unit that is not well, with the remedy where the operator has one.
fn worded(state: &State, cluster: &Cluster, unit: &str, health: &Health) -> String {
    let mut lost = state.open_of(&cluster.relation, Kind::Replace);
    if lost.any(|operation| operation.to.as_ref().is_some_and(|to| to.to_string() == unit)) {
        return format!("{unit} lost ({health}): remove-unit --force {unit}, then add-unit");
    }
    format!("{unit} {health}")
}

/// What the cluster holds, as the unit with the most of it says.
fn counted(cluster: &Cluster) -> String {
    let first = cluster.readable().filter_map(|(_, unit)| unit.counts.first());
    first
        .max_by_key(|count| count.count)
        .map_or_else(String::new, |count| format!(", {} {}", count.count, count.name))
}
