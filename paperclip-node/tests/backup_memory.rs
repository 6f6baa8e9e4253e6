//! A backup and its restore take no more memory however long the log is. Alone in its process, whose memory it measures.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{create, start};
use oplog::{
    reading::{Events, Reading},
    view::Operation,
};
use paperclip_node::{backup, create_key};
use std::{
    fs::{self, File},
    io::{BufReader, BufWriter},
};

/// Entries, unless `PAPERCLIP_ENTRIES` says otherwise, and bytes of the value of each.
const ENTRIES: u64 = 10_000;
const VALUE_BYTES: usize = 6_000;

/// What backup and restore may take beyond what the node has: a fraction of the log's 60 MB.
const MOST: u64 = 40 << 20;

/// Entries written at a time.
const AT_ONCE: u64 = 256;

/// A figure of the process, in bytes.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// The most that something takes beyond what was taken before it.
async fn growth<T>(work: impl Future<Output = T>) -> (T, u64) {
    // From here on the peak is counted anew.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS");
    let done = work.await;
    (done, memory("VmHWM").saturating_sub(before))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_takes_no_more_memory_than_a_short_one() {
    let entries = std::env::var("PAPERCLIP_ENTRIES").ok().and_then(|count| count.parse().ok());
    let entries: u64 = entries.unwrap_or(ENTRIES);
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root.key");
    create_key(&root).unwrap();
    let node = start(&dir.path().join("node"), &root, &[]).await;
    node.create(create("log", Reading::of(&Events))).await.unwrap();
    let log = node.database("log").unwrap();
    for first in (0..entries).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let append = |n: u64| {
            let log = log.clone();
            async move { log.append(Operation::add(format!("{n:0VALUE_BYTES$}").into())).await.unwrap() }
        };
        futures::future::join_all((first..entries.min(first + AT_ONCE)).map(append)).await;
    }
    let path = dir.path().join("log.car");
    let logs = node.backup(Some("log")).unwrap().unwrap();
    let (_, took) = growth(async {
        let to = BufWriter::new(File::create(&path).unwrap());
        tokio::task::block_in_place(|| backup::write(&logs, to)).unwrap()
    })
    .await;
    let bytes = fs::metadata(&path).unwrap().len();
    assert!(bytes > entries * VALUE_BYTES as u64);
    println!("{entries} entries, {bytes} bytes: the backup took {took}");
    assert!(took < MOST, "the backup took {took} bytes");

    let empty = start(&dir.path().join("empty"), &root, &[]).await;
    let (checked, took) = growth(async {
        let from = BufReader::new(File::open(&path).unwrap());
        tokio::task::block_in_place(|| empty.check_backup(from)).unwrap()
    })
    .await;
    println!("the check took {took}");
    assert!(took < MOST, "the check took {took} bytes");
    // It gives up by itself when nothing moves on.
    let (report, took) = growth(empty.restore(&checked, None)).await;
    println!("the restore took {took}");
    assert!(report.unwrap().databases.iter().all(|database| database.equal));
    // The store keeps pages of its index, and a join its blocks.
    assert!(took < 2 * MOST, "the restore took {took} bytes");
}
