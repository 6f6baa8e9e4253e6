//! What operators and machines do to a running deployment: options, refreshes, reboots, crashes, addresses.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod common;

use common::{Deployment, next_revision};
use serde_json::json;

#[test]
fn a_bad_option_is_told_and_the_cluster_goes_on_until_a_good_one_comes() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.create("notes");
    cluster.sim.configure("paperclip", "listen-port", json!(80)).unwrap();
    cluster.sim.configure("paperclip", "durability", json!("maybe")).unwrap();
    cluster.sim.settle().unwrap();
    for unit in cluster.units() {
        let (status, message) = cluster.status(&unit);
        assert_eq!(status, "blocked");
        assert!(
            message.contains("listen-port: 80 is not 1024-65535") && message.contains("durability"),
            "{message}"
        );
        assert_eq!(cluster.starts(&unit), 1, "the last good options hold");
    }
    cluster.add("paperclip/1", "notes", "while blocked");

    cluster.sim.configure("paperclip", "listen-port", json!(14757)).unwrap();
    cluster.sim.configure("paperclip", "durability", json!("relaxed")).unwrap();
    cluster.active();
    for unit in cluster.units() {
        assert_eq!(cluster.starts(&unit), 2, "{unit} was restarted once");
        let opened: Vec<u16> =
            cluster.sim.model.units[&unit].ports.iter().map(|(_, from, _)| *from).collect();
        assert_eq!(opened, [14757], "the old port is closed");
    }
    cluster.agree(&cluster.units(), "notes", &["while blocked"]);
}

#[test]
fn a_refresh_restarts_one_unit_at_a_time() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.create("notes");
    cluster.add("paperclip/0", "notes", "before");
    let new = next_revision(&cluster.sim, "charm-2");
    let from = cluster.sim.log.len();
    cluster.sim.refresh("paperclip", &new).unwrap();
    // Whatever the order of the hooks, two of three serve at any time.
    for _ in 0..100 {
        for unit in cluster.units() {
            cluster.sim.step(&unit).unwrap();
            let serving =
                cluster.units().iter().filter(|unit| cluster.bag(unit).contains_key("ready")).count();
            assert!(serving >= 2, "only {serving} serve");
            let asking: Vec<String> = cluster
                .units()
                .into_iter()
                .filter(|unit| cluster.bag(unit).contains_key("restart-wanted"))
                .collect();
            let half_way = asking.iter().filter(|unit| cluster.starts(unit) > 1).count();
            assert!(half_way <= 1, "more than one unit is between restart and health");
        }
    }
    cluster.active();
    for unit in cluster.units() {
        assert_eq!(cluster.starts(&unit), 2, "{unit} was restarted once");
    }
    let restarts =
        cluster.sim.log[from..].iter().filter(|line| line.contains("restarted paperclip-node")).count();
    assert_eq!(restarts, 3);
    cluster.agree(&cluster.units(), "notes", &["before"]);
    let check = cluster.sim.action("paperclip/0", "pre-refresh-check", &json!({})).unwrap();
    assert!(check.completed, "{}", check.message);
}

#[test]
fn a_refresh_with_the_same_node_restarts_nothing() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    let same = common::charm(&cluster.sim, "charm-2");
    cluster.sim.refresh("paperclip", &same).unwrap();
    cluster.active();
    assert!(cluster.units().iter().all(|unit| cluster.starts(unit) == 1));
}

#[test]
fn a_unit_that_is_down_keeps_the_others_from_restarting() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    // A node that cannot come up: its disk has been made unusable under it.
    let storage = cluster.sim.model.storage["data/1"].files.join("node");
    cluster.sim.machines.get_mut("paperclip/1").unwrap().services.get_mut("paperclip-node").unwrap().crash();
    std::fs::rename(&storage, storage.with_file_name("away")).unwrap();
    std::fs::write(&storage, "not a directory").unwrap();
    cluster.sim.tick().unwrap();
    cluster.sim.tick().unwrap();
    assert_ne!(cluster.status("paperclip/1").0, "active");

    cluster.sim.configure("paperclip", "log-level", json!("debug")).unwrap();
    cluster.sim.tick().unwrap();
    for unit in ["paperclip/0", "paperclip/2"] {
        assert_eq!(cluster.starts(unit), 1, "two must not be down at once");
        assert_eq!(cluster.status(unit).1, "waiting for its turn to restart", "{unit}");
    }

    std::fs::remove_file(&storage).unwrap();
    std::fs::rename(storage.with_file_name("away"), &storage).unwrap();
    cluster.active();
    assert!(["paperclip/0", "paperclip/2"].iter().all(|unit| cluster.starts(unit) == 2));
}

#[test]
fn a_rebooted_machine_comes_back_by_itself() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.create("notes");
    cluster.sim.reboot("paperclip/1").unwrap();
    let from = cluster.sim.history.len();
    cluster.active();
    let hooks = cluster.hooks_since(from);
    assert!(hooks.contains(&"paperclip/1 start".to_owned()), "{hooks:?}");
    cluster.add("paperclip/1", "notes", "after the reboot");
    cluster.agree(&cluster.units(), "notes", &["after the reboot"]);
}

#[test]
fn a_crashed_node_is_started_again_and_loses_nothing() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.create("notes");
    cluster.add("paperclip/2", "notes", "acknowledged");
    cluster.sim.machines.get_mut("paperclip/2").unwrap().services.get_mut("paperclip-node").unwrap().crash();
    cluster.active();
    assert_eq!(
        cluster.sim.machines["paperclip/2"].services["paperclip-node"].restarts, 1,
        "by systemd, not by the charm"
    );
    cluster.agree(&cluster.units(), "notes", &["acknowledged"]);
}

#[test]
fn a_new_address_is_told_and_dialled() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.create("notes");
    let address = cluster.sim.move_address("paperclip/1").unwrap();
    cluster.active();
    assert!(cluster.bag("paperclip/1")["addresses"].contains(&address));
    for unit in ["paperclip/0", "paperclip/2"] {
        let config = cluster.sim.machines[unit].root.join("etc/paperclip/node.yaml");
        assert!(std::fs::read_to_string(config).unwrap().contains(&address));
    }
    cluster.add("paperclip/1", "notes", "from the new address");
    cluster.agree(&cluster.units(), "notes", &["from the new address"]);
}

#[test]
fn a_unit_file_gives_the_node_no_more_rights_than_it_needs() {
    let cluster = Deployment::new(1);
    let root = &cluster.sim.machines["paperclip/0"].root;
    let unit = std::fs::read_to_string(root.join("etc/systemd/system/paperclip-node.service")).unwrap();
    for line in
        ["NoNewPrivileges=yes", "ProtectSystem=strict", "User=paperclip", "Restart=on-failure", "Type=notify"]
    {
        assert!(unit.contains(line), "{line}");
    }
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &str| std::fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("etc/paperclip/node.yaml"), 0o600);
    assert_eq!(mode("etc/paperclip/certificate.json"), 0o600);
    let owner = |path: &str| cluster.sim.machines["paperclip/0"].owners.get(&root.join(path)).cloned();
    assert_eq!(owner("var/lib/paperclip/node").as_deref(), Some("paperclip:paperclip"));
}

#[test]
fn the_api_moves_without_the_cluster_going_down() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.sim.configure("paperclip", "api-port", json!(14758)).unwrap();
    for _ in 0..60 {
        for unit in cluster.units() {
            cluster.sim.step(&unit).unwrap();
            let serving =
                cluster.units().iter().filter(|unit| cluster.bag(unit).contains_key("ready")).count();
            assert!(serving >= 2, "only {serving} serve");
        }
    }
    cluster.active();
    for unit in cluster.units() {
        assert_eq!(cluster.starts(&unit), 2, "{unit}");
        assert!(cluster.get(&unit, "/readyz").is_err(), "{unit} has left the old port");
        let shown = cluster.action(&unit, "show-cluster", json!({}));
        assert_eq!(shown.text("summary"), "3 of 3 units agree with this one");
    }
}

#[test]
fn a_new_token_reaches_the_node() {
    let (mut one, _) = Deployment::with_open_api();
    let secret = one.sim.model.secrets.values_mut().find(|secret| secret.label == "paperclip.api").unwrap();
    secret.revisions.insert(2, [("token".to_owned(), "b".repeat(64))].into());
    one.active();
    assert_eq!(one.action("paperclip/0", "get-api-token", json!({})).text("token"), "b".repeat(64));
    assert_eq!(one.starts("paperclip/0"), 2, "the node reads its token when it starts");
}
