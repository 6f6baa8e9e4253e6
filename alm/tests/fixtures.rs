//! The fixtures: bags that are read or refused, recordings that conform, and what makes them break a rule. They are for authors
//! in any language; here they hold this crate to what they say.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use alm_interface::conformance::{self, Recording, Rule, Side};
use alm_interface::{read, schema};
use juju_hooks::UnitName;
use juju_hooks::databag::{self, Bag};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BagFixture {
    about: String,
    bag_of: String,
    unit: Option<UnitName>,
    bag: Bag,
    refused: Option<String>,
}

/// What makes a recording break a rule.
#[derive(Deserialize)]
struct BrokenFixture {
    of: String,
    patch: json_patch::Patch,
    expect: Vec<Expected>,
}

impl BrokenFixture {
    /// The recording with the patch.
    fn recording(&self) -> Value {
        let (_, text) =
            fixtures("recordings").into_iter().find(|(file, _)| file.ends_with(&self.of)).unwrap();
        let mut recording = serde_json::from_str(&text).unwrap();
        json_patch::patch(&mut recording, &self.patch).unwrap();
        recording
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Expected {
    moment: usize,
    side: Side,
    rule: Rule,
}

fn fixtures(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files.iter().map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())).collect()
}

/// Reads a bag, and what is read as a bag again.
fn reread(fixture: &BagFixture) -> Result<Option<Bag>, read::Refusal> {
    let unit = || fixture.unit.clone().unwrap();
    let written = match fixture.bag_of.as_str() {
        "application" => read::application(&fixture.bag)?.map(|read| databag::encode(&read).unwrap()),
        "application-unit" => read::unit(&fixture.bag, &unit())?.map(|read| databag::encode(&read).unwrap()),
        "manager" => read::manager(&fixture.bag)?.map(|read| databag::encode(&read).unwrap()),
        "manager-unit" => {
            read::manager_unit(&fixture.bag, &unit())?.map(|read| databag::encode(&read).unwrap())
        }
        other => panic!("{other}"),
    };
    Ok(written)
}

#[test]
fn bags_are_read_or_refused_with_the_reason() {
    for (file, text) in fixtures("bags") {
        let fixture: BagFixture = serde_json::from_str(&text).unwrap();
        match (reread(&fixture), &fixture.refused) {
            (Ok(_), None) => {}
            (Ok(_), Some(reason)) => panic!("{file}: {} is read; expected: {reason}", fixture.about),
            (Err(refusal), None) => panic!("{file}: {}: {refusal}", fixture.about),
            (Err(refusal), Some(reason)) => {
                assert!(refusal.to_string().contains(reason), "{file}: {refusal}; expected: {reason}");
            }
        }
    }
}

#[test]
fn what_is_read_and_written_again_is_the_same_text() {
    for (file, text) in fixtures("bags").into_iter().filter(|(file, _)| file.contains("/v")) {
        let fixture: BagFixture = serde_json::from_str(&text).unwrap();
        let mut bag = fixture.bag.clone();
        bag.retain(|key, _| {
            !["egress-subnets", "ingress-address", "private-address"].contains(&key.as_str())
        });
        assert_eq!(reread(&fixture).unwrap().unwrap(), bag, "{file}");
    }
}

#[test]
fn what_would_read_the_managers_files_is_dropped() {
    let (_, text) =
        fixtures("bags").into_iter().find(|(file, _)| file.ends_with("credentials-dropped.json")).unwrap();
    let fixture: BagFixture = serde_json::from_str(&text).unwrap();
    assert_eq!(reread(&fixture).unwrap().unwrap()["scrape-jobs"], r#"[{"job_name":"shop"}]"#);
}

#[test]
fn recordings_conform() {
    for (file, text) in fixtures("recordings") {
        let recording: Recording = serde_json::from_str(&text).unwrap();
        assert_eq!(conformance::check(&recording), [], "{file}");
    }
}

#[test]
fn broken_recordings_break_the_rules_that_they_say() {
    let mut broken = BTreeSet::new();
    for (file, text) in fixtures("broken") {
        let fixture: BrokenFixture = serde_json::from_str(&text).unwrap();
        let recording: Recording = serde_json::from_value(fixture.recording()).unwrap();
        let found = conformance::check(&recording);
        let rules: Vec<Expected> = found
            .iter()
            .map(|finding| Expected { moment: finding.moment, side: finding.side, rule: finding.rule })
            .collect();
        assert_eq!(rules, fixture.expect, "{file}: {found:?}");
        broken.extend(rules.into_iter().map(|expected| expected.rule.to_string()));
    }
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/alm/README.md")).unwrap();
    let listed: BTreeSet<String> = page
        .split("## Conformance")
        .nth(1)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned))
        .collect();
    assert_eq!(broken, listed, "every rule of the page has a recording that breaks it");
}

#[test]
fn every_key_of_the_schemas_stands_on_the_page() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/alm/README.md")).unwrap();
    for (file, schema) in schema::all() {
        let schema: Value = schema.into();
        for key in schema["properties"].as_object().unwrap().keys() {
            assert!(
                page.contains(&format!("`{key}`")),
                "docs/alm/README.md does not tell of {key} of {file}"
            );
        }
    }
}

#[test]
fn the_program_says_what_it_finds_and_exits_accordingly() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_alm-check"))
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let good = "fixtures/recordings/resync.json";
    assert_eq!(run(&[good]), (0, format!("{good}: conforms\n")));
    let (_, text) = fixtures("broken").into_iter().find(|(file, _)| file.ends_with("go-stays.json")).unwrap();
    let fixture: BrokenFixture = serde_json::from_str(&text).unwrap();
    let bad = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-stays.json");
    std::fs::write(&bad, fixture.recording().to_string()).unwrap();
    let bad = bad.to_str().unwrap();
    let told = format!("{bad}: moment 1: manager: go-stays: t1 was given and is held now\n");
    assert_eq!(run(&[bad]), (1, told));
    assert_eq!(run(&["Cargo.toml"]).0, 2);
    assert_eq!(run(&[]).0, 2);
}
