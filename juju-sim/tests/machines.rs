//! Machines with more than one unit on them: `--to`.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod common;

use common::{Deployment, LISTEN_PORT};
use serde_json::json;

#[test]
fn a_second_unit_on_a_machine_harms_nobody() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    cluster.create("notes");
    let second = cluster.sim.add_unit_to("paperclip", "paperclip/1").unwrap();
    cluster.sim.tick().unwrap();
    let (status, message) = cluster.status(&second);
    assert_eq!(status, "blocked");
    assert!(message.starts_with("paperclip/1 is on this machine"), "{message}");
    assert_eq!(cluster.bag(&second).get("peer-id"), None, "it has no node");
    let secret = json!({ "database": "notes", "confirm": true });
    for (action, parameters) in [("unpin-database", secret), ("get-api-token", json!({}))] {
        let outcome = cluster.sim.action(&second, action, &parameters).unwrap();
        assert!(!outcome.completed && outcome.message.contains("paperclip/1"), "{}", outcome.message);
    }
    let others = |this: &Deployment| ["paperclip/0", "paperclip/1"].map(|unit| this.status(unit));
    assert!(others(&cluster).iter().all(|(status, _)| status == "active"), "{:?}", others(&cluster));

    let ports = cluster.sim.model.units["paperclip/1"].ports.clone();
    cluster.sim.remove_unit(&second);
    cluster.sim.settle().unwrap();
    cluster.active();
    assert_eq!(cluster.starts("paperclip/1"), 1, "the first was left alone");
    assert_eq!(cluster.sim.model.units["paperclip/1"].ports, ports);
    cluster.add("paperclip/1", "notes", "still here");
    cluster.agree(&cluster.units(), "notes", &["still here"]);
}

/// Leading needs no machine of its own, and nobody waits for a node that will never be.
#[test]
fn a_misplaced_leader_certifies_and_gives_turns() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    let misplaced = cluster.sim.add_unit_to("paperclip", "paperclip/0").unwrap();
    cluster.sim.elect(&misplaced);
    let third = cluster.sim.add_unit("paperclip").unwrap();
    let placed = ["paperclip/0".to_owned(), "paperclip/1".to_owned(), third];
    cluster.sim.configure("paperclip", "log-level", json!("debug")).unwrap();
    for _ in 0..20 {
        cluster.sim.tick().unwrap();
    }
    for unit in &placed {
        assert_eq!(cluster.status(unit).0, "active", "{unit}: {:?}", cluster.status(unit));
        let config = std::fs::read_to_string(cluster.sim.machines[unit].root.join("etc/paperclip/node.yaml"));
        assert!(config.unwrap().contains("log-level: debug"), "{unit} has had its turn");
    }
}

#[test]
fn a_misplaced_unit_takes_the_machine_when_it_is_free() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    cluster.create("notes");
    cluster.add("paperclip/0", "notes", "kept");
    cluster.agree(&cluster.units(), "notes", &["kept"]);
    let second = cluster.sim.add_unit_to("paperclip", "paperclip/1").unwrap();
    cluster.sim.tick().unwrap();
    let first = cluster.bag("paperclip/1")["peer-id"].clone();
    cluster.sim.remove_unit("paperclip/1");
    cluster.sim.settle().unwrap();
    cluster.active();
    assert_eq!(cluster.units(), ["paperclip/0".to_owned(), second.clone()]);
    assert_ne!(cluster.bag(&second)["peer-id"], first);
    cluster.agree(&cluster.units(), "notes", &["kept"]);
}

#[test]
fn a_port_that_another_charm_has_is_told_in_words() {
    let mut cluster = Deployment::unsettled(1);
    let other = cluster.sim.deploy_puppet("other");
    let root = cluster.sim.model.units["paperclip/0"].root.clone();
    let holder = cluster.sim.model.units.get_mut(&other).unwrap();
    (holder.root, holder.ports) = (root, [("tcp".to_owned(), LISTEN_PORT, LISTEN_PORT)].into());
    cluster.sim.tick().unwrap();
    let (status, message) = cluster.status("paperclip/0");
    assert_eq!(status, "blocked");
    assert!(message.starts_with(&format!("port {LISTEN_PORT}/tcp is other/0's")), "{message}");

    cluster.sim.configure("paperclip", "listen-port", json!(LISTEN_PORT + 10)).unwrap();
    cluster.active();
}
