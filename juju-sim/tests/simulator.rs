//! The simulator's own rules, with charms that are shell scripts: what a charm is shown, when its writes count, which
//! hook comes when, how tools refuse.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use juju_sim::{Fault, Outcome, Sim, SimError};
use serde_json::json;

/// A charm whose `dispatch` is this script.
fn script(sim: &Sim, body: &str) -> PathBuf {
    let directory = sim.scratch("script");
    std::fs::create_dir_all(&directory).unwrap();
    let metadata = "name: s\npeers:\n  ring: {interface: ring}\nprovides:\n  out: {interface: thing}\n";
    std::fs::write(directory.join("metadata.yaml"), metadata).unwrap();
    std::fs::write(
        directory.join("config.yaml"),
        "options:\n  word: {type: string, default: hi}\n  none: {type: int}\n",
    )
    .unwrap();
    let actions = "go:\n  description: Goes.\n  params:\n    n: {type: integer, minimum: 1, default: 3}\n";
    std::fs::write(directory.join("actions.yaml"), actions).unwrap();
    let dispatch = directory.join("dispatch");
    std::fs::write(&dispatch, format!("#!/bin/bash\n{body}\n")).unwrap();
    std::fs::set_permissions(&dispatch, std::fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

fn deployed(units: u32, body: &str) -> Sim {
    let mut sim = Sim::new(common::executables()).unwrap();
    let charm = script(&sim, body);
    sim.deploy("s", &charm, units, &[]).unwrap();
    sim
}

fn hooks(sim: &Sim, unit: &str) -> Vec<String> {
    sim.history.iter().filter(|ran| ran.unit == unit).map(|ran| ran.what.clone()).collect()
}

#[test]
fn the_environment_is_made_from_nothing() {
    let mut sim = deployed(1, "env | cut -d= -f1 | sort | tr '\\n' ' '");
    let ran = sim.step("s/0").unwrap().unwrap();
    let shown: Vec<&str> = ran.output.split_whitespace().collect();
    for absent in ["HOME", "USER", "CARGO", "JUJU_RELATION", "JUJU_ACTION_NAME"] {
        assert!(!shown.contains(&absent), "{absent}");
    }
    for present in
        ["JUJU_UNIT_NAME", "JUJU_CHARM_DIR", "JUJU_CONTEXT_ID", "JUJU_PRINCIPAL_UNIT", "PATH", "LANG"]
    {
        assert!(shown.contains(&present), "{present}");
    }
}

#[test]
fn first_boot_of_one_unit_and_of_three() {
    let mut one = deployed(1, "exit 0");
    one.settle().unwrap();
    let first = ["install", "ring-relation-created", "leader-elected", "config-changed", "start"];
    assert_eq!(hooks(&one, "s/0"), first);

    let mut three = deployed(3, "exit 0");
    three.settle().unwrap();
    for unit in ["s/1", "s/2"] {
        let seen = hooks(&three, unit);
        assert_eq!(seen[..4], ["install", "ring-relation-created", "config-changed", "start"]);
        // Each peer joins, and its own change follows at once.
        let rest: Vec<&str> = seen[4..].iter().map(String::as_str).collect();
        assert_eq!(rest.iter().filter(|hook| **hook == "ring-relation-joined").count(), 2);
        for (place, _) in rest.iter().enumerate().filter(|(_, hook)| **hook == "ring-relation-joined") {
            assert_eq!(rest[place + 1], "ring-relation-changed");
        }
    }
}

#[test]
fn removal_parts_from_peers_then_stops() {
    let body =
        r#"juju-log -- "$JUJU_HOOK_NAME remote=$JUJU_REMOTE_UNIT departing=${JUJU_DEPARTING_UNIT-none}""#;
    let mut sim = deployed(2, body);
    sim.settle().unwrap();
    let (from, line) = (sim.history.len(), sim.log.len());
    sim.remove_unit("s/0");
    sim.settle().unwrap();
    let gone: Vec<&str> =
        sim.history[from..].iter().filter(|ran| ran.unit == "s/0").map(|ran| ran.what.as_str()).collect();
    assert_eq!(gone, ["ring-relation-departed", "stop", "remove"]);
    let mut stayed: Vec<&str> =
        sim.history[from..].iter().filter(|ran| ran.unit == "s/1").map(|ran| ran.what.as_str()).collect();
    stayed.sort_unstable();
    assert_eq!(stayed, ["leader-elected", "ring-relation-departed"], "broken never fires for peers");
    let told = sim.log[line..].join("\n");
    assert!(told.contains("s/0 INFO ring:0: ring-relation-departed remote=s/1 departing=s/0"), "{told}");
    assert!(told.contains("s/1 INFO ring:0: ring-relation-departed remote=s/0 departing=s/0"), "{told}");
}

#[test]
fn writes_wait_for_success_and_status_does_not() {
    let body = r#"
        relation-set -r ring:0 word=late && state-set word=late && open-port 99/tcp
        status-set blocked "at once"; application-version-set 9
        [ "$(relation-get -r ring:0 word s/0)" = late ] || exit 9
        [ "$(state-get word)" = late ] || exit 8
        [ "$(opened-ports)" = 99/tcp ] || exit 7
        [ "$JUJU_HOOK_NAME" = start ] && exit 1
        exit 0"#;
    let mut sim = deployed(1, body);
    let mut failed = None;
    for _ in 0..5 {
        let before = sim.bag(0, "s/0").contains_key("word");
        let ran = sim.step("s/0").unwrap().unwrap();
        if ran.what == "install" {
            assert_eq!(ran.outcome, Outcome::Done, "{}", ran.output);
            assert!(!before && sim.bag(0, "s/0")["word"] == "late");
            sim.write_bag(0, "s/0", &[("word", "")]);
        }
        if ran.what == "start" {
            failed = Some(ran.outcome);
            break;
        }
        sim.write_bag(0, "s/0", &[("word", "")]);
    }
    assert_eq!(failed, Some(Outcome::Failed("exit status 1".into())));
    assert!(!sim.bag(0, "s/0").contains_key("word"), "a failed hook wrote nothing");
    assert_eq!(sim.model.units["s/0"].status.0, "error");
    assert_eq!(sim.model.applications["s"].version, "9");
}

#[test]
fn a_change_wakes_the_others_only_and_only_when_it_is_one() {
    let body = r#"[ "$JUJU_HOOK_NAME" = update-status ] && relation-set -r ring:0 "word=$(config-get word)"; exit 0"#;
    let mut sim = deployed(2, body);
    sim.tick().unwrap();
    let from = sim.history.len();
    sim.tick().unwrap();
    let woken = |sim: &Sim, from: usize| -> Vec<String> {
        sim.history[from..]
            .iter()
            .filter(|ran| ran.what.ends_with("changed"))
            .map(|ran| ran.unit.clone())
            .collect()
    };
    assert_eq!(woken(&sim, from), Vec::<String>::new(), "the same value again is no change");
    sim.inject("s/1", Fault::ToolFails { tool: "relation-set", text: "no" });
    sim.configure("s", "word", json!("ho")).unwrap();
    sim.settle().unwrap();
    let from = sim.history.len();
    sim.tick().unwrap();
    let mut seen = woken(&sim, from);
    seen.sort();
    assert_eq!(seen, ["s/0", "s/1"]);
}

#[test]
fn tools_refuse_with_jujus_codes_and_words() {
    let body = r#"
        try() { "$@" >out 2>err; echo "$1 $? $(cat err)"; }
        [ "$JUJU_HOOK_NAME" = start ] || exit 0
        try relation-get -r ring:9 -
        try relation-get -r abc -
        try relation-get
        try relation-get -r ring:0 - s
        try relation-set -r ring:0 haha
        try status-set broken
        try is-leader --cheese
        try action-get
        try secret-get foo
        try secret-get secret:00000000000000000099
        try secret-add ab=1
        try network-get nowhere
        try state-get --strict five
        echo "secret-ids $(secret-ids --format json)"
        echo "config $(config-get none --format json) $(config-get --format json)"
        echo "state $(state-get --format json)"
        JUJU_CONTEXT_ID=stale try is-leader
        exit 0"#;
    let mut sim = deployed(1, body);
    sim.settle().unwrap();
    let told = &sim.history.iter().find(|ran| ran.what == "start").unwrap().output;
    for line in [
        r#"relation-get 2 ERROR invalid value "ring:9" for option -r: relation not found"#,
        r#"relation-get 2 ERROR invalid value "abc" for option -r: invalid relation id"#,
        "relation-get 2 ERROR no relation id specified",
        r#"relation-get 2 ERROR expected unit name, got application name "s""#,
        r#"relation-set 2 ERROR expected "key=value", got "haha""#,
        r#"status-set 2 ERROR invalid status "broken", expected one of [maintenance blocked waiting active]"#,
        "is-leader 2 ERROR option provided but not defined: --cheese",
        "action-get 1 ERROR not running an action",
        r#"secret-get 2 ERROR secret URI "foo" not valid"#,
        r#"secret-get 1 ERROR secret "00000000000000000099" not found"#,
        r#"secret-add 2 ERROR key "ab" not valid"#,
        r#"network-get 1 ERROR no network config found for binding "nowhere""#,
        r#"state-get 1 ERROR "five" not found"#,
        "secret-ids null",
        r#"config null {"word":"hi"}"#,
        "state null",
        "is-leader 1 ERROR bad request: bad context id \"stale\"",
    ] {
        assert!(told.contains(line), "{line}\nnot in\n{told}");
    }
}

#[test]
fn only_the_leader_writes_and_reads_what_is_the_applications() {
    let body = r#"
        [ "$JUJU_HOOK_NAME" = update-status ] || exit 0
        relation-set -r ring:0 --app by=$JUJU_UNIT_NAME; echo "set $?"
        relation-get -r out:1 --app - s; echo "get $?"
        secret-add word=hush; echo "secret $?"
        status-set --application active; echo "status $?"
        exit 0"#;
    let mut sim = deployed(2, body);
    sim.deploy_puppet("thing");
    sim.relate(("s", "out"), ("thing", "in"));
    sim.tick().unwrap();
    let output = |unit: &str| {
        let ran =
            sim.history.iter().rev().find(|ran| ran.unit == unit && ran.what == "update-status").unwrap();
        ran.output.clone()
    };
    let (leader, follower) = (output("s/0"), output("s/1"));
    for code in ["set 0", "get 0", "secret 0", "status 0"] {
        assert!(leader.contains(code), "{leader}");
    }
    for text in ["cannot write relation settings", "permission denied", "this unit is not the leader"] {
        assert!(follower.contains(text), "{follower}");
    }
    assert_eq!(sim.bag(0, "s")["by"], "s/0");
}

#[test]
fn actions_end_as_juju_says() {
    let body = r#"
        [ "$JUJU_ACTION_NAME" = go ] || exit 0
        n=$(action-get n)
        action-set "result.n=$n" 2>&1
        action-set stdout=x 2>&1
        action-set result-Value=x 2>&1
        [ "$n" = 1 ] && { action-fail "one is too few"; exit 0; }
        [ "$n" = 2 ] && { action-fail "lost"; exit 5; }
        exit 0"#;
    let mut sim = deployed(1, body);
    sim.settle().unwrap();
    let good = sim.action("s/0", "go", &json!({})).unwrap();
    assert_eq!((good.completed, &good.results["result"]), (true, &json!({ "n": "3" })));
    let failed = sim.action("s/0", "go", &json!({ "n": 1 })).unwrap();
    assert_eq!((failed.completed, failed.message.as_str()), (false, "one is too few"));
    let crashed = sim.action("s/0", "go", &json!({ "n": 2 })).unwrap();
    assert_eq!(crashed.message, "exit status 5", "the exit code overwrites the words");
    for bad in [json!({ "n": 0 }), json!({ "n": "x" }), json!({ "m": 1 })] {
        assert!(matches!(sim.action("s/0", "go", &bad), Err(SimError::Refused(_))), "{bad}");
    }
    let output = &sim.history.iter().find(|ran| ran.what == "action go").unwrap().output;
    assert!(output.contains(r#"cannot set reserved action key "stdout""#), "{output}");
    assert!(output.contains("must start and end with lowercase alphanumeric"), "{output}");
}

#[test]
fn a_killed_hook_is_found_anew_and_a_failed_one_repeated() {
    let mut sim = deployed(1, "is-leader >/dev/null; is-leader >/dev/null; exit 0");
    sim.inject("s/0", Fault::KillAtCall(2));
    let killed = sim.step("s/0").unwrap().unwrap();
    assert_eq!((killed.what.as_str(), &killed.outcome), ("install", &Outcome::Killed));
    assert_ne!(sim.model.units["s/0"].status.0, "error", "a killed hook is queued again, not failed");
    let again = sim.step("s/0").unwrap().unwrap();
    assert_eq!((again.what.as_str(), again.outcome), ("install", Outcome::Done));
}

#[test]
fn a_refresh_runs_upgrade_then_config_changed_with_the_new_files() {
    let mut sim = deployed(1, "cat revision 2>/dev/null; exit 0");
    sim.settle().unwrap();
    let directory = sim.scratch("script");
    std::fs::write(directory.join("revision"), "two").unwrap();
    sim.refresh("s", &directory).unwrap();
    let from = sim.history.len();
    sim.settle().unwrap();
    let ran: Vec<(&str, &str)> =
        sim.history[from..].iter().map(|ran| (ran.what.as_str(), ran.output.as_str())).collect();
    assert_eq!(ran, [("upgrade-charm", "two"), ("config-changed", "two")]);
}

/// In a peer relation the leader's own word for the application comes back to it, without a remote unit.
#[test]
fn the_leaders_own_word_comes_back_to_it() {
    let body = r#"
        juju-log -- "$JUJU_HOOK_NAME from=[$JUJU_REMOTE_UNIT]"
        [ "$JUJU_HOOK_NAME" = update-status ] && is-leader --format json | grep -q true && relation-set -r ring:0 --app a=1
        exit 0"#;
    let mut sim = deployed(2, body);
    sim.settle().unwrap();
    let from = sim.log.len();
    sim.tick().unwrap();
    for unit in ["s/0", "s/1"] {
        let line = format!("{unit} INFO ring:0: ring-relation-changed from=[]");
        assert_eq!(sim.log[from..].iter().filter(|told| **told == line).count(), 1, "{:?}", &sim.log[from..]);
    }
}

#[test]
fn relations_with_others_are_broken_and_peers_are_served_last() {
    let mut sim = deployed(1, "exit 0");
    sim.deploy_puppet("thing");
    sim.settle().unwrap();
    let id = sim.relate(("s", "out"), ("thing", "in"));
    sim.write_bag(id, "thing/0", &[("a", "1")]);
    let from = sim.history.len();
    sim.settle().unwrap();
    sim.remove_relation(id);
    sim.settle().unwrap();
    let ran: Vec<&str> = sim.history[from..].iter().map(|ran| ran.what.as_str()).collect();
    let wanted =
        ["created", "joined", "changed", "departed", "broken"].map(|phase| format!("out-relation-{phase}"));
    assert_eq!(ran, wanted);
    assert!(!sim.model.relations.contains_key(&id));
}
