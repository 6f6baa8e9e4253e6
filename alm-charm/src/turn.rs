//! Turns: which unit of a refresh may restart, and whether those that have do as well as before.

use std::collections::{BTreeMap, VecDeque};

use alm_interface::application::{Application, Measure, Turn};
use alm_interface::manager::{Verdict, Word};
use alm_interface::text::Line;
use juju_hooks::UnitName;

use crate::cluster::Cluster;
use crate::health::{Health, judge, span};
use crate::inputs::Inputs;
use crate::operation::{GatedTurn, Kind, Operation, Outcome};
use crate::state::{MAX_GIVEN, Order, Refresh, State};

/// How long a unit has to be healthy again after it was given its turn, in seconds.
pub(crate) const TURN_SECONDS: u64 = 3600;
/// How long a unit must have been healthy before the next one gets its turn, in seconds. Its measures are compared then.
pub(crate) const SOAK_SECONDS: u64 = 300;

/// Follows the turns of a cluster: notes the one that is wanted, and ends those that are over.
pub(crate) fn follow(state: &mut State, cluster: &Cluster, inputs: &Inputs<'_>) {
    let wanted = cluster.bag().and_then(|bag| bag.turn_wanted.as_ref());
    let open: Vec<Operation> = state.open_of(&cluster.relation, Kind::Turn).cloned().collect();
    for operation in open {
        let Some((outcome, message)) = over(state, &operation, cluster, wanted, inputs) else { continue };
        if let Some(turn) = &operation.turn {
            note(state, cluster, turn, outcome, &message, inputs.now);
        }
        state.end(&operation.id, outcome, &message, inputs.now);
    }
    let Some(wanted) = wanted.filter(|_| inputs.policy.gate && cluster.offers("refresh-turn@1", None)) else {
        return;
    };
    let refresh = &mut state.remembered(&cluster.relation, inputs.now).refresh;
    if refresh.as_ref().is_none_or(|refresh| refresh.into != wanted.into) {
        *refresh = Some(Refresh { into: wanted.into.clone(), done: 0, given: VecDeque::new(), held: None });
    }
    let given = refresh.as_ref().is_some_and(|refresh| refresh.given.contains(&wanted.id));
    if !given && of(state, cluster, wanted).is_none() {
        let cause = format!("the application restarts into {}", wanted.into);
        let operation = state.begin(
            cluster,
            Order::new(Kind::Turn, Some(&wanted.unit), &cause, TURN_SECONDS),
            inputs.now,
        );
        if let Some(operation) = operation {
            operation.turn = Some(GatedTurn {
                id: wanted.id.clone(),
                into: wanted.into.clone(),
                rollback: wanted.rollback.clone(),
                given: None,
                healthy_since: None,
                before: BTreeMap::new(),
            });
        }
    }
}

/// The open operation of a turn.
fn of<'a>(state: &'a State, cluster: &Cluster, wanted: &Turn) -> Option<&'a Operation> {
    state
        .open_of(&cluster.relation, Kind::Turn)
        .find(|operation| operation.turn.as_ref().is_some_and(|turn| turn.id == wanted.id))
}

/// Gives the turn that is wanted if nothing stands in the way, and says so.
pub(crate) fn verdict(state: &mut State, cluster: &Cluster, inputs: &Inputs<'_>) -> Option<Verdict> {
    let wanted = cluster.bag()?.turn_wanted.as_ref()?;
    let refresh = state.applications.get(&cluster.relation)?.refresh.as_ref()?;
    let word = |word, reason: Option<Line>| Some(Verdict { turn: wanted.id.clone(), word, reason });
    if refresh.given.contains(&wanted.id) {
        return word(Word::Go, None);
    }
    let id = of(state, cluster, wanted)?.id.clone();
    if let Some(reason) = refresh.held.clone() {
        return word(Word::Rollback, Some(reason));
    }
    if let Some(reason) = obstacle(state, cluster, &wanted.unit, inputs) {
        return word(Word::Hold, Some(Line::of(&reason)));
    }
    let before = cluster.bag().map(|bag| inputs.measured(cluster, bag, &wanted.unit)).unwrap_or_default();
    let open = state.open.iter_mut().find(|open| open.id == id)?;
    let turn = open.turn.as_mut()?;
    turn.given = Some(inputs.now);
    turn.before = before;
    open.deadline = inputs.now + TURN_SECONDS;
    let refresh = state.remembered(&cluster.relation, inputs.now).refresh.as_mut()?;
    refresh.given.push_back(wanted.id.clone());
    while refresh.given.len() > MAX_GIVEN {
        refresh.given.pop_front();
    }
    word(Word::Go, None)
}

/// What stands in the way of taking a unit down now.
fn obstacle(state: &State, cluster: &Cluster, unit: &UnitName, inputs: &Inputs<'_>) -> Option<String> {
    if state.paused {
        return Some("paused: juju run the action resume".into());
    }
    if inputs.policy.within(inputs.now).is_none() {
        let window = inputs.policy.window.map(|window| window.to_string()).unwrap_or_default();
        return Some(format!("waits for the window {window} (UTC)"));
    }
    let refresh =
        state.applications.get(&cluster.relation).and_then(|remembered| remembered.refresh.as_ref());
    let under_way = state.open_of(&cluster.relation, Kind::Turn).find(|operation| operation.takes_down());
    // The first unit of a refresh is measured before any other follows, however many may be down.
    if let Some(first) = under_way.filter(|_| refresh.is_some_and(|refresh| refresh.done == 0)) {
        let first = first.to.as_ref().map(ToString::to_string).unwrap_or_default();
        return Some(format!("{first}, the first to restart, is being watched"));
    }
    let down = inputs.down(state, cluster, unit);
    let most = usize::try_from(inputs.policy.max_unavailable).unwrap_or(usize::MAX).max(1);
    (down.len() >= most).then(|| format!("waits for {}", down.join(", ")))
}

/// Whether a turn is over, and how it went.
fn over(
    state: &mut State,
    operation: &Operation,
    cluster: &Cluster,
    wanted: Option<&Turn>,
    inputs: &Inputs<'_>,
) -> Option<(Outcome, String)> {
    let (unit, turn) = (operation.to.as_ref()?, operation.turn.as_ref()?);
    if !cluster.units.contains_key(unit) {
        return Some((Outcome::Gone, format!("{unit} left")));
    }
    let withdrawn = wanted.is_none_or(|wanted| wanted.id != turn.id);
    if wanted.is_some_and(|wanted| withdrawn && wanted.unit == *unit) {
        return Some((Outcome::Gone, format!("{unit} is to have another turn")));
    }
    let Some(given) = turn.given else {
        return withdrawn.then(|| (Outcome::Gone, "the application no longer wants it".into()));
    };
    let health = judge(cluster, unit, inputs.watch, inputs.now);
    let waits = cluster.unit(unit).is_none_or(|unit| unit.restart_wanted.is_some());
    let back = withdrawn && !waits && health == Health::Healthy;
    let healthy_since = if back { turn.healthy_since.or(Some(inputs.now)) } else { None };
    let open = state.open.iter_mut().find(|open| open.id == operation.id)?;
    if let Some(turn) = &mut open.turn {
        turn.healthy_since = healthy_since;
    }
    let soaked = healthy_since.is_some_and(|since| inputs.now.saturating_sub(since) >= SOAK_SECONDS);
    if soaked {
        let worse = cluster.bag().map(|bag| worse(cluster, bag, unit, turn, inputs)).unwrap_or_default();
        return Some(match worse.is_empty() {
            true => (Outcome::Done, format!("{unit} is healthy in {}", turn.into)),
            false => (Outcome::Failed, format!("{unit} does worse: {}", worse.join(", "))),
        });
    }
    (!back && inputs.now > operation.deadline).then(|| {
        (Outcome::Failed, format!("{unit} is {health}, {} after its turn", span(inputs.now - given)))
    })
}

/// The measures that are worse than they were.
fn worse(
    cluster: &Cluster,
    bag: &Application,
    unit: &UnitName,
    turn: &GatedTurn,
    inputs: &Inputs<'_>,
) -> Vec<String> {
    let now = inputs.measured(cluster, bag, unit);
    let told = |measure: &Measure| {
        let name = measure.name.as_str();
        let (before, now) = (*turn.before.get(name)?, *now.get(name)?);
        is_worse(measure, before, now).then(|| format!("{name} {} before, {} now", short(before), short(now)))
    };
    bag.measures.iter().filter_map(told).collect()
}

/// Whether a measure went beyond what is tolerated. What is no number tells nothing.
fn is_worse(measure: &Measure, before: f64, now: f64) -> bool {
    let slack = u32::try_from(measure.slack_thousandths).map_or(f64::MAX, f64::from) / 1000.0;
    let most = before.max(0.0) * f64::from(measure.tolerated_percent) / 100.0 + slack;
    now.is_finite() && before.is_finite() && now > most
}

fn short(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// What a turn that is over says about its refresh.
fn note(state: &mut State, cluster: &Cluster, turn: &GatedTurn, outcome: Outcome, message: &str, now: u64) {
    let Some(refresh) = &mut state.remembered(&cluster.relation, now).refresh else { return };
    if refresh.into != turn.into {
        return;
    }
    match outcome {
        Outcome::Done => refresh.done += 1,
        Outcome::Failed => {
            let back = turn.rollback.as_ref().map_or_else(
                || format!("go back with juju refresh {} --revision=<the one before>", cluster.name),
                |command| format!("go back with {command}"),
            );
            refresh.held = Some(Line::of(&format!("{message}; {back}, or run the action resume")));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_is_worse_beyond_what_is_tolerated() {
        let measure = Measure {
            name: Line::of("flush p99"),
            query: "x".parse().unwrap(),
            tolerated_percent: 200,
            slack_thousandths: 50,
        };
        for (before, now, worse) in [
            (0.010, 0.060, false),
            (0.010, 0.080, true),
            (0.0, 0.040, false),
            (0.0, 0.060, true),
            (1.0, 2.04, false),
            (1.0, f64::NAN, false),
            (f64::NAN, 9.0, false),
        ] {
            assert_eq!(is_worse(&measure, before, now), worse, "{before} {now}");
        }
    }
}
