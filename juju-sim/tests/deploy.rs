//! Deployments that grow, shrink and change their leader: nothing that was acknowledged is lost.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod common;

use std::time::Instant;

use common::Deployment;
use serde_json::json;

#[test]
fn one_unit_serves_by_itself() {
    let mut one = Deployment::new(1);
    one.active();
    one.create("notes");
    one.add("paperclip/0", "notes", "alone");
    one.agree(&one.units(), "notes", &["alone"]);
    let joined = one.hooks_since(0).iter().filter(|hook| hook.ends_with("joined")).count();
    assert_eq!(joined, 0, "a peer relation of one unit has nobody to join");
    assert_eq!(one.sim.model.applications["paperclip"].version, "0.1.0");
}

/// The figure of the issue: how long from `deploy -n 3` to three nodes agreeing on a first write, and how many hooks.
#[test]
fn three_units_agree_on_writes_to_each() {
    let begin = Instant::now();
    let mut three = Deployment::new(3);
    three.active();
    three.create("notes");
    three.add("paperclip/0", "notes", "first");
    three.agree(&three.units(), "notes", &["first"]);
    let hooks = three.sim.history.iter().filter(|ran| !ran.what.starts_with("action")).count();
    println!("deploy -n 3 to agreement: {hooks} hooks, {:.1} s", begin.elapsed().as_secs_f64());

    three.add("paperclip/1", "notes", "second");
    three.add("paperclip/2", "notes", "third");
    three.agree(&three.units(), "notes", &["first", "second", "third"]);

    for unit in three.units() {
        assert_eq!(three.starts(&unit), 1, "{unit}: peers are dialled, the node is not restarted for them");
    }
    let root_keys = three
        .bag("paperclip")
        .values()
        .chain(three.bag("paperclip/0").values())
        .filter(|v| v.len() == 64)
        .count();
    assert_eq!(root_keys, 0, "the root key is in no databag");
    let secret = three.sim.model.secrets.values().find(|secret| secret.label == "paperclip.cluster");
    assert_eq!(secret.unwrap().owner, "paperclip");
}

#[test]
fn three_to_five_to_three_to_one_keeps_everything() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.create("notes");
    cluster.add("paperclip/0", "notes", "three");

    for _ in 0..2 {
        cluster.sim.add_unit("paperclip").unwrap();
    }
    cluster.active();
    cluster.add("paperclip/4", "notes", "five");
    cluster.agree(&cluster.units(), "notes", &["three", "five"]);

    // The leader and another go, one after the other; what they held is held by the rest.
    for unit in ["paperclip/0", "paperclip/1"] {
        cluster.sim.remove_unit(unit);
        cluster.sim.settle().unwrap();
    }
    cluster.active();
    cluster.add("paperclip/2", "notes", "three again");
    cluster.agree(&cluster.units(), "notes", &["three", "five", "three again"]);

    for unit in ["paperclip/2", "paperclip/4"] {
        cluster.sim.remove_unit(unit);
    }
    cluster.sim.settle().unwrap();
    cluster.active();
    assert_eq!(cluster.units(), ["paperclip/3"]);
    cluster.add("paperclip/3", "notes", "one");
    cluster.agree(&cluster.units(), "notes", &["three", "five", "three again", "one"]);
    let config = cluster.sim.machines["paperclip/3"].root.join("etc/paperclip/node.yaml");
    let config = std::fs::read_to_string(config).unwrap();
    assert!(config.contains("peers: []"), "departed peers are forgotten: {config}");
}

#[test]
fn two_units_leave_at_once_and_the_third_goes_on() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.create("notes");
    cluster.add("paperclip/1", "notes", "kept");
    cluster.agree(&cluster.units(), "notes", &["kept"]);
    cluster.sim.remove_unit("paperclip/0");
    cluster.sim.remove_unit("paperclip/1");
    cluster.sim.settle().unwrap();
    cluster.active();
    assert_eq!(cluster.leader(), "paperclip/2");
    cluster.agree(&cluster.units(), "notes", &["kept"]);
}

#[test]
fn a_new_leader_certifies_with_the_old_root_key() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    let id = cluster.bag("paperclip")["cluster-id"].clone();
    cluster.sim.remove_unit("paperclip/0");
    cluster.sim.settle().unwrap();
    cluster.sim.add_unit("paperclip").unwrap();
    cluster.active();
    assert_eq!(cluster.leader(), "paperclip/1");
    assert_eq!(cluster.bag("paperclip")["cluster-id"], id);
    let certificates = &cluster.bag("paperclip")["certificates"];
    assert!(certificates.contains("paperclip/2") && !certificates.contains("paperclip/0"), "{certificates}");
    cluster.create("notes");
    cluster.add("paperclip/2", "notes", "by the new unit");
    cluster.agree(&cluster.units(), "notes", &["by the new unit"]);
}

/// Leadership wanders after every few hooks of the deployment; in the end there is one cluster.
#[test]
fn leadership_wanders_while_the_cluster_is_made() {
    let mut cluster = Deployment::unsettled(3);
    let units = cluster.units();
    for round in 0..30 {
        let leader = &units[round % 3];
        cluster.sim.elect(leader);
        for unit in &units {
            cluster.sim.step(unit).unwrap();
        }
    }
    cluster.sim.settle().unwrap();
    cluster.active();
    let roots =
        cluster.sim.model.secrets.values().filter(|secret| secret.label == "paperclip.cluster").count();
    assert_eq!(roots, 1, "one root key, whoever leads");
    cluster.create("notes");
    for unit in &units {
        cluster.add(unit, "notes", unit);
    }
    let values: Vec<&str> = units.iter().map(String::as_str).collect();
    cluster.agree(&units, "notes", &values);
}

/// From nothing and back: the application outlives its last unit, and its storage can be attached again.
#[test]
fn one_to_none_to_one_with_the_old_storage() {
    let mut cluster = Deployment::on_volumes(1);
    cluster.active();
    cluster.create("notes");
    cluster.add("paperclip/0", "notes", "on the disk");
    cluster.sim.remove_unit("paperclip/0");
    cluster.sim.settle().unwrap();
    assert!(cluster.units().is_empty());
    cluster.sim.add_unit_with("paperclip", Some("data/0")).unwrap();
    cluster.active();
    assert_eq!(cluster.units(), ["paperclip/1"]);
    cluster.agree(&cluster.units(), "notes", &["on the disk"]);
}

/// `loopback` is the default: nothing but the machine itself reaches the API, and no port is opened for it.
#[test]
fn the_api_is_the_machines_own_by_default() {
    let mut sim = juju_sim::Sim::new(common::executables()).unwrap();
    let charm = common::charm(&sim, "charm");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = [("api-port", json!(port)), ("listen-port", json!(common::LISTEN_PORT))];
    sim.deploy("paperclip", &charm, 1, &options).unwrap();
    sim.settle().unwrap();
    let mut one = Deployment { sim };
    one.active();
    let opened: Vec<u16> =
        one.sim.model.units["paperclip/0"].ports.iter().map(|(_, from, _)| *from).collect();
    assert_eq!(opened, [common::LISTEN_PORT]);
    let outcome = one.sim.action("paperclip/0", "get-api-token", &json!({})).unwrap();
    assert!(!outcome.completed && outcome.message.contains("api-address"), "{}", outcome.message);
}

/// A hook that has nothing to do is cheap: Juju runs one on each unit every few minutes for ever. The time is printed, not
/// judged: the machine that runs the tests has other work.
#[test]
fn a_hook_with_nothing_to_do_is_cheap() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    let from = cluster.sim.history.len();
    cluster.sim.tick().unwrap();
    let ran = &cluster.sim.history[from..];
    assert_eq!(ran.len(), 3, "nothing to do brings about nothing");
    for hook in ran {
        println!(
            "{} {}: {} calls, {:?}, {} KiB",
            hook.unit, hook.what, hook.calls, hook.elapsed, hook.peak_kib
        );
        assert!(hook.peak_kib < 20 * 1024, "{} KiB", hook.peak_kib);
        assert!(hook.calls <= 20, "{} calls", hook.calls);
    }
}
