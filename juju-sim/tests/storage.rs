//! Storage: that of the machine and that of the cloud, attached, detached, and mounted late.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod common;

use common::Deployment;
use juju_sim::SimError;
use serde_json::{Value, json};

/// The state of a unit's service, as systemd tells it.
fn failed(cluster: &Deployment, unit: &str) -> bool {
    cluster.sim.machines[unit].services["paperclip-node"].failed
}

fn names_in(path: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Agents up to 3.6.11 run hooks after a reboot before they mount the machine's storage. Nothing may be made at the bare
/// mount point: the mount would hide it, and every write that was acknowledged there.
#[test]
fn a_reboot_before_the_mount_makes_no_second_node() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.create("notes");
    cluster.add("paperclip/1", "notes", "before");
    cluster.agree(&cluster.units(), "notes", &["before"]);
    let id = cluster.bag("paperclip/1")["peer-id"].clone();
    for _ in 0..2 {
        cluster.sim.reboot_before_mounts("paperclip/1").unwrap();
        cluster.sim.settle().unwrap();
        cluster.sim.tick().unwrap();
        let told = ("waiting".to_owned(), "storage data/1 is not mounted".to_owned());
        assert_eq!(cluster.status("paperclip/1"), told);
        assert!(!failed(&cluster, "paperclip/1"), "a service that systemd has given up would stay down");
        let why = cluster.post("paperclip/1", "/v1/databases/notes/events", &json!("hidden"));
        assert!(why.is_err(), "a write that the mount would hide was acknowledged: {why:?}");
        assert_eq!(cluster.bag("paperclip/1").get("addresses"), None, "nobody should dial it");

        let certified = cluster.bag("paperclip")["certificates"].clone();
        cluster.sim.mount("data/1").unwrap();
        assert_eq!(names_in(&cluster.sim.covered("data/1")), Vec::<String>::new(), "nothing was hidden");
        cluster.active();
        assert_eq!(cluster.bag("paperclip/1")["peer-id"], id, "the node is the same");
        assert_eq!(cluster.bag("paperclip")["certificates"], certified, "no other key was certified");
    }
    cluster.agree(&cluster.units(), "notes", &["before"]);
}

/// A unit that was deployed by a revision without markers is upgraded: its storage is known by the node's keys.
#[test]
fn a_unit_of_a_revision_without_markers_is_taken_over() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    let id = cluster.bag("paperclip/1")["peer-id"].clone();
    for unit in cluster.units() {
        forget_marker(&cluster, &unit);
    }
    let charm = common::charm(&cluster.sim, "charm-2");
    cluster.sim.refresh("paperclip", &charm).unwrap();
    cluster.active();
    let marker = cluster.sim.model.storage["data/1"].files.join("paperclip-storage.json");
    let marker: Value = serde_json::from_str(&std::fs::read_to_string(marker).unwrap()).unwrap();
    assert_eq!(marker, json!({ "storage": "data/1", "peer-id": id }));

    cluster.sim.reboot_before_mounts("paperclip/1").unwrap();
    cluster.sim.settle().unwrap();
    assert_eq!(cluster.status("paperclip/1").1, "storage data/1 is not mounted");
    cluster.sim.mount("data/1").unwrap();
    cluster.active();
    assert_eq!(cluster.bag("paperclip/1")["peer-id"], id);
}

/// Makes a unit what it was before there were markers, and memories of one unit each.
fn forget_marker(cluster: &Deployment, unit: &str) {
    let id = format!("data/{}", unit.split_once('/').unwrap().1);
    std::fs::remove_file(cluster.sim.model.storage[&id].files.join("paperclip-storage.json")).unwrap();
    let path = cluster.sim.machines[unit].root.join("var/lib/paperclip-charm");
    let shared = path.join("memory.json");
    let path = path.join(unit.replace('/', "-")).join("memory.json");
    let mut memory: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    memory.as_object_mut().unwrap().remove("storage");
    std::fs::remove_file(path).unwrap();
    std::fs::write(shared, memory.to_string()).unwrap();
}

#[test]
fn keys_that_are_gone_are_not_made_anew_until_the_storage_is_attached_again() {
    let mut cluster = Deployment::on_volumes(2);
    cluster.active();
    let id = cluster.bag("paperclip/1")["peer-id"].clone();
    let files = cluster.sim.model.storage["data/1"].files.clone();
    cluster.sim.machines.get_mut("paperclip/1").unwrap().services.get_mut("paperclip-node").unwrap().crash();
    std::fs::remove_dir_all(files.join("node")).unwrap();
    cluster.sim.tick().unwrap();
    let (status, message) = cluster.status("paperclip/1");
    assert_eq!(status, "blocked");
    assert!(message.starts_with("storage data/1 has lost the keys of node"), "{message}");
    assert!(!files.join("node").exists());

    cluster.sim.detach("data/1").unwrap();
    cluster.sim.settle().unwrap();
    cluster.sim.attach("paperclip/1", "data/1").unwrap();
    cluster.active();
    assert_ne!(cluster.bag("paperclip/1")["peer-id"], id, "attached on purpose: a new node begins");
}

/// Without `--storage`, the data is a part of the machine.
#[test]
fn storage_of_the_machine_cannot_be_detached_and_goes_with_it() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    let why = cluster.sim.detach("data/1").unwrap_err();
    assert!(matches!(&why, SimError::Refused(text) if text.contains("not detachable")), "{why}");
    cluster.sim.remove_unit("paperclip/1");
    cluster.sim.settle().unwrap();
    assert!(!cluster.sim.model.storage.contains_key("data/1"));
    cluster.sim.add_unit("paperclip").unwrap();
    cluster.active();
    assert_eq!(
        cluster.sim.model.storage["data/2"].unit.as_deref(),
        Some("paperclip/2"),
        "ids are not used again"
    );
}

#[test]
fn storage_is_detached_while_in_use_and_comes_back_with_its_data() {
    let mut cluster = Deployment::on_volumes(2);
    cluster.active();
    cluster.create("notes");
    cluster.add("paperclip/1", "notes", "kept");
    // The simulator fails the hook if any process still holds the storage.
    cluster.sim.detach("data/1").unwrap();
    cluster.sim.settle().unwrap();
    assert_eq!(cluster.status("paperclip/1"), ("waiting".into(), "waiting for storage".into()));
    assert_eq!(cluster.bag("paperclip/1").get("addresses"), None, "nobody should dial it");
    let id = cluster.bag("paperclip/1")["peer-id"].clone();

    cluster.sim.attach("paperclip/1", "data/1").unwrap();
    cluster.active();
    assert_eq!(cluster.bag("paperclip/1")["peer-id"], id, "the node is the same");
    cluster.agree(&cluster.units(), "notes", &["kept"]);
}

#[test]
fn other_storage_is_another_node_of_the_same_cluster() {
    let mut cluster = Deployment::on_volumes(2);
    cluster.active();
    cluster.create("notes");
    cluster.add("paperclip/0", "notes", "replicated");
    let id = cluster.bag("paperclip/1")["peer-id"].clone();
    cluster.sim.detach("data/1").unwrap();
    cluster.sim.settle().unwrap();
    // The disk of a unit of the past, empty but for its file system.
    let files = cluster.sim.model.storage["data/1"].files.join("node");
    std::fs::remove_dir_all(files).unwrap();
    cluster.sim.attach("paperclip/1", "data/1").unwrap();
    cluster.active();
    assert_ne!(cluster.bag("paperclip/1")["peer-id"], id);
    cluster.agree(&cluster.units(), "notes", &["replicated"]);
}

#[test]
fn a_removed_unit_leaves_its_data_and_nothing_else() {
    let mut cluster = Deployment::on_volumes(1);
    cluster.active();
    let root = cluster.sim.machines["paperclip/0"].root.clone();
    cluster.sim.remove_unit("paperclip/0");
    cluster.sim.settle().unwrap();
    assert!(!root.join("etc/systemd/system/paperclip-node.service").exists());
    assert!(!root.join("etc/paperclip/certificate.json").exists());
    let data = cluster.sim.model.storage["data/0"].files.join("node");
    assert!(std::fs::read_dir(data).unwrap().count() > 0, "the data is still on the storage");
}
