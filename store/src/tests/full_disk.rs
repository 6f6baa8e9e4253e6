//! A disk that is full, simulated by the limit that a shell puts on the size of files.
//!
//! The test runs itself in a second process, under the limit.

use super::{STARTING, address, block, put, writer};
use crate::{Poison, Store, StoreConfig, StoreError, tree::Batch};
use oplog::Hash;
use std::{
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Tells the second process where its store is.
const DIR: &str = "PAPERCLIP_TEST_FULL_DISK";

/// Runs a test of this module in a second process in which no file can grow beyond a mebibyte.
fn run_limited(test: &str, dir: &Path) {
    let limit = "echo; trap '' XFSZ; ulimit -f 2048; exec \"$@\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", limit, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("tests::full_disk::{test}"), "--nocapture"])
        .env(DIR, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = {
        let _nobody_locks = STARTING.write();
        let mut child = command.spawn().unwrap();
        // The system says that it is started some time before it has closed the files. It has when the shell says something.
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        child
    };
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn limited_dir() -> Option<std::path::PathBuf> {
    std::env::var_os(DIR).map(Into::into)
}

fn open(dir: &Path) -> Store {
    let config = StoreConfig { flush_deadline: Duration::from_secs(20), ..StoreConfig::default() };
    Store::open(dir, &config).unwrap()
}

async fn fill_the_journal(dir: &Path) {
    let store = open(dir);
    let database = store.database(&address("db")).unwrap();
    let mut log = database.open_log().unwrap();
    let error = loop {
        let added = log.append(put("key", &"x".repeat(50_000)), &writer(0)).unwrap();
        let commit = log.commit(vec![added], &database).unwrap();
        if let Err(error) = database.apply(commit) {
            break error;
        }
    };
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    // What was written is there and goes to disk, and there is room for something smaller.
    let log = database.open_log().unwrap();
    assert!(!log.is_empty());
    store.put_blocks(&[block(log.len().to_be_bytes())]).unwrap();
    store.flushed().await.unwrap();
    assert!(database.verify(|_| {}).unwrap().is_clean());
}

#[tokio::test]
async fn a_write_that_finds_the_disk_full_changes_nothing() {
    if let Some(dir) = limited_dir() {
        return fill_the_journal(&dir).await;
    }
    let dir = TempDir::new().unwrap();
    run_limited("a_write_that_finds_the_disk_full_changes_nothing", dir.path());
    let store = open(dir.path());
    let database = store.database(&address("db")).unwrap();
    let mut log = database.open_log().unwrap();
    assert!(store.has_block(&Hash::of(&log.len().to_be_bytes())).unwrap(), "acknowledged, and lost");
    let added = log.append(put("key", &"x".repeat(50_000)), &writer(0)).unwrap();
    database.apply(log.commit(vec![added], &database).unwrap()).unwrap();
    assert!(database.verify(|_| {}).unwrap().is_clean());
}

async fn fill_the_index(dir: &Path) {
    let store = open(dir);
    store.put_blocks(&[block("before")]).unwrap();
    store.flushed().await.unwrap();
    // The engine writes behind: it takes batches for a while after the disk took no more.
    for number in 0_u32.. {
        let mut batch = Batch::default();
        batch.put([&b"z"[..], &number.to_be_bytes()].concat(), [7; 1000]);
        if store.inner.tree.apply(batch).is_err() {
            break;
        }
    }
    let error = store.put_blocks(&[block("after")]).unwrap_err();
    assert!(matches!(error, StoreError::Poisoned(Poison::Write(_))), "{error}");
    assert!(store.put_blocks(&[block("later")]).unwrap_err().is_poisoned());
    assert!(store.flushed().await.unwrap_err().is_poisoned());
    assert!(store.database(&address("db")).unwrap_err().is_poisoned());
    assert!(store.stats().poisoned);
}

#[tokio::test]
async fn an_index_that_cannot_be_written_stops_all_writing_until_a_restart() {
    if let Some(dir) = limited_dir() {
        return fill_the_index(&dir).await;
    }
    let dir = TempDir::new().unwrap();
    run_limited("an_index_that_cannot_be_written_stops_all_writing_until_a_restart", dir.path());
    let store = open(dir.path());
    assert!(store.has_block(&Hash::of(b"before")).unwrap());
    store.put_blocks(&[block("again")]).unwrap();
    store.flushed().await.unwrap();
}
