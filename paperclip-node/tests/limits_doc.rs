//! `docs/reference/limits.md` names every bound with its value as it stands in the source. These tests hold the two together:
//! what the page says is in the code, what the code bounds is on the page, and metrics that it points to exist.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The crates whose bounds the page lists.
const CRATES: [&str; 8] = [
    "alm/src",
    "alm-charm/src",
    "oplog/src",
    "store/src",
    "p2p/src",
    "car/src",
    "client/src",
    "paperclip-node/src",
];

/// The demonstration bounds itself, not a node.
const ELSEWHERE: [&str; 1] = ["paperclip-node/src/demo/"];

/// Names that look like bounds of what others can make grow, and are not: parts of formats, sizes of steps, what settings
/// may hold (the page on configuration has them).
const NOT_LIMITS: [&str; 6] =
    ["MAX_DER", "MAX_TEXT", "MAX_SAFE_INTEGER", "MAX_VARINT", "ON_THE_SPOT", "KNOWN_BEFORE_PRUNING"];

/// How the names of bounds begin and end in this project.
const BEGINNINGS: [&str; 1] = ["MAX_"];
const ENDINGS: [&str; 5] = ["_QUEUE", "_TIMEOUT", "_AFTER", "_AT_MOST", "_BACKLOG"];

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bound {
    file: String,
    name: String,
    value: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The bounds of the page: items that begin with a name and a value in code, below a heading that names their file.
fn documented() -> Vec<Bound> {
    let (mut file, mut bounds) = (None, Vec::new());
    for line in read("docs/reference/limits.md").lines() {
        if line.starts_with("## ") {
            file = code_in(line).filter(|path| path.ends_with(".rs"));
        } else if let (Some(file), Some((name, rest))) = (file, item(line))
            && let Some((value, _)) = rest.split_once('`')
        {
            bounds.push(Bound { file: file.to_owned(), name: name.to_owned(), value: value.to_owned() });
        }
    }
    bounds
}

/// The name that an item begins with, and what follows the equals sign behind it.
fn item(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("* `")?.split_once("` = `")
}

/// The first piece of code in a line of Markdown.
fn code_in(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

/// The constants of a source file, without those of its tests.
fn constants(file: &str) -> Vec<Bound> {
    let text = read(file);
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut constants = Vec::new();
    for line in text.lines() {
        let Some((before, rest)) = line.split_once("const ") else { continue };
        let declared = before.trim().is_empty() || before.trim().starts_with("pub");
        let Some((name, typed)) = rest.split_once(": ") else { continue };
        if let Some((_, value)) = typed.split_once(" = ")
            && declared
            && let Some(value) = value.strip_suffix(';')
        {
            constants.push(Bound { file: file.to_owned(), name: name.to_owned(), value: value.to_owned() });
        }
    }
    constants
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "tests") {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && !name.ends_with("/tests.rs") {
            found.push(name);
        }
    }
}

#[test]
fn every_value_of_the_page_stands_in_the_source() {
    let bounds = documented();
    assert!(bounds.len() > 100, "the page is not read as it is meant: {} bounds", bounds.len());
    for bound in bounds {
        let field = format!("{}: {},", bound.name, bound.value);
        let found = constants(&bound.file);
        let stands = found.contains(&bound) || read(&bound.file).lines().any(|line| line.trim() == field);
        let now = found.iter().find(|other| other.name == bound.name).map(|other| other.value.as_str());
        assert!(stands, "{}: the page says {} = {}, the code {now:?}", bound.file, bound.name, bound.value);
    }
}

#[test]
fn every_bound_of_the_source_stands_on_the_page() {
    let documented: BTreeSet<(String, String)> =
        documented().into_iter().map(|bound| (bound.file, bound.name)).collect();
    let mut files = Vec::new();
    CRATES.iter().for_each(|folder| sources(&root().join(folder), &mut files));
    let is_bound = |name: &str| {
        let named = BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
            || ENDINGS.iter().any(|ending| name.ends_with(ending));
        named && !NOT_LIMITS.contains(&name)
    };
    let missing: Vec<(String, String)> = files
        .iter()
        .filter(|file| !ELSEWHERE.iter().any(|folder| file.starts_with(folder)))
        .flat_map(|file| constants(file))
        .filter(|constant| is_bound(&constant.name))
        .map(|constant| (constant.file, constant.name))
        .filter(|constant| !documented.contains(constant))
        .collect();
    assert!(missing.is_empty(), "not on docs/reference/limits.md: {missing:#?}");
}

#[test]
fn every_metric_of_the_page_is_on_the_page_of_metrics() {
    let metrics = read("docs/reference/metrics.md");
    let names = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        words.filter(|word| word.starts_with("paperclip_")).map(str::to_owned).collect()
    };
    let unknown: Vec<String> = names(&read("docs/reference/limits.md"))
        .difference(&names(&metrics))
        .filter(|name| *name != "paperclip_node")
        .cloned()
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
