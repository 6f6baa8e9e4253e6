//! Workspace manifests and files: the members with the arrows between them as cargo reads them, and the files by ending.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// One crate of the workspace.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its package name.
    pub name: String,
    /// Its folder, from the root.
    pub folder: PathBuf,
    /// Where its library and binaries begin, from the root.
    pub roots: Vec<PathBuf>,
    /// The members that it depends on.
    pub arrows: Vec<Arrow>,
}

/// One crate that depends on another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// The folder of the crate that is depended on.
    pub to: String,
    /// Whether only tests, examples and benchmarks need it.
    pub tests_only: bool,
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// A file of the repository.
///
/// # Panics
///
/// When it cannot be read.
#[expect(clippy::panic, reason = "this crate is there for tests alone")]
pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// Every file with this ending, from the root, sorted. Folders of what was built or fetched, and hidden ones, are left out.
pub fn files(ending: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if path.is_dir() {
                if !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_ref()) {
                    walk(&path, ending, found);
                }
            } else if path.extension().is_some_and(|given| given == ending) {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    walk(&root, ending, &mut found);
    let mut found: Vec<PathBuf> =
        found.iter().filter_map(|path| path.strip_prefix(&root).ok()).map(Path::to_path_buf).collect();
    found.sort();
    found
}

/// The members of the workspace, as `cargo metadata` reads their manifests.
///
/// # Panics
///
/// When cargo does not read them.
#[expect(clippy::expect_used, reason = "this crate is there for tests alone")]
pub fn members() -> Vec<Member> {
    let root = root();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(&root)
        .output()
        .expect("cargo starts");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let mut members: Vec<Member> = packages.iter().map(|package| member(package, &root)).collect();
    members.sort_by(|one, other| one.folder.cmp(&other.folder));
    members
}

fn member(package: &Value, root: &Path) -> Member {
    let from_root =
        |path: &str| Path::new(path).strip_prefix(root).map(Path::to_path_buf).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let is_root = |target: &&Value| {
        let kinds = target["kind"].as_array().into_iter().flatten();
        kinds.into_iter().any(|kind| ["lib", "bin"].contains(&kind.as_str().unwrap_or_default()))
    };
    let arrow = |dependency: &Value| {
        let path = dependency["path"].as_str()?;
        Some(Arrow { to: from_root(path).display().to_string(), tests_only: dependency["kind"] == "dev" })
    };
    let targets = package["targets"].as_array().into_iter().flatten();
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    // Tests may depend on their own crate, for a feature of it.
    let own = from_root(&text(&package["manifest_path"])).parent().map(Path::to_path_buf).unwrap_or_default();
    let others = |arrow: &Arrow| Path::new(&arrow.to) != own;
    let mut arrows: Vec<Arrow> = dependencies.filter_map(arrow).filter(others).collect();
    arrows.sort();
    Member {
        name: text(&package["name"]),
        folder: from_root(&text(&package["manifest_path"]))
            .parent()
            .map(Path::to_path_buf)
            .unwrap_or_default(),
        roots: targets.filter(is_root).map(|target| from_root(&text(&target["src_path"]))).collect(),
        arrows,
    }
}
