//! Judges from outside: the Python library `ops` on top of the simulator's tools, and `cosl`, which the consumers of our
//! observability data use.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod common;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::{Deployment, python};
use juju_sim::{MODEL_NAME, MODEL_UUID, Outcome, Sim};
use serde_json::{Value, json};

/// The judge's charm with a `dispatch` for our interpreter.
fn judge(sim: &Sim) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let directory = sim.scratch("judge");
    std::fs::create_dir_all(directory.join("src")).unwrap();
    for file in ["metadata.yaml", "config.yaml", "actions.yaml", "src/charm.py"] {
        std::fs::copy(python::folder().join("judge").join(file), directory.join(file)).unwrap();
    }
    let dispatch = directory.join("dispatch");
    let script = format!("#!/bin/sh\nexec {} src/charm.py\n", python::interpreter().display());
    std::fs::write(&dispatch, script).unwrap();
    std::fs::set_permissions(&dispatch, std::fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

fn seen(sim: &Sim, unit: &str) -> Vec<Value> {
    let path = sim.machines[unit].charm_dir(unit).join("seen.jsonl");
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_charm_on_ops_finds_every_tool_as_it_should_be() {
    let mut sim = Sim::new(common::executables()).unwrap();
    let charm = judge(&sim);
    let units = sim.deploy("judge", &charm, 2, &[("number", json!(8))]).unwrap();
    sim.deploy_puppet("thing");
    let relation = sim.relate(("judge", "remote"), ("thing", "remote"));
    sim.write_bag(relation, "thing", &[("offer", "tea")]);
    sim.settle().unwrap();
    sim.tick().unwrap();
    for ran in &sim.history {
        assert_eq!(ran.outcome, Outcome::Done, "{} {}: {}", ran.unit, ran.what, ran.output);
    }

    let by_unit: BTreeMap<&String, Vec<Value>> = units.iter().map(|unit| (unit, seen(&sim, unit))).collect();
    for (unit, seen) in &by_unit {
        let first: Vec<&str> = seen.iter().map(|one| one["event"].as_str().unwrap()).take(3).collect();
        assert_eq!(first[..2], ["data_storage_attached", "install"]);
        let last = seen.last().unwrap();
        let address = &sim.model.units[*unit].address;
        assert_eq!(last["event"], "update_status");
        assert_eq!(
            last["config"],
            json!({ "name": "judge", "number": 8, "flag": true }),
            "options without value are absent"
        );
        assert_eq!(last["planned"], 2);
        assert_eq!(
            (last["address"].as_str(), last["ingress"].as_str()),
            (Some(address.as_str()), Some(address.as_str()))
        );
        assert_eq!(last["ports"], json!([8080, 9090]));
        assert_eq!(last["remote"], json!({ "offer": "tea" }));
        assert_eq!(last["hooks"], seen.len(), "the store of the unit is kept from hook to hook");
        assert_eq!(last["status"], json!(["active", format!("seen {}", seen.len())]));
        assert_eq!(last["ring"]["own"], "many words: {}");
        assert_eq!(last["ring"]["peers"].as_object().unwrap().len(), 1);
        assert!(
            last["storage"][0].as_str().unwrap().ends_with("/var/lib/juju/storage/data/0")
                == (*unit == "judge/0")
        );
    }
    let (leader, follower) = (by_unit[&units[0]].last().unwrap(), by_unit[&units[1]].last().unwrap());
    assert_eq!((leader["leader"].as_bool(), follower["leader"].as_bool()), (Some(true), Some(false)));
    assert_eq!(leader["ring"]["app-status"], "led");
    assert_eq!(follower["ring"]["refused"], true);
    assert_eq!(follower["ring"]["secret"], json!({ "key": "two" }), "a second revision, followed");
    assert_eq!(sim.model.applications["judge"].version, "1.2.3");

    let done = sim.action("judge/1", "echo", &json!({ "text": "hello" })).unwrap();
    assert_eq!(
        (done.completed, done.text("text"), &done.results["nested"]),
        (true, "hello", &json!({ "inner-key": "1" }))
    );
    assert_eq!(done.log, ["echoing"]);
    let failed = sim.action("judge/1", "echo", &json!({ "fail": true })).unwrap();
    assert_eq!((failed.completed, failed.message.as_str()), (false, "as asked"));

    sim.remove_unit("judge/1");
    sim.settle().unwrap();
    let departed =
        seen(&sim, "judge/0").into_iter().find(|one| one["event"] == "ring_relation_departed").unwrap();
    assert_eq!(departed["departing"], "judge/1");
}

/// The dashboard can be read and the rules are shaped as the consumers' own library shapes them.
#[test]
fn observability_data_is_what_its_consumers_make_themselves() {
    let mut cluster = Deployment::unsettled(1);
    cluster.sim.deploy_puppet("collector");
    let id = cluster.sim.relate(("paperclip", "cos-agent"), ("collector", "cos-agent"));
    cluster.sim.settle().unwrap();
    cluster.active();
    let config: Value = serde_json::from_str(&cluster.sim.bag(id, "paperclip/0")["config"]).unwrap();
    let rules_file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../charm/src/relations/alerts.yaml");
    let given = json!({
        "config": config, "rules_file": rules_file,
        "model": MODEL_NAME, "model_uuid": MODEL_UUID, "application": "paperclip",
    });
    let judged = judged(&given);
    let dashboard = std::fs::read_to_string(rules_file.with_file_name("dashboard.json")).unwrap();
    assert_eq!(judged["dashboard"], serde_json::from_str::<Value>(&dashboard).unwrap());

    let rules = |document: &Value| -> BTreeMap<String, Value> {
        let groups = document["groups"].as_array().unwrap().iter();
        groups
            .flat_map(|group| {
                let name = group["name"].as_str().unwrap().to_owned();
                group["rules"].as_array().unwrap().iter().map(move |rule| (name.clone(), rule.clone()))
            })
            .map(|(group, rule)| {
                (format!("{group} {}", rule["alert"].as_str().unwrap()), rule["labels"].clone())
            })
            .collect()
    };
    let (ours, theirs) = (rules(&config["metrics_alert_rules"]), rules(&judged["expected"]));
    for (name, labels) in &ours {
        assert_eq!(theirs.get(name), Some(labels), "{name} in {:?}", theirs.keys());
    }
}

fn judged(given: &Value) -> Value {
    let mut child = Command::new(python::interpreter())
        .arg(python::folder().join("observability.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}
