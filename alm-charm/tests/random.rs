//! What holds whatever happens: units die and come back, operations fail, bags arrive late, hooks fail, leaders change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod world;

use std::collections::{BTreeMap, BTreeSet};

use alm_charm::command::Command;
use alm_charm::policy::{Backups, Policy};
use alm_charm::state::{MAX_OPEN, MAX_RECORDS};
use alm_interface::conformance::check;
use alm_interface::manager::Word;
use alm_interface::text::RequestId;
use proptest::prelude::*;
use proptest::test_runner::TestRng;
use world::World;

/// How many cases: each is days of a cluster's life. `PROPTEST_CASES` says another number.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(32)
}

/// What happens between two hooks of the manager.
#[derive(Debug, Clone)]
enum Happening {
    Nothing,
    Dies(u32),
    ComesBack(u32),
    FallsBehind(u32),
    Refresh { version: u32, good: bool },
    Removed(u32),
    Added,
    LeaderChanges,
    HookFails,
    Pause,
    Resume,
    AskedResync,
    AskedBackup,
    Hours(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        30 => Just(Happening::Nothing),
        2 => (0u32..4).prop_map(Happening::Dies),
        4 => (0u32..4).prop_map(Happening::ComesBack),
        4 => (0u32..4).prop_map(Happening::FallsBehind),
        2 => (0u32..6, prop::bool::weighted(0.8)).prop_map(|(version, good)| Happening::Refresh { version, good }),
        1 => (0u32..4).prop_map(Happening::Removed),
        1 => Just(Happening::Added),
        3 => Just(Happening::LeaderChanges),
        3 => Just(Happening::HookFails),
        1 => Just(Happening::Pause),
        2 => Just(Happening::Resume),
        1 => Just(Happening::AskedResync),
        1 => Just(Happening::AskedBackup),
        2 => (1u64..8).prop_map(Happening::Hours),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    (1u32..3, prop::option::of(Just("22:00-05:00".parse().unwrap())), any::<bool>()).prop_map(
        |(max_unavailable, window, schedules)| Policy {
            max_unavailable,
            window,
            backups: schedules.then_some(Backups { every: 7200, keep: 3 }),
            token_seconds: schedules.then_some(20_000),
            ..Policy::default()
        },
    )
}

fn happen(world: &mut World, happening: &Happening) {
    let now = world.now;
    let application = world.application();
    let nth = |application: &world::application::Application, number: u32| {
        let number = usize::try_from(number).unwrap();
        application.units.keys().nth(number).cloned()
    };
    let unit = match happening {
        Happening::Dies(n) | Happening::ComesBack(n) | Happening::FallsBehind(n) | Happening::Removed(n) => {
            nth(application, *n)
        }
        _ => None,
    };
    match (happening, unit) {
        (Happening::Dies(_), Some(unit)) => application.units.get_mut(&unit).unwrap().alive = false,
        (Happening::ComesBack(_), Some(unit)) => application.units.get_mut(&unit).unwrap().alive = true,
        (Happening::FallsBehind(_), Some(unit)) => application.units.get_mut(&unit).unwrap().pending = 5,
        (Happening::Removed(_), Some(unit)) if application.units.len() > 1 => {
            application.units.remove(&unit);
            application.planned -= 1;
        }
        (Happening::Refresh { version, good }, _) => application.refresh(&format!("0.{version}.0"), *good),
        (Happening::Added, _) if application.units.len() < 5 => {
            application.add_unit(now);
            application.planned += 1;
        }
        (Happening::LeaderChanges, _) => world.change_leader(),
        (Happening::Hours(hours), _) => world.now += hours * 3600,
        (Happening::Pause, _) => drop(world.command(&Command::Pause)),
        (Happening::Resume, _) => drop(world.command(&Command::Resume)),
        (Happening::AskedResync, _) => drop(world.command(&Command::Resync { of: "paperclip".into() })),
        (Happening::AskedBackup, _) => drop(world.command(&Command::Backup { of: "paperclip".into() })),
        _ => {}
    }
}

/// What is known of all operations so far.
#[derive(Default)]
struct Seen {
    begun: BTreeSet<RequestId>,
    recorded: BTreeMap<RequestId, usize>,
    given: BTreeSet<String>,
    records: u64,
}

impl Seen {
    /// Looks at what one hook did.
    fn look(&mut self, world: &mut World) -> Result<(), TestCaseError> {
        let (now, state) = (world.now, world.state.clone());
        for operation in &state.open {
            let asked = operation.cause.as_str() == "asked for by the operator";
            if self.begun.insert(operation.id.clone()) && operation.request.is_some() && !asked {
                let open = world.policy.within(now);
                prop_assert!(open.is_some() && !state.paused, "{} was begun at {now}", operation.id);
                prop_assert!(operation.deadline <= now + open.unwrap_or_default(), "{}", operation.id);
            }
        }
        for record in state.records.iter().filter(|record| record.ended == now) {
            if !self.recorded.contains_key(&record.id) {
                self.recorded.insert(record.id.clone(), 1);
                self.records += 1;
            }
        }
        let open: BTreeSet<&RequestId> = state.open.iter().map(|operation| &operation.id).collect();
        let ids: Vec<&RequestId> = state.records.iter().map(|record| &record.id).collect();
        prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "two records of one operation");
        for id in &self.begun {
            prop_assert!(
                open.contains(id) != self.recorded.contains_key(id),
                "{} is open and recorded, or neither",
                id
            );
        }
        prop_assert!(state.open.len() <= MAX_OPEN && state.records.len() <= MAX_RECORDS);
        self.turns(world)
    }

    /// A turn is given only while the window is open and nothing is paused, and only if what is down stays within the policy.
    fn turns(&mut self, world: &mut World) -> Result<(), TestCaseError> {
        let verdict = world.bags.values().next().and_then(|bag| bag.verdict.clone());
        let Some(verdict) = verdict.filter(|verdict| verdict.word == Word::Go) else { return Ok(()) };
        if !self.given.insert(verdict.turn.to_string()) {
            return Ok(());
        }
        prop_assert!(
            world.policy.within(world.now).is_some() && !world.state.paused,
            "given at {}",
            world.now
        );
        let in_turn = world.state.open.iter().filter(|operation| operation.takes_down()).count();
        let most = usize::try_from(world.policy.max_unavailable).unwrap();
        prop_assert!(in_turn <= most, "{in_turn} units have their turn");
        // What a bag says that is not older than a round. A unit that died since is nobody's fault.
        let said_down = world.application().units.values().filter(|unit| !unit.ready).count();
        prop_assert!(said_down < most, "{said_down} units say that they are down, and another is to go");
        Ok(())
    }
}

/// A source of chances that repeats with the seed.
fn chances(mut rng: TestRng) -> impl FnMut(u32) -> bool {
    move |percent| rng.next_u32() % 100 < percent
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn the_rules_hold_whatever_happens(
        policy in policy(),
        happenings in prop::collection::vec((happening(), 60u64..400), 20..150),
        rng in any::<[u8; 32]>(),
    ) {
        let mut chance = chances(TestRng::from_seed(prop::test_runner::RngAlgorithm::ChaCha, &rng));
        let mut world = World::of(3, policy);
        let mut seen = Seen::default();
        for (happening, seconds) in &happenings {
            happen(&mut world, happening);
            world.pass(*seconds, &mut chance);
            if matches!(happening, Happening::HookFails) {
                world.failed_hook();
            } else {
                world.hook();
                seen.look(&mut world)?;
            }
            world.record();
        }
        for recording in world.recordings.values() {
            let findings: Vec<String> = check(recording).iter().map(ToString::to_string).collect();
            // After hours in which the simulated units ran no hook, nobody can have answered.
            let findings: Vec<&String> = findings.iter().filter(|finding| !finding.contains(": answered: ")).collect();
            prop_assert!(findings.is_empty(), "{:#?}", findings);
        }
        everything_ends(&mut world, &mut seen)?;
    }
}

/// When nothing happens any more and everybody is well, what is open ends, with a record each.
fn everything_ends(world: &mut World, seen: &mut Seen) -> Result<(), TestCaseError> {
    world.policy =
        Policy { window: None, max_unavailable: world.policy.max_unavailable, ..Policy::default() };
    let _ = world.command(&Command::Resume);
    for unit in world.application().units.values_mut() {
        (unit.alive, unit.ready, unit.pending, unit.good) = (true, true, 0, true);
    }
    for _ in 0..120 {
        world.pass(300, &mut |_| true);
        world.hook();
        seen.look(world)?;
        // A refresh that was held because of what was is let go on.
        let _ = world.command(&Command::Resume);
    }
    let left: Vec<String> = world.state.open.iter().map(|operation| format!("{operation:?}")).collect();
    prop_assert!(left.is_empty(), "{left:#?}");
    let number = world.application().units.len();
    prop_assert_eq!(world.line(), format!("paperclip: {number}/{number} healthy, in step, 12 databases"));
    Ok(())
}

#[test]
fn two_leaders_that_see_the_same_decide_the_same() {
    let mut world =
        World::of(3, Policy { backups: Some(Backups { every: 600, keep: 1 }), ..Policy::default() });
    world.quiet(5);
    world.application().unit(0).pending = 3;
    world.pass(300, &mut |_| true);
    let before = (world.state.clone(), world.watch.clone());
    world.hook();
    let first = (world.state.clone(), world.bags.clone());
    (world.state, world.watch) = before;
    world.hook();
    assert_eq!((world.state, world.bags), first);
}
