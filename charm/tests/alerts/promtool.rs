//! `promtool`, which comes with Prometheus. `make promtool` fetches Debian's.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The tool: named by a variable, else the one that is installed, else the one that `make promtool` has fetched.
fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("PAPERCLIP_PROMTOOL") {
        return path.into();
    }
    let target = std::env::current_exe().unwrap();
    let fetched =
        target.ancestors().map(|above| above.join("prometheus/usr/bin/promtool")).find(|path| path.exists());
    let installed = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).map(|folder| folder.join("promtool")).find(|path| path.exists())
    });
    installed.or(fetched).unwrap_or_else(|| {
        panic!("promtool is missing: run `make promtool`, or set PAPERCLIP_PROMTOOL to it")
    })
}

/// Runs the tests of this document on these rules.
pub(crate) fn test(rules: &Value, document: &Value) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yaml"), rules.to_string()).unwrap();
    std::fs::write(folder.path().join("test.yaml"), document.to_string()).unwrap();
    run(folder.path(), &["test", "rules", "test.yaml"]);
}

/// Checks rules as Prometheus does when it loads them.
pub(crate) fn check(rules: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yaml"), rules).unwrap();
    run(folder.path(), &["check", "rules", "rules.yaml"]);
}

fn run(folder: &Path, arguments: &[&str]) {
    let output = Command::new(program()).args(arguments).current_dir(folder).output().unwrap();
    let told =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{told}");
}
