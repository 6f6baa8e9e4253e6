//! Machines that are gone without a word: their databags stay, and say for ever that they serve.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod common;

use common::{Deployment, next_revision};
use serde_json::{Value, json};

/// As if this had been half an hour ago: what the units remember of the heartbeats of others is made older.
fn half_an_hour_passes(cluster: &Deployment) {
    for unit in cluster.units() {
        let Some(machine) = cluster.sim.machine(&unit) else { continue };
        let path =
            machine.root.join("var/lib/paperclip-charm").join(unit.replace('/', "-")).join("memory.json");
        let mut memory: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for heard in memory["heard"].as_object_mut().unwrap().values_mut() {
            heard["since"] = json!(heard["since"].as_u64().unwrap() - 1_800);
        }
        std::fs::write(path, memory.to_string()).unwrap();
    }
}

fn tick(cluster: &mut Deployment, times: usize) {
    for _ in 0..times {
        cluster.sim.tick().unwrap();
    }
}

#[test]
fn the_survivors_of_a_loss_stay_active_and_name_it() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.create("notes");
    cluster.agree(&cluster.units(), "notes", &[]);
    cluster.sim.lose("paperclip/2").unwrap();
    let survivors = ["paperclip/0".to_owned(), "paperclip/1".to_owned()];
    for unit in &survivors {
        cluster
            .sim
            .wait_for(common::AGREE, "the loss is seen", |sim| {
                sim.tick().map_err(|error| error.to_string())?;
                let status = sim.model.units[unit].status.clone();
                let told = (
                    "active".to_owned(),
                    "2 databases; 2 of 3 units, not connected to paperclip/2".to_owned(),
                );
                if status == told { Ok(()) } else { Err(format!("{status:?}")) }
            })
            .unwrap();
    }
    cluster.add("paperclip/0", "notes", "without it");
    cluster.agree(&survivors, "notes", &["without it"]);
}

/// The loss is noticed, and then a refresh goes through without the unit.
#[test]
fn a_lost_machine_holds_up_no_refresh() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.create("notes");
    // What only the lost unit has would be lost with it.
    cluster.agree(&cluster.units(), "notes", &[]);
    // The leader is lost; its databag says that it is ready.
    cluster.sim.lose("paperclip/0").unwrap();
    let new = next_revision(&cluster.sim, "charm-2");
    cluster.sim.refresh("paperclip", &new).unwrap();
    tick(&mut cluster, 3);
    let survivors = ["paperclip/1", "paperclip/2"];
    let first = survivors.into_iter().find(|unit| cluster.starts(unit) == 2).unwrap();
    assert_eq!(survivors.map(|unit| cluster.starts(unit)).iter().sum::<u32>(), 3, "the other waits");
    assert_eq!(cluster.status(first).1, "restarted, waits for paperclip/0");

    half_an_hour_passes(&cluster);
    for unit in survivors {
        cluster
            .sim
            .wait_for(common::AGREE, "both have restarted", |sim| {
                sim.tick().map_err(|error| error.to_string())?;
                let status = sim.model.units[unit].status.clone();
                let told = ("active".to_owned(), "2 databases; 2 of 3 units, lost paperclip/0".to_owned());
                if status == told { Ok(()) } else { Err(format!("{status:?}")) }
            })
            .unwrap();
        assert_eq!(cluster.starts(unit), 2, "{unit}");
    }
    let check = cluster.sim.action("paperclip/1", "pre-refresh-check", &json!({})).unwrap();
    assert!(check.message.contains("paperclip/0 is lost"), "{}", check.message);

    cluster.sim.remove_unit_by_force("paperclip/0");
    cluster.active();
    assert!(!cluster.bag("paperclip").contains_key("lost"));
}

#[test]
fn silence_alone_is_no_loss() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    tick(&mut cluster, 1);
    // The controller was away for half an hour; the nodes were not.
    half_an_hour_passes(&cluster);
    tick(&mut cluster, 1);
    assert!(!cluster.bag("paperclip").contains_key("lost"));
    assert!(cluster.units().iter().all(|unit| cluster.status(unit).1 == "1 database"));
}

#[test]
fn an_operator_can_restart_a_unit_without_a_turn() {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.sim.lose("paperclip/0").unwrap();
    let new = next_revision(&cluster.sim, "charm-2");
    cluster.sim.refresh("paperclip", &new).unwrap();
    tick(&mut cluster, 3);
    let waiting = ["paperclip/1", "paperclip/2"].into_iter().find(|unit| cluster.starts(unit) == 1).unwrap();
    assert_eq!(cluster.status(waiting).1, "waiting for its turn to restart");
    let refused = cluster.sim.perform(waiting, "force-restart", json!({ "confirm": false })).unwrap();
    assert!(refused.message.contains("confirm: must be true"), "{}", refused.message);
    cluster.action(waiting, "force-restart", json!({ "confirm": true }));
    assert_eq!(cluster.starts(waiting), 2);
    tick(&mut cluster, 2);
    assert_eq!(cluster.starts(waiting), 2, "once");
}
