//! The Rust that is needed: one number, in the workspace, in every crate, on the pages, and enough for what is depended on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use serde_json::Value as Json;
use std::{fs, path::PathBuf, process::Command};

/// A file of the workspace.
fn text(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `1.89.0` and `1.89` as numbers that can be compared.
fn version(text: &str) -> (u64, u64, u64) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn needed() -> String {
    let manifest = text("Cargo.toml");
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    line.unwrap().trim_matches('"').to_owned()
}

#[test]
fn the_pages_say_what_the_workspace_says() {
    let needed = needed();
    for page in ["README.md", "CONTRIBUTING.md"] {
        let text = text(page);
        let told: Vec<&str> = text
            .split("Rust 1.")
            .skip(1)
            .map(|rest| rest.split(|char: char| !char.is_ascii_digit()).next().unwrap_or_default())
            .collect();
        assert!(!told.is_empty(), "{page} does not say which Rust it takes");
        assert!(
            told.iter().all(|minor| format!("1.{minor}") == needed),
            "{page}: {told:?}, needed is {needed}"
        );
    }
}

#[test]
fn every_crate_inherits_it_and_no_dependency_asks_for_more() {
    let needed = version(&needed());
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Json = serde_json::from_slice(&output.stdout).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let asked = package["rust_version"].as_str().map(version);
        match package["source"].as_str() {
            None => assert_eq!(asked, Some(needed), "{name} has a number of its own"),
            Some(_) => assert!(asked.is_none_or(|asked| asked <= needed), "{name} asks for {asked:?}"),
        }
    }
}
