//! Backups: what is restored equals what was backed up, and what is no whole backup changes nothing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use bytes::Bytes;
use car::{Index, Reader, Role, Writer};
use common::{addresses, create, holds, open, seed, start, within};
use oplog::{
    Address, Hash, Value,
    cbor::Map,
    keys::SigningKey,
    manifest::AccessAddress,
    reading::{Documents, Events, KeyValue, Reading},
    view::Operation,
};
use paperclip_node::{
    backup::{self, CheckError, Checked},
    create_key,
    database::{Database, Settings},
    node::{Create, CreateAccess, Node, RestoreReport},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::path::PathBuf;
use tempfile::TempDir;

/// A folder with a cluster's key.
struct Cluster {
    dir: TempDir,
    root: PathBuf,
}

impl Cluster {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root.key");
        create_key(&root).unwrap();
        Self { dir, root }
    }

    async fn node(&self, name: &str) -> Node {
        start(&self.dir.path().join(name), &self.root, &[]).await
    }
}

fn bytes_of(node: &Node, wanted: Option<&str>) -> Vec<u8> {
    let logs = node.backup(wanted).unwrap().unwrap();
    let mut bytes = Vec::new();
    let closing = tokio::task::block_in_place(|| backup::write(&logs, &mut bytes)).unwrap();
    assert!(closing.bytes < bytes.len() as u64, "the closing record follows");
    bytes
}

fn check(node: &Node, bytes: &[u8]) -> Result<Checked, CheckError> {
    tokio::task::block_in_place(|| node.check_backup(bytes))
}

/// Why a backup is refused.
fn refusal(node: &Node, bytes: &[u8]) -> String {
    match check(node, bytes) {
        Err(CheckError::Refused(refusal)) => refusal.to_string(),
        other => panic!("taken: {other:?}"),
    }
}

async fn restore(node: &Node, bytes: &[u8]) -> RestoreReport {
    let checked = check(node, bytes).unwrap();
    within("the restore", node.restore(&checked, None)).await.unwrap()
}

fn digest(node: &Node, address: Address) -> String {
    node.info(&address.to_string()).unwrap().open.unwrap().digest
}

fn guarded(name: &str) -> Create {
    Create { access: CreateAccess::OrbitDb(Vec::new()), ..create(name, Reading::of(&Events)) }
}

/// A node with a database of each kind, one of them guarded.
async fn filled(cluster: &Cluster) -> Node {
    let node = cluster.node("filled").await;
    let (log, _) = node.create(create("log", Reading::of(&Events))).await.unwrap();
    let (keys, _) = node.create(create("keys", Reading::of(&KeyValue))).await.unwrap();
    let documents = Reading::of(&Documents).by(Some("id")).unwrap();
    let settings = Settings { no_javascript: true, ..Settings::default() };
    node.create(Create { settings, ..create("docs", documents) }).await.unwrap();
    node.create(guarded("guarded")).await.unwrap();
    for n in 0..20_i64 {
        node.database(&log.address.to_string()).unwrap().append(Operation::add(n.into())).await.unwrap();
        let put = Operation::put(format!("k{}", n % 7), n.into());
        node.database(&keys.address.to_string()).unwrap().append(put).await.unwrap();
        let document: Value =
            Map::from_iter([("id", Value::from(format!("d{}", n % 5))), ("n", n.into())]).into();
        let put = Operation::put(format!("d{}", n % 5), document);
        node.database("docs").unwrap().append(put).await.unwrap();
        node.database("guarded").unwrap().append(Operation::add(n.into())).await.unwrap();
    }
    node.database("keys").unwrap().append(Operation::del("k3")).await.unwrap();
    let guard = guard_of(&node, "guarded");
    let grant = Operation::put("write", Value::List(vec![node.identity().cluster_id.into()]));
    node.database(&guard.to_string()).unwrap().append(grant).await.unwrap();
    node
}

fn guard_of(node: &Node, name: &str) -> Address {
    match node.database(name).unwrap().manifest().access {
        AccessAddress::OrbitDb(guard) => guard,
        AccessAddress::Ipfs(_) => panic!("{name} is not guarded"),
    }
}

/// Names, roles, readings, rights, lengths and digests of everything that a node has.
fn state(node: &Node) -> Vec<String> {
    let all = node.status().databases.into_iter().map(|info| {
        let open = info.open.unwrap();
        let what = (info.address, info.role, info.name, open.reading.to_string(), open.javascript);
        format!("{what:?} {:?} {} {}", open.access.write, open.entries, open.digest)
    });
    all.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_node_of_the_cluster_has_everything_again() {
    let cluster = Cluster::new();
    let node = filled(&cluster).await;
    let bytes = bytes_of(&node, None);
    let empty = cluster.node("empty").await;
    let report = restore(&empty, &bytes).await;
    assert_eq!(report.databases.len(), 6, "the catalog, a guard, four databases: {report:?}");
    assert!(report.databases.iter().all(|database| database.equal && database.new == database.entries));
    assert_eq!(state(&empty), state(&node));
    assert_eq!(empty.database("keys").unwrap().get("k3").unwrap(), None);
    let value = empty.database("keys").unwrap().get("k4").unwrap().unwrap().1;
    assert_eq!(value, Value::from(18));

    let again = restore(&empty, &bytes).await;
    assert!(again.databases.iter().all(|database| database.equal && database.new == 0), "{again:?}");
    assert_eq!(state(&empty), state(&node));
    let sound = empty.database("guarded").unwrap().verify().await.unwrap();
    assert!(sound.is_clean(), "{sound:?}");
    empty.shutdown().await.unwrap();
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cluster_takes_the_databases_and_what_is_chosen_for_them() {
    let (ours, theirs) = (Cluster::new(), Cluster::new());
    let (node, other) = (filled(&ours).await, theirs.node("other").await);
    let bytes = bytes_of(&node, None);
    let report = restore(&other, &bytes).await;
    assert_eq!(report.foreign_catalog, Some(node.status().catalog));
    let without_catalog = |node: &Node| {
        let catalog = node.status().catalog.manifest().to_string();
        state(node).into_iter().filter(|line| !line.contains(&catalog)).collect::<Vec<_>>()
    };
    assert_eq!(without_catalog(&other), without_catalog(&node));
    other.shutdown().await.unwrap();
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_database_comes_with_its_access_controller_and_nothing_else() {
    let cluster = Cluster::new();
    let node = filled(&cluster).await;
    let guard = guard_of(&node, "guarded");
    let one = bytes_of(&node, Some("guarded"));
    let all = bytes_of(&node, None);
    let clusters = (Cluster::new(), Cluster::new());
    let (first, second) = (clusters.0.node("a").await, clusters.1.node("b").await);
    let report = restore(&first, &one).await;
    assert_eq!(report.databases.iter().map(|database| database.address).collect::<Vec<_>>()[0], guard);
    let checked = check(&second, &all).unwrap();
    let only = second.restore(&checked, Some("guarded")).await.unwrap();
    assert_eq!(only.databases.len(), 2);
    for node in [&first, &second] {
        assert_eq!(node.databases().len(), 1);
    }
    for address in [guard, node.database("guarded").unwrap().address()] {
        assert_eq!(digest(&first, address), digest(&node, address));
        assert_eq!(digest(&second, address), digest(&node, address));
    }
    let unknown = second.restore(&checked, Some("nobody")).await.unwrap_err().to_string();
    assert!(unknown.contains("keys"), "it says what there is: {unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_controller_alone_is_restored_as_the_database_that_it_is() {
    let cluster = Cluster::new();
    let node = filled(&cluster).await;
    let guard = guard_of(&node, "guarded");
    let elsewhere = Cluster::new();
    let other = elsewhere.node("other").await;
    restore(&other, &bytes_of(&node, Some(&guard.to_string()))).await;
    assert_eq!(digest(&other, guard), digest(&node, guard));
    assert_eq!(other.databases().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_living_node_joins_what_it_lacks() {
    let cluster = Cluster::new();
    let node = cluster.node("node").await;
    let (info, _) = node.create(create("log", Reading::of(&Events))).await.unwrap();
    let log = node.database("log").unwrap();
    log.append(Operation::add("before".into())).await.unwrap();
    let bytes = bytes_of(&node, None);
    log.append(Operation::add("after".into())).await.unwrap();
    let report = restore(&node, &bytes).await;
    assert!(report.databases.iter().all(|database| database.new == 0));
    assert_eq!(holds(&log, 2).await, digest(&node, info.address), "nothing is taken back");

    // A replica that has branched off, and lacks what the backup has.
    let other = cluster.node("other").await;
    other.create(create("log", Reading::of(&Events))).await.unwrap();
    let branch = other.database("log").unwrap();
    branch.append(Operation::add("a branch".into())).await.unwrap();
    let report = restore(&other, &bytes).await;
    let restored = report.databases.iter().find(|database| database.address == info.address).unwrap();
    assert_eq!((restored.new, restored.equal), (1, false));
    holds(&branch, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_a_writer_who_lost_the_right_since_are_restored() {
    let (ours, theirs) = (Cluster::new(), Cluster::new());
    let node = ours.node("node").await;
    let guest = start(&theirs.dir.path().join("guest"), &theirs.root, &addresses(&node)).await;
    let (info, _) = node.create(guarded("guarded")).await.unwrap();
    let guard = node.database(&guard_of(&node, "guarded").to_string()).unwrap();
    let id: Value = guest.identity().cluster_id.into();
    guard.append(Operation::put("write", Value::List(vec![id]))).await.unwrap();
    guest.pin(info.address, Settings::default()).await.unwrap();
    let there = open(&guest, info.address).await;
    let may_write =
        |status: &paperclip_node::database::LogStatus| status.writers.allow(&guest.identity().cluster_id);
    within("the right arrives", there.status().wait_for(may_write)).await.unwrap();
    let database = node.database("guarded").unwrap();
    // An entry that comes before the right is refused, and offered again at the next exchange.
    within("the right is known", database.status().wait_for(may_write)).await.unwrap();
    there.append(Operation::add("by a guest".into())).await.unwrap();
    // What is announced while nobody has subscribed yet waits for the next exchange too.
    node.resync("guarded", common::DEADLINE, Some(1)).await.unwrap();
    holds(&database, 1).await;
    guard.append(Operation::put("write", Value::List(Vec::new()))).await.unwrap();
    within("the right is taken back", database.status().wait_for(|status| !may_write(status))).await.unwrap();

    let bytes = bytes_of(&node, None);
    let empty = ours.node("empty").await;
    restore(&empty, &bytes).await;
    assert_eq!(digest(&empty, info.address), digest(&node, info.address));
    let restored = open(&empty, info.address).await;
    within("rights are as they were", restored.status().wait_for(|status| !may_write(status))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_while_two_nodes_write_is_a_log_of_one_moment() {
    let cluster = Cluster::new();
    let a = cluster.node("a").await;
    let b = start(&cluster.dir.path().join("b"), &cluster.root, &addresses(&a)).await;
    let (info, _) = a.create(create("log", Reading::of(&Events))).await.unwrap();
    let (on_a, on_b) = (a.database("log").unwrap(), open(&b, info.address).await);
    let writing = |database: Database| async move {
        for n in 0..300_i64 {
            database.append(Operation::add(n.into())).await.unwrap();
        }
    };
    let writers = [tokio::spawn(writing(on_a.clone())), tokio::spawn(writing(on_b))];
    let mut lengths = Vec::new();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        let checked = check(&a, &bytes_of(&a, Some("log"))).unwrap();
        lengths.push(checked.index.databases[0].entries);
    }
    assert!(lengths.is_sorted() && lengths.iter().any(|length| (1..600).contains(length)), "{lengths:?}");
    let whole = holds(&on_a, 600).await;
    let bytes = bytes_of(&a, Some("log"));
    let elsewhere = Cluster::new();
    let other = elsewhere.node("c").await;
    restore(&other, &bytes).await;
    assert_eq!(digest(&other, info.address), whole);
}

/// The blocks of a backup, and where each begins.
fn blocks(bytes: &[u8]) -> Vec<(u64, Hash, Bytes)> {
    let mut reader = Reader::new(bytes).unwrap();
    let mut blocks = Vec::new();
    let mut at = reader.bytes();
    while let Some(block) = reader.next_block().unwrap() {
        blocks.push((at, block.hash, block.bytes));
        at = reader.bytes();
    }
    blocks
}

/// A file of these blocks, with a closing record that fits.
fn file(blocks: &[(u64, Hash, Bytes)], entries: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, blocks[0].1).unwrap();
    blocks.iter().for_each(|(_, hash, block)| writer.block(hash, block).unwrap());
    writer.finish(entries).unwrap();
    bytes
}

async fn small() -> (Cluster, Node, Vec<u8>) {
    let cluster = Cluster::new();
    let node = cluster.node("node").await;
    node.create(create("log", Reading::of(&Events))).await.unwrap();
    for n in 0..5_i64 {
        node.database("log").unwrap().append(Operation::add(n.into())).await.unwrap();
    }
    let bytes = bytes_of(&node, Some("log"));
    (cluster, node, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_backup_is_refused_wherever_it_ends() {
    let (_cluster, node, bytes) = small().await;
    check(&node, &bytes).unwrap();
    let seed = seed();
    println!("PAPERCLIP_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let boundaries = blocks(&bytes).into_iter().map(|(at, ..)| usize::try_from(at).unwrap());
    let ends = boundaries.chain((0..100).map(|_| random.random_range(0..bytes.len())));
    for end in ends.chain([0, 1, bytes.len() - 1]) {
        let told = refusal(&node, &bytes[..end]);
        assert!(told.contains("cut off") || told.starts_with("not a backup"), "{end}: {told}");
    }
    let more = [&bytes[..], &bytes[bytes.len() - 200..]].concat();
    assert!(refusal(&node, &more).contains("altered"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_with_any_byte_altered_is_refused() {
    let (_cluster, node, bytes) = small().await;
    let seed = seed();
    println!("PAPERCLIP_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    // The header, lengths, CIDs and the beginnings of blocks one by one, and the rest at random.
    let around = blocks(&bytes).into_iter().flat_map(|(at, ..)| {
        let at = usize::try_from(at).unwrap();
        [at, at + 1, at + 2, at + 3, at + 6, at + 20, at + 38, at + 40]
    });
    let anywhere: Vec<usize> = (0..100).map(|_| random.random_range(0..bytes.len())).collect();
    for at in (0..60).chain(around).chain(anywhere) {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << random.random_range(0..8);
        refusal(&node, &altered);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_that_nobody_has_take_no_memory() {
    let (_cluster, node, bytes) = small().await;
    let at = usize::try_from(blocks(&bytes)[1].0).unwrap();
    for (length, told) in [
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..], "claims"),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "begins no length"),
        (&[0x80, 0x80, 0x80, 0x04], "within a block"),
        (&[0x85, 0x00], "begins no length"),
        (&[0x00], "begins no length"),
        (&[0x24], "begins no length"),
    ] {
        let hostile = [&bytes[..at], length].concat();
        let refused = refusal(&node, &hostile);
        assert!(refused.contains(told), "{length:x?}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_whole_and_no_backup_is_refused() {
    let (_cluster, node, bytes) = small().await;
    let before = state(&node);
    let whole = blocks(&bytes);
    // index, manifest, access list, identity, five entries, closing record
    assert_eq!(whole.len(), 10);
    let parts = &whole[..9];
    assert_eq!(file(parts, 5), bytes, "what is taken apart and put together is the same");
    let without = |at: usize| [&parts[..at], &parts[at + 1..]].concat();
    let twice = |at: usize| [&parts[..=at], &parts[at..]].concat();
    let index = Index::decode(&parts[0].2).unwrap();
    let with_index = |index: &Index, rest: &[(u64, Hash, Bytes)]| {
        [&[(0, index.hash(), Bytes::from(index.encode()))], rest].concat()
    };
    let mut shorter = index.clone();
    shorter.databases[0].entries = 4;
    let mut other_head = index.clone();
    other_head.databases[0].heads = vec![parts[4].1];
    let mut renamed = index;
    renamed.databases[0].name = "other".to_owned();
    let stranger = (0, Hash::of(b"\xa1aa\x01"), Bytes::from_static(b"\xa1aa\x01"));
    for (what, blocks, entries, told) in [
        ("a missing entry", without(5), 4, "block"),
        ("an entry twice", twice(6), 6, "does not belong"),
        ("a manifest twice", twice(1), 5, "block"),
        ("an identity twice", twice(3), 5, "does not belong"),
        ("no identity", without(3), 5, "does not belong"),
        ("no access list", without(2), 5, "does not belong"),
        (
            "a block that nobody points to",
            [parts, std::slice::from_ref(&stranger)].concat(),
            5,
            "does not belong",
        ),
        ("such a block in between", [&parts[..5], &[stranger], &parts[5..]].concat(), 5, "block"),
        ("another count", parts.to_vec(), 6, "the number of entries"),
        ("no first entry", with_index(&shorter, &[&parts[1..4], &parts[5..]].concat()), 4, "is missing"),
        ("a gap", with_index(&shorter, &[&parts[1..5], &parts[6..]].concat()), 4, "no head leads to"),
        ("a head fewer", with_index(&shorter, &parts[1..8]), 4, "no head leads to"),
        ("another head", with_index(&other_head, &parts[1..]), 5, "no head leads to"),
        ("another name", with_index(&renamed, &parts[1..]), 5, "the name"),
        (
            "another order",
            [&parts[..5], &[parts[6].clone(), parts[5].clone()], &parts[7..]].concat(),
            5,
            "belong",
        ),
    ] {
        let refused = refusal(&node, &file(&blocks, entries));
        assert!(refused.contains(told), "{what}: {refused}");
    }
    let mut failed = Vec::new();
    let mut writer = Writer::new(&mut failed, parts[0].1).unwrap();
    writer.block(&parts[0].1, &parts[0].2).unwrap();
    writer.fail("the disk is on fire").unwrap();
    assert!(refusal(&node, &failed).contains("the disk is on fire"));
    assert_eq!(state(&node), before);
}

/// An index that says of a database of one cluster that another one's access controller guards it does not make it so.
#[tokio::test(flavor = "multi_thread")]
async fn entries_of_somebody_who_may_not_write_are_refused() {
    let (_cluster, node, bytes) = small().await;
    let elsewhere = Cluster::new();
    let other = elsewhere.node("other").await;
    let key = SigningKey::from_bytes([7; 32]).unwrap();
    let identity = oplog::identity::Identity::create(&key, &key);
    let whole = blocks(&bytes);
    let mut index = Index::decode(&whole[0].2).unwrap();
    assert!(matches!(index.databases[0].role, Role::Pinned(_)));
    let writer = oplog::log::Writer::new(identity.clone(), key);
    let mut log = oplog::log::Log::empty(index.databases[0].address);
    let forged = log.append(Operation::add("forged".into()), &writer).unwrap();
    index.databases[0].heads = vec![forged.position.hash];
    index.databases[0].entries = 1;
    let parts = [
        (0, index.hash(), Bytes::from(index.encode())),
        whole[1].clone(),
        whole[2].clone(),
        (0, identity.hash(), identity.encode()),
        (0, forged.position.hash, forged.block),
    ];
    let told = refusal(&other, &file(&parts, 1));
    assert!(told.contains("may not write") || told.contains("not allowed"), "{told}");
    assert!(other.databases().is_empty(), "nothing was changed");
    drop(node);
}
