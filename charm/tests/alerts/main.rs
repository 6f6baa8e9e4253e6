//! Alert rules, judged by Prometheus's own tool: which of them fire when something is wrong, and that none fires when nothing
//! is. And their pages: each alert has a section that says what to do.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is not as expected fails the test")]

mod promtool;
mod scenarios;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use paperclip_charm::relations::alerts::{Origin, rendered};
use scenarios::{APPLICATION, MODEL, MODEL_UUID};
use serde_json::Value;

const PAGE: &str = "docs/operations/alerts.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn rules() -> Vec<Value> {
    let origin = Origin { model: MODEL, model_uuid: MODEL_UUID, application: APPLICATION };
    let groups = rendered(origin).unwrap()["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn names() -> BTreeSet<String> {
    rules().iter().map(|rule| rule["alert"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn alerts_fire_when_something_is_wrong_and_only_then() {
    let origin = Origin { model: MODEL, model_uuid: MODEL_UUID, application: APPLICATION };
    promtool::test(&rendered(origin).unwrap(), &scenarios::document());
}

#[test]
fn every_alert_has_a_scenario_in_which_it_fires() {
    assert_eq!(scenarios::alerts(), names());
}

#[test]
fn every_alert_says_what_is_wrong_and_has_a_section_with_what_to_do() {
    let page = read(PAGE);
    let sections: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    assert_eq!(sections, names());
    for rule in rules() {
        let name = rule["alert"].as_str().unwrap();
        assert!(["warning", "critical"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        let annotations = &rule["annotations"];
        for text in ["summary", "description"] {
            assert!(annotations[text].as_str().is_some_and(|text| text.ends_with('.')), "{name}: {text}");
        }
        let url = annotations["runbook_url"].as_str().unwrap();
        let section = url
            .strip_prefix("https://github.com/paperclip-db/paperclip/blob/main/docs/operations/alerts.md#");
        assert_eq!(section, Some(name.to_lowercase().as_str()));
    }
}

/// Without Juju the rules are loaded from the same file, by the command of the cookbook.
#[test]
fn the_cookbook_makes_rules_that_prometheus_takes() {
    let page = read("docs/cookbook/monitoring.md");
    let command = page.lines().find(|line| line.starts_with("sed ")).unwrap();
    let (program, rest) = command.strip_prefix("sed '").unwrap().split_once("' ").unwrap();
    let (file, _) = rest.split_once(" > ").unwrap();
    assert_eq!(file, "charm/src/relations/alerts.yaml");
    let ran = std::process::Command::new("sed").arg(program).arg(file).current_dir(root()).output().unwrap();
    let made = String::from_utf8(ran.stdout).unwrap();
    assert!(made.contains(r#"up{job="paperclip"} < 1"#), "{made}");
    promtool::check(&made);
}
