//! Pages of the book beside the code: what they name is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use paperclip_layout::{files, read, root};

/// The Markdown of the project.
fn pages() -> Vec<PathBuf> {
    files("md")
}

/// The pieces of code in a line of Markdown.
fn code_in(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Lines outside blocks of code, with their numbers.
fn prose(page: &Path) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (number, line) in read(page).lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((number + 1, line.to_owned()));
        }
    }
    lines
}

#[test]
fn every_source_file_that_a_page_names_is_there() {
    let mut missing = Vec::new();
    for page in pages().iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        for (number, line) in prose(page) {
            for code in code_in(&line) {
                let named = code.split(':').next().unwrap_or_default();
                let is_source = named.contains('/') && !named.contains([' ', '*', '<', '{', '…']);
                if is_source && named.ends_with(".rs") && !stands(page, named) {
                    missing.push(format!("{}:{number}: {named}", page.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Whether a file is there, by its path from the root or from the page's crate.
fn stands(page: &Path, named: &str) -> bool {
    let folder = page.parent().unwrap_or(Path::new(""));
    let root = root();
    [root.join(named), root.join(folder).join(named), root.join(folder).join("src").join(named)]
        .iter()
        .any(|path| path.exists())
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Characters in a line of a page.
const WIDTH: usize = 130;

#[test]
fn no_line_of_a_page_is_too_wide() {
    let wide = |page: &Path| {
        let text = read(page);
        let lines = text.lines().enumerate().filter(|(_, line)| line.chars().count() > WIDTH);
        lines.map(|(at, line)| format!("{}:{}: {line}", page.display(), at + 1)).collect::<Vec<_>>()
    };
    let found: Vec<String> = pages().iter().flat_map(|page| wide(page)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let folder = root().join(page.parent().unwrap_or(Path::new("")));
        for (number, line) in prose(&page) {
            let line = without_code(&line);
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                if target.contains("://") || target.starts_with("mailto:") {
                    continue;
                }
                let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                let file = if file.is_empty() { root().join(&page) } else { folder.join(file) };
                if !file.exists() || !(anchor.is_empty() || anchors(&file).contains(anchor)) {
                    broken.push(format!("{}:{number}: {target}", page.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The anchors of a page: those of its headings, as GitHub makes them, and those that it sets itself.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = read(page);
    let set = text.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
    let headings = prose(page).into_iter().filter(|(_, line)| line.starts_with('#'));
    let headings = headings.map(|(_, line)| {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.collect::<String>().replace(' ', "-")
    });
    headings.chain(set).collect()
}

/// The texts that `ready` gives as reasons: literals up to their first placeholder, and the store's own words.
fn reasons_in_code() -> BTreeSet<String> {
    let nodes = files("rs").into_iter().filter(|file| file.starts_with("paperclip-node/src/node"));
    let code: Vec<String> = nodes.map(read).collect();
    let body = code.iter().find_map(|text| text.split("pub enum Obstacle {").nth(1)).unwrap_or_default();
    let body = body.split("\n}\n").next().unwrap_or_default();
    let literals = body.split('"').skip(1).step_by(2);
    let reasons = literals.map(|literal| literal.split('{').next().unwrap_or_default().trim().to_owned());
    reasons.filter(|reason| !reason.is_empty()).collect()
}

#[test]
fn every_reason_for_not_being_ready_stands_on_its_page_and_no_other() {
    let page = read("docs/operations/status.md");
    let section = page.split("## Readiness").nth(1).and_then(|rest| rest.split("Readiness describes").next());
    let rows = section.expect("the section").lines().filter_map(|line| line.strip_prefix("* `"));
    let told: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let reasons = reasons_in_code();
    assert!(reasons.len() >= 5, "`Obstacle` is not read as it is meant: {reasons:?}");
    for reason in &reasons {
        assert!(told.iter().any(|told| told.starts_with(reason.as_str())), "not on the page: {reason}");
    }
    let store = read("store/src/error.rs");
    for told in told {
        let known = reasons.iter().any(|reason| told.starts_with(reason.as_str())) || store.contains(told);
        assert!(known, "no reason reads: {told}");
    }
}
