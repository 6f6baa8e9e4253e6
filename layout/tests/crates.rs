//! Crates: the pages show those that there are, and the arrows between them as the manifests have them. Every dependency is one
//! that may be shipped.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use paperclip_layout::{Member, members, read, root};
use serde_json::Value;

/// Licences that a binary under MIT or Apache-2.0 may carry, as in `deny.toml`.
fn allowed_licences() -> BTreeSet<String> {
    let deny = read("deny.toml");
    let list = deny.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_architecture_page_shows_the_arrows_of_the_manifests() {
    let members = members();
    let (shown, runs) = diagram(&members);
    let mut built = BTreeSet::new();
    for member in &members {
        for arrow in &member.arrows {
            built.insert((folder(member), arrow.to.clone()));
        }
    }
    let missing: Vec<_> = built.difference(&shown).collect();
    let wrong: Vec<_> = shown.difference(&built).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "docs/design/architecture.md: not shown {missing:?}, shown and not there {wrong:?}"
    );
    let both: Vec<_> = runs.intersection(&built).collect();
    assert!(both.is_empty(), "what a crate is built with it need not be shown to run: {both:?}");
}

#[test]
fn arrows_point_one_way() {
    let mut left: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for member in members() {
        let to = member.arrows.iter().map(|arrow| arrow.to.clone()).collect();
        left.insert(folder(&member), to);
    }
    while let Some(leaf) = left.iter().find(|(_, to)| to.is_empty()).map(|(crate_, _)| crate_.clone()) {
        left.remove(&leaf);
        left.values_mut().for_each(|to| to.retain(|crate_| *crate_ != leaf));
    }
    assert!(left.is_empty(), "a circle of crates: {left:?}");
}

#[test]
fn the_readme_lists_every_crate() {
    let readme = read("README.md");
    let missing: Vec<String> =
        members().iter().map(folder).filter(|folder| !readme.contains(&format!("`{folder}/`"))).collect();
    assert!(missing.is_empty(), "README.md, repository layout: {missing:?}");
}

#[test]
fn every_dependency_has_a_licence_that_may_be_shipped_and_comes_from_crates_io() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let allowed = allowed_licences();
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or("none").replace('/', " OR ");
        if !may_be_shipped(&licence, &allowed) {
            wrong.push(format!("{name}: licence {licence}"));
        }
        let source = package["source"].as_str();
        if source.is_some_and(|source| source != "registry+https://github.com/rust-lang/crates.io-index") {
            wrong.push(format!("{name}: from {source:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether an expression of licences can be met: one of each list of alternatives, all that must come together.
fn may_be_shipped(licence: &str, allowed: &BTreeSet<String>) -> bool {
    if let Some((before, rest)) = licence.split_once('(') {
        let (inner, after) = rest.split_once(')').unwrap_or((rest, ""));
        let met = if may_be_shipped(inner, allowed) { "met" } else { "unmet" };
        return may_be_shipped(&format!("{before}{met}{after}"), allowed);
    }
    licence
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|one| one.trim() == "met" || allowed.contains(one.trim())))
}

#[test]
fn an_expression_of_licences_is_read_as_it_is_meant() {
    let allowed = ["MIT", "Zlib"].map(str::to_owned).into();
    assert!(may_be_shipped("MIT", &allowed) && may_be_shipped("GPL-3.0 OR MIT", &allowed));
    assert!(may_be_shipped("(GPL-3.0 OR MIT) AND Zlib", &allowed));
    assert!(
        !may_be_shipped("MIT AND GPL-3.0", &allowed) && !may_be_shipped("(GPL-3.0 OR X) AND MIT", &allowed)
    );
}

fn folder(member: &Member) -> String {
    member.folder.display().to_string()
}

type Arrows = BTreeSet<(String, String)>;

/// The first diagram of the page: what is built with what (`-->`), and what runs what (`-. runs .->`).
fn diagram(members: &[Member]) -> (Arrows, Arrows) {
    let page = read("docs/design/architecture.md");
    let diagram =
        page.split("```mermaid").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut name = |text: &str| {
        let text = text.trim();
        if let Some((id, label)) = text.split_once('[') {
            names.insert(id.to_owned(), label.trim_end_matches(']').to_owned());
        }
        let id = text.split('[').next().unwrap_or_default();
        let shown = names.get(id).map_or(id, String::as_str);
        members.iter().find(|member| member.name == shown).map_or_else(|| shown.to_owned(), folder)
    };
    let (mut built, mut runs) = (Arrows::new(), Arrows::new());
    for line in diagram.lines() {
        if let Some((from, to)) = line.split_once("-->") {
            built.insert((name(from), name(to)));
        } else if let Some((from, rest)) = line.split_once("-. runs .->") {
            runs.insert((name(from), name(rest)));
        }
    }
    let known: BTreeSet<String> = members.iter().map(folder).collect();
    let unknown: Vec<&String> = built
        .iter()
        .chain(&runs)
        .flat_map(|(from, to)| [from, to])
        .filter(|name| !known.contains(*name))
        .collect();
    assert!(unknown.is_empty(), "docs/design/architecture.md shows what is no crate: {unknown:?}");
    (built, runs)
}
