//! What an operator sees of the manager, one situation after the other.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod world;

use alm_charm::command::{Command, CommandError};
use alm_charm::policy::{Backups, Policy};
use alm_interface::conformance::check;
use alm_interface::manager::Word;
use alm_interface::text::Line;
use world::World;

fn conforms(world: &World) {
    for recording in world.recordings.values() {
        let findings: Vec<String> = check(recording).iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{findings:#?}");
    }
}

#[test]
fn one_line_tells_of_all_clusters() {
    let mut world = World::new(Policy::default());
    world.hook();
    assert_eq!(world.line(), "ready; relate an application: juju integrate <application> <this>");
    world.relate(0, "paperclip", 3);
    world.quiet(2);
    assert_eq!(world.line(), "paperclip: 3/3 healthy, in step, 12 databases");
    world.relate(1, "shop", 1);
    world.quiet(1);
    assert_eq!(
        world.line(),
        "paperclip: 3/3 healthy, in step, 12 databases; shop: 1/1 healthy, in step, 12 databases"
    );
    world.applications.values_mut().last().unwrap().unit(0).ready = false;
    world.quiet(1);
    assert_eq!(
        world.line(),
        "shop: 0/1 healthy, shop/0 not serving; paperclip: 3/3 healthy, in step, 12 databases",
        "what is wrong comes first"
    );
    for number in 2..9 {
        world.relate(number, &format!("a{number}"), 1);
    }
    world.quiet(1);
    let line = world.line();
    assert!(
        line.starts_with("shop: 0/1 healthy, shop/0 not serving; ") && line.chars().count() <= 120,
        "{line}"
    );
    assert!(line.ends_with(" more: show-clusters"), "{line}");
}

#[test]
fn an_application_of_version_1_is_watched_and_asked_for_nothing() {
    let mut world =
        World::of(3, Policy { backups: Some(Backups { every: 60, keep: 1 }), ..Policy::default() });
    world.application().versions = vec![1];
    world.application().unit(1).pending = 9;
    world.quiet(20);
    assert_eq!(world.line(), "paperclip: 3/3 healthy (version 1, watched only)");
    assert!(world.bags.values().all(|bag| bag.requests.is_empty()));
    conforms(&world);
}

#[test]
fn a_unit_that_stays_out_of_step_is_mended_unasked_and_recorded() {
    let mut world = World::of(3, Policy::default());
    world.quiet(1);
    world.application().unit(1).pending = 40;
    world.quiet(2);
    assert_eq!(world.line(), "paperclip: 3/3 healthy, 12 databases", "it catches up");
    world.quiet(1);
    assert_eq!(world.line(), "paperclip: 2/3 healthy, paperclip/1 out of step 10 min, 40 pending");
    world.quiet(3);
    assert_eq!(world.told(), ["resync paperclip/1: done: as asked"]);
    assert_eq!(world.state.records[0].cause, Line::of("out of step 10 min, 40 pending"));
    assert_eq!(world.line(), "paperclip: 3/3 healthy, in step, 12 databases");
    conforms(&world);
}

#[test]
fn nothing_is_begun_while_paused_and_the_operator_can_ask_anyway() {
    let mut world = World::of(3, Policy::default());
    world.quiet(1);
    world.command(&Command::Pause).unwrap();
    world.application().unit(1).pending = 40;
    world.quiet(10);
    assert!(world.state.open.is_empty() && world.told().is_empty());
    assert!(
        world.line().starts_with("paused; paperclip: 2/3 healthy, paperclip/1 out of step"),
        "{}",
        world.line()
    );

    let asked = world.command(&Command::Resync { of: "paperclip/1".into() }).unwrap();
    assert_eq!(asked, "asked: resync-0 of paperclip/1");
    let again = world.command(&Command::Resync { of: "paperclip/1".into() });
    assert_eq!(again, Err(CommandError::UnderWay { id: "resync-0".into() }));
    let unknown = world.command(&Command::Resync { of: "shop".into() }).unwrap_err();
    assert_eq!(unknown.to_string(), "shop is not related to this manager; show-clusters lists what is");
    world.quiet(4);
    assert_eq!(world.told(), ["resync paperclip/1: done: as asked"]);
    conforms(&world);
}

#[test]
fn a_lost_unit_is_told_with_the_remedy_until_it_is_replaced() {
    let mut world = World::of(3, Policy::default());
    world.quiet(2);
    world.application().unit(2).alive = false;
    world.quiet(3);
    assert_eq!(world.line(), "paperclip: 3/3 healthy, in step, 12 databases", "not silent for long enough");
    world.quiet(3);
    assert_eq!(world.line(), "paperclip: 2/3 healthy, paperclip/2 silent 30 min");
    world.quiet(8);
    let line = world.line();
    assert!(
        line.contains("paperclip/2 lost (silent 70 min): remove-unit --force paperclip/2, then add-unit"),
        "{line}"
    );

    let silence = Command::Silence {
        of: "paperclip/2".into(),
        seconds: 3600,
        reason: Line::of("the rack is being moved"),
    };
    world.command(&silence).unwrap();
    assert_eq!(world.line(), "paperclip: 2/3 healthy, 12 databases");

    let (lost, now) = (world.application().unit_name(2), world.now);
    world.application().units.remove(&lost);
    world.application().add_unit(now);
    world.quiet(2);
    assert_eq!(world.told(), ["replace paperclip/2: done: paperclip/2 left, and all units are healthy"]);
    conforms(&world);
}

#[test]
fn backups_are_made_on_schedule_and_another_unit_is_tried_after_a_failure() {
    let mut world =
        World::of(3, Policy { backups: Some(Backups { every: 86_400, keep: 7 }), ..Policy::default() });
    world.hook();
    let bag = world.bags.values().next().unwrap().clone();
    assert_eq!(bag.requests[0].op.as_str(), "backup@1");
    assert_eq!(bag.requests[0].params.get(&"keep".parse().unwrap()), Some(&Line::of("7")));
    // The first fails: everything is given a chance but to end well.
    for _ in 0..4 {
        world.pass(300, &mut |percent| percent != 85);
        world.hook();
    }
    assert_eq!(world.told(), ["backup paperclip/0: failed: the disk is full"]);
    world.quiet(10);
    assert_eq!(world.told().len(), 1, "not at once");
    world.quiet(8);
    assert_eq!(world.told()[1], "backup paperclip/1: done: as asked");
    world.quiet(270);
    assert_eq!(world.told().len(), 2);
    world.quiet(24);
    assert_eq!(world.told()[2], "backup paperclip/0: done: as asked");
    conforms(&world);
}

#[test]
fn a_good_refresh_goes_through_one_unit_after_the_other() {
    let mut world = World::of(3, Policy::default());
    world.quiet(2);
    world.application().refresh("0.2.0", true);
    for _ in 0..20 {
        world.quiet(1);
        assert!(world.application().down() <= 1);
    }
    let healthy =
        |unit: u32| format!("refresh-turn paperclip/{unit}: done: paperclip/{unit} is healthy in 0.2.0");
    assert_eq!(world.told(), [healthy(0), healthy(1), healthy(2)]);
    conforms(&world);
}

#[test]
fn a_refresh_whose_first_unit_does_worse_is_held_with_the_way_back() {
    let mut world = World::of(3, Policy::default());
    let relation = world.applications.keys().next().unwrap().clone();
    let unit = world.application().unit_name(0);
    let key = (relation, unit, "flush p99".to_owned());
    world.measured.insert(key.clone(), 0.004);
    world.quiet(2);
    world.application().refresh("0.2.0", true);
    world.quiet(2);
    world.measured.insert(key, 0.080);
    world.quiet(10);
    assert_eq!(
        world.told(),
        ["refresh-turn paperclip/0: failed: paperclip/0 does worse: flush p99 0.004 before, 0.080 now"]
    );
    let verdict = world.bags.values().next().unwrap().verdict.clone().unwrap();
    assert_eq!(verdict.word, Word::Rollback);
    assert!(verdict.reason.unwrap().as_str().contains("go back with juju refresh paperclip --revision=7"));
    assert!(world.line().contains("refresh held: paperclip/0 does worse"), "{}", world.line());
    assert_eq!(world.application().units.values().filter(|unit| unit.restart_wanted.is_some()).count(), 2);

    world.command(&Command::Resume).unwrap();
    world.quiet(20);
    assert_eq!(world.application().units.values().filter(|unit| unit.restart_wanted.is_some()).count(), 0);
    conforms(&world);
}

#[test]
fn a_refresh_whose_first_unit_does_not_come_back_takes_no_other_down() {
    let mut world = World::of(3, Policy { max_unavailable: 2, ..Policy::default() });
    world.quiet(2);
    world.application().refresh("0.2.0", false);
    world.quiet(30);
    assert_eq!(world.application().down(), 1);
    assert!(world.told()[0].starts_with("refresh-turn paperclip/0: failed: paperclip/0 is not serving"));
    conforms(&world);
}

#[test]
fn turns_wait_for_the_window_and_say_so() {
    let mut world = World::of(3, Policy { window: "02:00-04:00".parse().ok(), ..Policy::default() });
    world.quiet(2);
    world.application().refresh("0.2.0", true);
    world.quiet(3);
    let verdict = world.bags.values().next().unwrap().verdict.clone().unwrap();
    assert_eq!(verdict.reason, Some(Line::of("waits for the window 02:00-04:00 (UTC)")));
    assert_eq!(world.application().down(), 0);
    world.quiet(40);
    assert_eq!(world.told().len(), 3);
    conforms(&world);
}

#[test]
fn a_token_is_replaced_when_it_is_old_and_every_unit_is_there() {
    let mut world = World::of(3, Policy { token_seconds: Some(7200), ..Policy::default() });
    world.quiet(23);
    assert!(world.told().is_empty());
    world.application().unit(1).ready = false;
    world.quiet(6);
    assert!(world.told().is_empty() && world.state.open.is_empty());
    world.application().unit(1).ready = true;
    world.quiet(5);
    assert_eq!(world.told(), ["rotate-token: done: as asked"]);
    conforms(&world);
}
