//! Deciding: the next state, from what is observed and what the policy wants.

use std::collections::BTreeMap;

use alm_interface::manager::Manager;
use alm_interface::text::{Line, Name, Texts};
use juju_hooks::{RelationId, UnitName};

use crate::bag;
use crate::cluster::Cluster;
use crate::confirm;
use crate::health::{APART_SECONDS, Health, judge, span};
use crate::inputs::Inputs;
use crate::operation::{Kind, Outcome};
use crate::state::{Order, State};
use crate::turn;

/// How long a unit must be silent before it counts as lost, in seconds.
pub const LOST_SECONDS: u64 = 3600;
/// How long after something failed it is tried again, in seconds; twice as long after each failure that follows.
pub const RETRY_SECONDS: u64 = 3600;
/// The longest that is waited after failures, in seconds.
pub const MAX_RETRY_SECONDS: u64 = 24 * 3600;
/// How long the operator has to replace a lost unit before that is recorded as not done, in seconds.
pub const REPLACE_SECONDS: u64 = 7 * 86_400;

/// What was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The next state.
    pub state: State,
    /// What each application is told. To be written in the same hook as the state.
    pub bags: BTreeMap<RelationId, Manager>,
}

/// Decides. The same inputs give the same decision, whoever leads.
#[must_use]
pub fn decide(state: &State, inputs: &Inputs<'_>) -> Decided {
    let mut state = state.clone();
    state.silences.retain(|silence| silence.until > inputs.now);
    confirm::confirm(&mut state, inputs);
    state.applications.retain(|relation, _| inputs.cluster(relation).is_some());
    let mut bags = BTreeMap::new();
    for cluster in inputs.clusters {
        state.remembered(&cluster.relation, inputs.now);
        turn::follow(&mut state, cluster, inputs);
        losses(&mut state, cluster, inputs);
        let within = inputs.policy.within(inputs.now).filter(|_| !state.paused && cluster.is_managed());
        if let Some(within) = within {
            resyncs(&mut state, cluster, inputs, within);
            backups(&mut state, cluster, inputs, within);
            rotations(&mut state, cluster, inputs, within);
        }
        let verdict = turn::verdict(&mut state, cluster, inputs);
        bags.insert(cluster.relation.clone(), bag::of(&state, cluster, verdict, inputs));
    }
    Decided { state, bags }
}

/// Whether a refresh is under way, in which units are out of step for good reasons.
fn refreshes(state: &State, cluster: &Cluster) -> bool {
    state.open_of(&cluster.relation, Kind::Turn).any(|operation| operation.takes_down())
}

/// Opens a case for each unit that is lost. Nobody is asked for anything but the operator, so neither pause nor window count.
fn losses(state: &mut State, cluster: &Cluster, inputs: &Inputs<'_>) {
    let heard = |unit: &UnitName| inputs.watch.silent_for(&cluster.relation, unit, inputs.now).is_none();
    if !cluster.readable().any(|(unit, _)| heard(unit)) {
        // All at once: it is the network between us and them, or us.
        return;
    }
    for unit in cluster.units.keys() {
        let silent = inputs.watch.silent_for(&cluster.relation, unit, inputs.now);
        let Some(seconds) = silent.filter(|seconds| *seconds >= LOST_SECONDS) else { continue };
        if state.open_on(&cluster.relation, Kind::Replace, Some(unit)).is_some() {
            continue;
        }
        let cause = format!("{unit} is silent {}", span(seconds));
        state.begin(cluster, Order::new(Kind::Replace, Some(unit), &cause, REPLACE_SECONDS), inputs.now);
    }
}

/// Asks units that stay out of step to resync.
fn resyncs(state: &mut State, cluster: &Cluster, inputs: &Inputs<'_>, within: u64) {
    if !inputs.policy.auto_resync || refreshes(state, cluster) {
        return;
    }
    for unit in cluster.units.keys() {
        let most = usize::try_from(inputs.policy.max_unavailable).unwrap_or(usize::MAX);
        if state.open_of(&cluster.relation, Kind::Resync).count() >= most.max(1) {
            return;
        }
        let Health::Apart { seconds, pending } = judge(cluster, unit, inputs.watch, inputs.now) else {
            continue;
        };
        let asked = state.open_on(&cluster.relation, Kind::Resync, Some(unit)).is_some();
        if asked || seconds < APART_SECONDS || !cluster.offers("resync@1", Some(unit)) {
            continue;
        }
        if waits(state, cluster, Kind::Resync, Some(unit), inputs.now) {
            continue;
        }
        let cause = format!("out of step {}, {pending} pending", span(seconds));
        state.begin(cluster, Order::new(Kind::Resync, Some(unit), &cause, within), inputs.now);
    }
}

/// Asks for the backup that is due, of one healthy unit. After a failure, another unit is asked.
fn backups(state: &mut State, cluster: &Cluster, inputs: &Inputs<'_>, within: u64) {
    let Some(schedule) = inputs.policy.backups else { return };
    let last = state.applications.get(&cluster.relation).and_then(|remembered| remembered.backup);
    let due = last.is_none_or(|last| inputs.now.saturating_sub(last) >= schedule.every);
    let busy = state.open_of(&cluster.relation, Kind::Backup).next().is_some();
    if !due || busy || waits(state, cluster, Kind::Backup, None, inputs.now) {
        return;
    }
    let able: Vec<&UnitName> = cluster
        .units
        .keys()
        .filter(|unit| judge(cluster, unit, inputs.watch, inputs.now) == Health::Healthy)
        .filter(|unit| cluster.offers("backup@1", Some(unit)))
        .collect();
    if able.is_empty() {
        return;
    }
    let failures = failures(state, cluster, Kind::Backup, None).0;
    let unit = able[failures % able.len()];
    let cause = last.map_or_else(
        || "scheduled, the first".to_owned(),
        |last| format!("scheduled, the last was {} ago", span(inputs.now - last)),
    );
    let order = Order::new(Kind::Backup, Some(unit), &cause, within);
    state.begin(cluster, Order { params: keep(schedule.keep), ..order }, inputs.now);
}

/// The parameter of a backup.
pub(crate) fn keep(keep: u32) -> Texts {
    let pair = "keep".parse().ok().map(|name| (name, Line::of(&keep.to_string())));
    Texts::try_from(pair.into_iter().collect::<BTreeMap<Name, Line>>()).unwrap_or_default()
}

/// Asks for a new token when the present one is old enough, and all units are there to take it over.
fn rotations(state: &mut State, cluster: &Cluster, inputs: &Inputs<'_>, within: u64) {
    let Some(every) = inputs.policy.token_seconds else { return };
    let Some(remembered) = state.applications.get(&cluster.relation) else { return };
    let since = remembered.rotation.unwrap_or(remembered.since);
    let due = inputs.now.saturating_sub(since) >= every;
    let busy = state.open_of(&cluster.relation, Kind::RotateToken).next().is_some();
    let all = cluster.units.len() >= cluster.planned()
        && cluster.units.keys().all(|unit| judge(cluster, unit, inputs.watch, inputs.now) == Health::Healthy);
    if !due || busy || !all || refreshes(state, cluster) || !cluster.offers("rotate-token@1", None) {
        return;
    }
    if !waits(state, cluster, Kind::RotateToken, None, inputs.now) {
        let cause = format!("the token is {} old", span(inputs.now - since));
        state.begin(cluster, Order::new(Kind::RotateToken, None, &cause, within), inputs.now);
    }
}

/// How often a kind has failed in a row, and when the last time ended. `to` narrows it to a unit.
fn failures(state: &State, cluster: &Cluster, kind: Kind, to: Option<&UnitName>) -> (usize, Option<u64>) {
    let mut same = state.records.iter().rev().filter(|record| {
        record.relation == cluster.relation
            && record.kind == kind
            && (to.is_none() || record.to.as_ref() == to)
    });
    let last = same.clone().next().map(|record| record.ended);
    let failed = same.position(|record| record.outcome == Outcome::Done);
    let all =
        || state.records.iter().filter(|record| record.relation == cluster.relation && record.kind == kind);
    (failed.unwrap_or_else(|| all().filter(|record| to.is_none() || record.to.as_ref() == to).count()), last)
}

/// Whether to wait because the last time failed. A resync that helped is not repeated at once either: what it mended came back.
fn waits(state: &State, cluster: &Cluster, kind: Kind, to: Option<&UnitName>, now: u64) -> bool {
    let (failures, last) = failures(state, cluster, kind, to);
    let Some(last) = last else { return false };
    let step = match failures {
        0 if kind == Kind::Resync => RETRY_SECONDS,
        0 => return false,
        failures => {
            let doublings = u32::try_from(failures - 1).unwrap_or(u32::MAX).min(16);
            RETRY_SECONDS.saturating_mul(1 << doublings).min(MAX_RETRY_SECONDS)
        }
    };
    now.saturating_sub(last) < step
}
