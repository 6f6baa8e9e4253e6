//! `backup` and `restore` as processes, against nodes in this one.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod served;

use serde_json::{Value as Json, json};
use served::Served;
use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
};

fn program(node: &Served) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paperclip-node"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PAPERCLIP_"))
    {
        command.env_remove(name);
    }
    command.env("PAPERCLIP_API", format!("http://{}", node.address)).stdin(Stdio::null());
    command
}

fn run(node: &Served, arguments: &[&str]) -> Output {
    program(node).args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Json {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A node with two databases.
fn filled() -> Served {
    let node = Served::start();
    for name in ["log", "other"] {
        node.create(name, "events");
        for n in 0..30 {
            let appended =
                node.post(&format!("/v1/databases/{name}/events"), &json!(format!("{n}").repeat(50)));
            assert_eq!(appended.status, 201, "{}", appended.json);
        }
    }
    node
}

fn digest(node: &Served, name: &str) -> String {
    let database = node.get(&format!("/v1/databases/{name}")).json;
    database["digest"].as_str().unwrap_or_else(|| panic!("{database}")).to_owned()
}

fn files(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_file_and_back_into_an_empty_node() {
    let (node, empty) = (filled(), Served::start());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.car");
    let file = path.to_str().unwrap();
    let made = json(&run(&node, &["backup", "--all", "--to", file, "--json"]));
    assert_eq!((&made["databases"], &made["entries"]), (&json!(3), &json!(62)), "two pins and 60 events");
    let found = fs::metadata(&path).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    assert!(found.len() > made["bytes"].as_u64().unwrap());
    assert_eq!(files(dir.path()), ["node.car"]);

    let checked = json(&run(&empty, &["restore", "--from", file, "--check", "--json"]));
    assert_eq!(checked["restored"], false);
    let listed = checked["databases"].as_array().unwrap();
    assert!(listed.iter().any(|database| database["digest"] == digest(&node, "log")), "{checked}");
    assert_eq!(empty.get("/v1/databases").json, json!([]), "nothing was changed");
    let restored = json(&run(&empty, &["restore", "--from", file, "--only", "log", "--json"]));
    assert_eq!(restored["databases"][0]["new"], 30);
    assert_eq!(digest(&empty, "log"), digest(&node, "log"));
    let text = run(&empty, &["restore", "--from", file]);
    assert!(text.status.success() && String::from_utf8_lossy(&text.stdout).contains("AS IN THE BACKUP"));
    assert!(stderr(&text).contains("another cluster"), "{}", stderr(&text));
    assert_eq!(digest(&empty, "other"), digest(&node, "other"));

    let metrics = node.metrics();
    assert!(metrics.contains("paperclip_backups_total{result=\"done\"} 1"), "{metrics}");
    assert!(!metrics.contains("paperclip_backup_last_success_timestamp_seconds 0\n"));
    assert!(empty.metrics().contains("paperclip_restores_total{result=\"done\"} 2"));
}

#[test]
fn standard_output_and_input_serve_as_well() {
    let (node, empty) = (filled(), Served::start());
    let backup = run(&node, &["backup", "log", "--to", "-"]);
    assert!(backup.status.success() && stderr(&backup).contains("1 databases, 30 entries"));
    let mut restore = program(&empty);
    restore.args(["restore", "--from", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut restore = restore.spawn().unwrap();
    restore.stdin.take().unwrap().write_all(&backup.stdout).unwrap();
    assert!(restore.wait_with_output().unwrap().status.success());
    assert_eq!(digest(&empty, "log"), digest(&node, "log"));
}

#[test]
fn what_is_no_backup_is_refused_with_the_reason_and_changes_nothing() {
    let (node, empty) = (filled(), Served::start());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.car");
    let file = path.to_str().unwrap();
    assert!(run(&node, &["backup", "--to", file]).status.success());
    let whole = fs::read(&path).unwrap();
    let mut altered = whole.clone();
    altered[whole.len() / 2] ^= 1;
    for (bytes, told) in
        [(&whole[..whole.len() - 10], "is cut off"), (&altered, "is altered"), (&whole[1..], "not a backup")]
    {
        fs::write(&path, bytes).unwrap();
        let refused = run(&empty, &["restore", "--from", file]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains(told), "{}", stderr(&refused));
    }
    assert_eq!(empty.get("/v1/databases").json, json!([]));
    assert!(empty.metrics().contains("paperclip_restores_total{result=\"refused\"} 3"));

    let missing = run(&empty, &["restore", "--from", "/nowhere/node.car"]);
    assert!(stderr(&missing).contains("cannot read /nowhere/node.car"), "{}", stderr(&missing));
    let unknown = run(&node, &["backup", "nobody", "--to", file]);
    assert_eq!((unknown.status.code(), fs::read(&path).unwrap()), (Some(1), whole[1..].to_vec()));
    let other_type = node.post("/v1/restore", &json!({}));
    assert_eq!(other_type.status, 415, "{}", other_type.json);
}

/// A limit on the size of files stands for a full disk.
#[test]
fn a_backup_that_finds_no_room_leaves_no_file() {
    let node = filled();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.car");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" backup --to \"$1\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_paperclip-node"), path.to_str().unwrap()]);
    shell.env("PAPERCLIP_API", format!("http://{}", node.address));
    let failed = shell.output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    let told = stderr(&failed);
    assert!(told.contains("cannot write") && told.contains("no file was left"), "{told}");
    assert_eq!(files(dir.path()), [""; 0]);
}
