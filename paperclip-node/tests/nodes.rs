//! Whole nodes in one process, without the API.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{addresses, create, holds, open, start, start_with, within};
use oplog::{Value, log::Range, reading::Reading, view::Operation};
use paperclip_node::create_key;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_made_on_one_node_is_written_on_both() {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("root.key");
    create_key(&root).unwrap();
    let a = start(&dir.path().join("a"), &root, &[]).await;
    let b = start(&dir.path().join("b"), &root, &addresses(&a)).await;

    let (info, new) = a.create(create("log", Reading::default())).await.unwrap();
    assert!(new);
    let (on_a, on_b) = (a.database("log").unwrap(), open(&b, info.address).await);

    for n in 0..100_i64 {
        let database = if n % 2 == 0 { &on_a } else { &on_b };
        database.append(Operation::add(n.into())).await.unwrap();
    }
    assert_eq!(holds(&on_a, 100).await, holds(&on_b, 100).await);

    let values = |entries: Vec<oplog::Entry>| -> Vec<Value> {
        entries.into_iter().map(|entry| entry.payload.get("value").cloned().unwrap()).collect()
    };
    let a_sees = values(on_a.entries(Range::default(), 1000).await.unwrap());
    assert_eq!(a_sees, values(on_b.entries(Range::default(), 1000).await.unwrap()));
    assert_eq!(a_sees.len(), 100);

    // b leaves, a goes on alone, b comes back.
    b.shutdown().await.unwrap();
    drop((on_b, b));
    for n in 100..3000_i64 {
        on_a.append(Operation::add(n.into())).await.unwrap();
    }
    let b = start(&dir.path().join("b"), &root, &addresses(&a)).await;
    let on_b = open(&b, info.address).await;
    assert_eq!(holds(&on_b, 3000).await, holds(&on_a, 3000).await);
    let report = on_b.verify().await.unwrap();
    assert_eq!(report.entries, 3000);
    a.shutdown().await.unwrap();
    b.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_go_on_while_a_large_log_is_verified() {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("root.key");
    create_key(&root).unwrap();
    let node = start(&dir.path().join("data"), &root, &[]).await;
    node.create(create("log", Reading::default())).await.unwrap();
    let log = node.database("log").unwrap();
    for batch in 0..40_i64 {
        let appends = (0..64).map(|n| log.append(Operation::add((batch * 64 + n).into())));
        futures::future::try_join_all(appends).await.unwrap();
    }

    let verified = log.clone();
    let verify = tokio::spawn(async move { verified.verify().await });
    let mut meanwhile = 0;
    while !verify.is_finished() {
        log.append(Operation::add("meanwhile".into())).await.unwrap();
        meanwhile += 1;
    }
    let report = verify.await.unwrap().unwrap();
    assert!(report.entries >= 40 * 64 && report.is_clean(), "{report:?}");
    assert!(meanwhile > 5, "{meanwhile} appends while {} entries were verified", report.entries);
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_take_all_connections() {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("root.key");
    create_key(&root).unwrap();
    let node = start_with(&dir.path().join("node"), &root, &[], 8).await;
    let mut others = Vec::new();
    for nth in 0..6 {
        let other = start(&dir.path().join(nth.to_string()), &root, &addresses(&node)).await;
        let mut peers = other.network().peers();
        drop(within("it is connected", peers.wait_for(|peers| !peers.is_empty())).await.unwrap());
        others.push(other);
    }
    let refused = || node.network().refused_connections().counts();
    assert_eq!(refused(), [("limit", 0), ("address", 0), ("offences", 0)]);
    let late = start(&dir.path().join("late"), &root, &addresses(&node)).await;
    let told = async {
        while refused()[1].1 == 0 {
            tokio::task::yield_now().await;
        }
    };
    within("the seventh is refused: a quarter is for other addresses", told).await;
    assert_eq!(node.network().peers().borrow().len(), 6);
    for node in others.into_iter().chain([late, node]) {
        node.shutdown().await.unwrap();
    }
}
