//! Whose turn to restart it is: one unit at a time, the next only when the last is healthy again.
//!
//! A unit that wants to restart says so in its bag and keeps saying it until it runs what it wanted and is healthy.
//! The leader gives the turn in the application bag and takes it back when the unit no longer asks. Everything is in
//! the bags, so a new leader carries on where the last one stopped.

use std::collections::BTreeMap;

use juju_hooks::UnitName;
use serde::{Deserialize, Serialize};

/// How long a unit may have its turn before it counts as stuck, in seconds.
pub const TURN_SECONDS: u64 = 600;

/// A turn that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Turn {
    /// To whom.
    pub unit: UnitName,
    /// What it restarts into.
    pub digest: String,
    /// When, in seconds since 1970.
    pub given_at: u64,
}

/// What the leader knows of a unit here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What it wants to restart into, or has restarted into without being healthy yet.
    pub wants: Option<String>,
    /// Whether it serves.
    pub ready: bool,
}

/// Whose turn it is, and whether somebody sits on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What the application bag should say.
    pub turn: Option<Turn>,
    /// The unit that has not come back from its restart in time.
    pub stuck: Option<UnitName>,
}

/// Decides as the leader.
///
/// `units` are all units of the cluster, the leader's own included; `leader` restarts last.
#[must_use]
pub fn decide(
    turn: Option<&Turn>,
    units: &BTreeMap<UnitName, Standing>,
    leader: &UnitName,
    now: u64,
) -> Decision {
    let held = turn.filter(|turn| {
        let standing = units.get(&turn.unit);
        standing.is_some_and(|standing| standing.wants.as_ref() == Some(&turn.digest))
    });
    if let Some(turn) = held {
        let late = now.saturating_sub(turn.given_at) > TURN_SECONDS;
        return Decision { turn: Some(turn.clone()), stuck: late.then(|| turn.unit.clone()) };
    }
    // A unit that does not serve is mended before any other is taken down, and takes nothing away when it restarts. One
    // that serves goes down only while all others serve.
    let mut asking: Vec<(&UnitName, &Standing)> =
        units.iter().filter(|(_, standing)| standing.wants.is_some()).collect();
    asking.sort_by_key(|(unit, standing)| (standing.ready, *unit == leader, *unit));
    let Some((next, standing)) = asking.first() else {
        return Decision { turn: None, stuck: None };
    };
    let others_serve = units.iter().all(|(unit, standing)| unit == *next || standing.ready);
    let turn = (others_serve || !standing.ready).then(|| Turn {
        unit: (*next).clone(),
        digest: standing.wants.clone().unwrap_or_default(),
        given_at: now,
    });
    Decision { turn, stuck: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(number: u32) -> UnitName {
        format!("p/{number}").parse().unwrap()
    }

    fn units(standings: &[(Option<&str>, bool)]) -> BTreeMap<UnitName, Standing> {
        (0..)
            .map(unit)
            .zip(
                standings
                    .iter()
                    .map(|(wants, ready)| Standing { wants: wants.map(str::to_owned), ready: *ready }),
            )
            .collect()
    }

    fn turn(number: u32, given_at: u64) -> Turn {
        Turn { unit: unit(number), digest: "new".into(), given_at }
    }

    #[test]
    fn turns_table() {
        let new = Some("new");
        #[rustfmt::skip]
        let table = [
            ("nobody asks", None, units(&[(None, true), (None, true)]), None, None),
            ("the leader is last", None, units(&[(new, true), (new, true), (new, true)]), Some(1), None),
            ("the leader's turn comes", None, units(&[(new, true), (None, true), (None, true)]), Some(0), None),
            ("held while it asks", Some(turn(1, 90)), units(&[(new, true), (new, false), (new, true)]), Some(1), None),
            ("passed on when it is done", Some(turn(1, 90)), units(&[(new, true), (None, true), (new, true)]), Some(2), None),
            ("not passed on to a sick cluster", Some(turn(1, 90)), units(&[(new, true), (None, false), (new, true)]), None, None),
            ("the sick one first", None, units(&[(new, true), (new, true), (new, false)]), Some(2), None),
            ("two sick: the one that asks is mended", None, units(&[(new, true), (new, false), (None, false)]), Some(1), None),
            ("one sick that does not ask: nobody goes down", None, units(&[(new, true), (new, true), (None, false)]), None, None),
            ("given back when its unit is gone", Some(turn(7, 90)), units(&[(None, true), (new, true)]), Some(1), None),
            ("a changed wish is a new turn", Some(turn(1, 90)), units(&[(None, true), (Some("newer"), true)]), Some(1), None),
        ];
        for (what, held, units, given, stuck) in table {
            let decision = decide(held.as_ref(), &units, &unit(0), 100);
            assert_eq!(decision.turn.map(|turn| turn.unit), given.map(unit), "{what}");
            assert_eq!(decision.stuck, stuck, "{what}");
        }
    }

    #[test]
    fn a_unit_that_does_not_come_back_is_named_and_keeps_its_turn() {
        let units = units(&[(Some("new"), true), (Some("new"), false)]);
        let held = turn(1, 100);
        let decision = decide(Some(&held), &units, &unit(0), 101 + TURN_SECONDS);
        assert_eq!(decision, Decision { turn: Some(held), stuck: Some(unit(1)) });
    }

    /// Whatever the order in which hooks run, at most one unit is down at a time and all get their turn.
    #[test]
    fn all_restart_one_at_a_time() {
        let mut state = units(&[(Some("new"), true), (Some("new"), true), (Some("new"), true)]);
        let mut given = None;
        let mut order = Vec::new();
        while state.values().any(|standing| standing.wants.is_some()) {
            given = decide(given.as_ref(), &state, &unit(0), 0).turn;
            let now = given.clone().unwrap().unit;
            assert!(state.values().all(|standing| standing.ready));
            order.push(now.clone());
            state.insert(now.clone(), Standing { wants: Some("new".into()), ready: false });
            let held = decide(given.as_ref(), &state, &unit(0), 1).turn;
            assert_eq!(held.map(|turn| turn.unit), Some(now.clone()), "nobody else while one is down");
            state.insert(now, Standing { wants: None, ready: true });
        }
        assert_eq!(order, [unit(1), unit(2), unit(0)]);
    }
}
