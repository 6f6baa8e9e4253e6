//! Hooks that are killed, refused, repeated, or not known at all.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod common;

use common::Deployment;
use juju_sim::agent::Hook;
use juju_sim::{Fault, Outcome};
use serde_json::json;

/// The hooks of a deployment are killed one after the other, each at a later tool call than the last: whatever was half
/// done is done again.
#[test]
fn hooks_killed_in_the_middle_are_made_good() {
    let mut cluster = Deployment::unsettled(2);
    let mut killed = 0;
    for call in 1..=60 {
        let unit = format!("paperclip/{}", call % 2);
        cluster.sim.inject(&unit, Fault::KillAtCall(call));
        if let Some(ran) = cluster.sim.step(&unit).unwrap()
            && ran.outcome == Outcome::Killed
        {
            killed += 1;
        }
    }
    assert!(killed >= 15, "only {killed} hooks were killed");
    cluster.sim.settle().unwrap();
    cluster.active();
    cluster.create("notes");
    cluster.add("paperclip/1", "notes", "after all");
    cluster.agree(&cluster.units(), "notes", &["after all"]);
}

#[test]
fn a_failed_hook_is_run_again_with_what_is_in_the_databags_then() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    cluster.sim.configure("paperclip", "log-level", json!("debug")).unwrap();
    cluster
        .sim
        .inject("paperclip/1", Fault::ToolFails { tool: "config-get", text: "connection is shut down" });
    let ran = cluster.sim.step("paperclip/1").unwrap().unwrap();
    assert_eq!(ran.outcome, Outcome::Failed("exit status 1".into()));
    assert!(ran.output.contains("connection is shut down"), "{}", ran.output);
    assert_eq!(cluster.status("paperclip/1").0, "error");

    // Actions run all the same.
    let heads = cluster.action("paperclip/1", "show-heads", json!({}));
    assert_eq!(heads.text("summary"), "no databases");

    cluster.sim.add_unit("paperclip").unwrap();
    cluster.active();
}

#[test]
fn writes_of_a_failed_hook_do_not_count() {
    let mut cluster = Deployment::unsettled(1);
    // The last thing a hook does is to set its status.
    for _ in 0..3 {
        cluster.sim.inject("paperclip/0", Fault::ToolFails { tool: "status-set", text: "no" });
        cluster.sim.step("paperclip/0").unwrap();
    }
    assert!(cluster.sim.model.secrets.is_empty() && cluster.bag("paperclip").is_empty());
    cluster.sim.settle().unwrap();
    cluster.active();
    assert_eq!(cluster.sim.model.secrets.len(), 1);
}

#[test]
fn unknown_leadership_is_no_leadership() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    let from = cluster.sim.history.len();
    cluster.sim.inject(
        "paperclip/0",
        Fault::ToolFails { tool: "is-leader", text: "leadership status unknown: timeout" },
    );
    cluster.sim.tick().unwrap();
    assert!(cluster.sim.history[from..].iter().all(|ran| ran.outcome == Outcome::Done));
    assert_eq!(cluster.status("paperclip/0").0, "active");
}

#[test]
fn leadership_lost_before_the_flush_fails_the_hook_and_the_next_leader_does_it() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    cluster.sim.add_unit("paperclip").unwrap();
    let mut refused = false;
    for _ in 0..200 {
        for unit in cluster.units() {
            if unit == cluster.leader() {
                cluster.sim.inject(&unit, Fault::DeposedBeforeFlush);
            }
            if let Some(ran) = cluster.sim.step(&unit).unwrap()
                && let Outcome::Failed(why) = &ran.outcome
            {
                assert!(why.contains("not leader"), "{why}");
                refused = true;
            }
        }
        if refused {
            break;
        }
    }
    assert!(refused, "no leader ever had anything to write");
    cluster.active();
    assert!(cluster.bag("paperclip")["certificates"].contains("paperclip/2"));
}

#[test]
fn hooks_that_nobody_knows_pass() {
    let mut cluster = Deployment::new(1);
    let status = cluster.status("paperclip/0");
    for name in ["collect-metrics", "moon-phase", "leader-settings-changed"] {
        let ran = cluster.sim.run_hook("paperclip/0", &Hook::Unknown(name)).unwrap();
        assert_eq!((ran.outcome, ran.calls), (Outcome::Done, 0), "{name}");
    }
    assert_eq!(cluster.status("paperclip/0"), status);
}

#[test]
fn hooks_repeated_change_nothing() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    let bags = |this: &Deployment| (this.bag("paperclip"), this.bag("paperclip/0"), this.bag("paperclip/1"));
    let before = bags(&cluster);
    for unit in cluster.units() {
        for hook in ["install", "config-changed", "start", "leader-elected", "upgrade-charm", "update-status"]
        {
            let ran = cluster.sim.run_hook(&unit, &Hook::Lifecycle(hook)).unwrap();
            assert_eq!(ran.outcome, Outcome::Done, "{hook}: {}", ran.output);
        }
        assert_eq!(cluster.starts(&unit), 1);
    }
    assert_eq!(bags(&cluster), before);
}

#[test]
fn a_unit_that_talks_nonsense_harms_nobody_else() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    let nonsense = [
        [
            ("addresses", "[\"nonsense\",\"/ip4/10.0.0.1/tcp/0\"]"),
            ("request", "{\"id\":\"\",\"public_key\":\"\",\"signature_id\":\"\"}"),
        ],
        [("addresses", "not even JSON"), ("request", "{")],
    ];
    for data in nonsense {
        cluster.sim.write_bag(0, "paperclip/1", &data);
        for unit in ["paperclip/0", "paperclip/2"] {
            while let Some(ran) = cluster.sim.step(unit).unwrap() {
                assert_eq!(ran.outcome, Outcome::Done, "{}", ran.output);
            }
            assert_eq!(cluster.starts(unit), 1);
            let config = cluster.sim.machines[unit].root.join("etc/paperclip/node.yaml");
            assert!(!std::fs::read_to_string(config).unwrap().contains("nonsense"));
        }
    }
    // The unit itself puts its bag right with its next hook.
    cluster.active();
    cluster.create("notes");
    cluster.add("paperclip/1", "notes", "sense");
    cluster.agree(&cluster.units(), "notes", &["sense"]);
}
