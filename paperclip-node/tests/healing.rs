//! Damage on the disk of a node, healed by its peers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;
mod served;

use common::{addresses, create, holds, open, start, until, within};
use oplog::{
    Hash, Value, identity::Identity, log::Range, manifest::AccessAddress, reading::Reading, view::Operation,
};
use paperclip_node::{
    database::{Database, Precondition, Settings},
    node::{Create, CreateAccess, Node},
};
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::json;
use served::Served;
use std::{fs, path::Path};
use tempfile::TempDir;

/// Flips one bit in the middle of a block, wherever it is in the journal of a node that is stopped.
fn flip(dir: &Path, block: &[u8]) {
    let mut flipped = 0;
    for file in fs::read_dir(dir.join("journal")).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        while let Some(at) = bytes.windows(block.len()).position(|window| window == block) {
            bytes[at + block.len() / 2] ^= 0x10;
            flipped += 1;
            fs::write(&path, &bytes).unwrap();
        }
    }
    assert_ne!(flipped, 0, "the block is in the journal");
}

struct Pair {
    dir: TempDir,
    a: Node,
    on_a: Database,
    b: Node,
    on_b: Database,
}

impl Pair {
    /// Two nodes with a database that both hold.
    async fn with_entries(count: i64) -> Self {
        let dir = TempDir::new().unwrap();
        let root = dir.path().join("root.key");
        paperclip_node::create_key(&root).unwrap();
        let a = start(&dir.path().join("a"), &root, &[]).await;
        let b = start(&dir.path().join("b"), &root, &addresses(&a)).await;
        let (info, _) = a.create(create("log", Reading::default())).await.unwrap();
        let (on_a, on_b) = (a.database("log").unwrap(), open(&b, info.address).await);
        for n in 0..count {
            on_a.append(Operation::add(n.into())).await.unwrap();
        }
        holds(&on_b, u64::try_from(count).unwrap()).await;
        Self { dir, a, on_a, b, on_b }
    }

    /// Stops the second node, does something to its disk, and starts it again.
    async fn restart_b(self, meanwhile: impl FnOnce(&Path)) -> Self {
        let Self { dir, a, on_a, b, on_b } = self;
        b.shutdown().await.unwrap();
        drop((b, on_b));
        meanwhile(&dir.path().join("b"));
        let b = start(&dir.path().join("b"), &dir.path().join("root.key"), &addresses(&a)).await;
        let on_b = open(&b, on_a.address()).await;
        Self { dir, a, on_a, b, on_b }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_identity_is_fetched_again_and_stops_nothing() {
    let pair = Pair::with_entries(10).await;
    let newest = pair.on_a.entries(Range::default(), 1).await.unwrap().remove(0);
    let identity = pair.a.block(&newest.identity).unwrap().unwrap();
    assert!(Identity::decode(&identity).is_ok());
    let pair = pair.restart_b(|dir| flip(dir, &identity)).await;

    pair.on_a.append(Operation::add("after the damage".into())).await.unwrap();
    holds(&pair.on_b, 11).await;
    assert!(pair.on_b.ended().is_none());
    let healed = async || pair.b.block(&newest.identity).ok().flatten().as_ref() == Some(&identity);
    until("the identity is whole again", healed).await;
    assert!(pair.b.verify("log", None).await.unwrap().outcome.unwrap().is_clean());
}

/// The database that says who may write to another one.
fn guard_of(node: &Node, guarded: &Database) -> Database {
    let AccessAddress::OrbitDb(guard) = guarded.manifest().access else { panic!("not guarded") };
    node.database(&guard.to_string()).unwrap()
}

/// Two nodes with a guarded database that grants rights to the nodes.
async fn guarded_pair() -> (Pair, Hash) {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("root.key");
    paperclip_node::create_key(&root).unwrap();
    let a = start(&dir.path().join("a"), &root, &[]).await;
    let b = start(&dir.path().join("b"), &root, &addresses(&a)).await;
    let access = CreateAccess::OrbitDb(Vec::new());
    let (info, _) = a.create(Create { access, ..create("log", Reading::default()) }).await.unwrap();
    let (on_a, on_b) = (a.database("log").unwrap(), open(&b, info.address).await);
    let grant = guard_of(&a, &on_a).append(grant("write", &a)).await.unwrap();
    holds(&guard_of(&b, &on_b), 1).await;
    (Pair { dir, a, on_a, b, on_b }, grant)
}

fn grant(capability: &str, to: &Node) -> Operation {
    Operation::put(capability.to_owned(), vec![Value::from(to.identity().cluster_id)].into())
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_could_not_be_read_hold_as_soon_as_they_are_healed() {
    let (Pair { dir, a, on_a, b, on_b }, granted) = guarded_pair().await;
    let folder = |name: &str| dir.path().join(name);
    let block = a.block(&granted).unwrap().unwrap();
    a.shutdown().await.unwrap();
    drop((a, on_a));
    // Nobody is there to heal this when a node of another cluster gets rights, for which all grants have to be read.
    flip(&folder("b"), &block);
    let other_root = folder("other.key");
    paperclip_node::create_key(&other_root).unwrap();
    let other = start(&folder("other"), &other_root, &[]).await;
    guard_of(&b, &on_b).append(grant("admin", &other)).await.unwrap();
    other.shutdown().await.unwrap();
    drop(other);
    until("the damage is found", async || b.damaged() > 0).await;

    let a = start(&folder("a"), &folder("root.key"), &addresses(&b)).await;
    let on_a = open(&a, on_b.address()).await;
    holds(&guard_of(&a, &on_a), 2).await;
    let other = start(&folder("other"), &other_root, &addresses(&a)).await;
    other.pin(on_a.address(), Settings::default()).await.unwrap();
    let on_other = open(&other, on_a.address()).await;
    holds(&guard_of(&other, &on_other), 2).await;
    let append = async || on_other.append(Operation::add("by the other".into())).await.is_ok();
    until("the other one may write", append).await;
    holds(&on_b, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guarded_database_opens_when_a_damaged_grant_is_healed() {
    let (pair, granted) = guarded_pair().await;
    pair.on_a.append(Operation::add("value".into())).await.unwrap();
    holds(&pair.on_b, 1).await;
    let block = pair.a.block(&granted).unwrap().unwrap();
    let pair = pair.restart_b(|dir| flip(dir, &block)).await;
    pair.on_b.append(Operation::add("may write".into())).await.unwrap();
    holds(&pair.on_a, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_flipped_bits_are_all_healed() {
    const FLIPS: usize = 105;
    let seed = common::seed();
    let pair = Pair::with_entries(400).await;
    let entries = pair.on_a.entries(Range::default(), 1000).await.unwrap();
    // Not the newest: damage at the very end of the journal looks like the unfinished end of a write, and is cut off.
    let mut hashes: Vec<Hash> = entries.iter().skip(1).map(|entry| entry.hash).collect();
    hashes.shuffle(&mut StdRng::seed_from_u64(seed));
    // The oldest is among them: it is the first that says how the database is read.
    let oldest = entries[entries.len() - 1].hash;
    hashes.retain(|hash| *hash != oldest);
    hashes.insert(0, oldest);
    let blocks: Vec<_> = hashes.iter().take(FLIPS).map(|hash| pair.a.block(hash).unwrap().unwrap()).collect();
    let pair = pair.restart_b(|dir| blocks.iter().for_each(|block| flip(dir, block))).await;

    let report = pair.b.verify("log", Some(common::DEADLINE)).await.unwrap();
    let (outcome, healed) = (report.outcome.unwrap(), report.healed);
    assert!(outcome.is_clean(), "PAPERCLIP_SEED={seed}: {:?}", outcome.examples);
    assert_eq!((outcome.entries, pair.b.damaged()), (400, 0), "PAPERCLIP_SEED={seed}");
    assert!(healed <= FLIPS, "PAPERCLIP_SEED={seed}: some were met, and healed, before");
    assert_eq!(pair.on_b.entries(Range::default(), 1000).await.unwrap(), entries, "PAPERCLIP_SEED={seed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_alone_serves_everything_but_what_is_damaged() {
    let Pair { dir, a, on_a, b, on_b } = Pair::with_entries(40).await;
    let entries = on_a.entries(Range::default(), 100).await.unwrap();
    let damaged = entries[17].hash;
    let block = a.block(&damaged).unwrap().unwrap();
    a.shutdown().await.unwrap();
    b.shutdown().await.unwrap();
    drop((a, on_a, b, on_b));
    flip(&dir.path().join("b"), &block);
    let alone = start(&dir.path().join("b"), &dir.path().join("root.key"), &[]).await;
    let log = open(&alone, entries[0].id.parse().unwrap()).await;

    let listed = log.scan_entries(Range::default(), Vec::new(), |kept: &mut Vec<_>, entry| {
        kept.push(entry);
        true
    });
    let listed = listed.await.unwrap();
    let whole: Vec<_> = entries.iter().filter(|entry| entry.hash != damaged).cloned().collect();
    assert_eq!((listed.kept, listed.damaged), (whole, vec![damaged]));
    assert_eq!(log.entry(&damaged).unwrap_err().damaged(), Some(damaged));
    assert_eq!((log.damaged(), alone.damaged()), (vec![damaged], 1));
    log.append(Operation::add("and goes on".into())).await.unwrap();
    assert!(log.ended().is_none());
    let report = alone.verify("log", None).await.unwrap().outcome.unwrap();
    assert_eq!((report.entries, report.damaged), (41, vec![damaged]));
}

#[tokio::test(flavor = "multi_thread")]
async fn intact_entries_behind_damage_wait_on_a_node_alone_and_are_served_when_it_is_healed() {
    const BEHIND: usize = 30;
    let Pair { dir, a, on_a, b, on_b } = Pair::with_entries(40).await;
    let entries = on_a.entries(Range::default(), 100).await.unwrap();
    let damaged = entries[BEHIND].hash;
    let block = a.block(&damaged).unwrap().unwrap();
    a.shutdown().await.unwrap();
    b.shutdown().await.unwrap();
    drop((a, on_a, b, on_b));
    let folder = |name: &str| dir.path().join(name);
    flip(&folder("b"), &block);
    fs::remove_dir_all(folder("b").join("db")).unwrap();

    let alone = start(&folder("b"), &folder("root.key"), &[]).await;
    let log = open(&alone, entries[0].id.parse().unwrap()).await;
    let mut status = log.status();
    let named = status.wait_for(|status| status.unreachable.iter().any(|it| it.hash == damaged));
    let pending = within("what is missing is named", named).await.unwrap().pending;
    assert_eq!(pending, BEHIND + 1, "the intact ones wait for the missing one");
    assert_eq!(log.status().borrow().len, 9);
    // What is written meanwhile is not lost either.
    log.append(Operation::add("meanwhile".into())).await.unwrap();

    let healer = start(&folder("a"), &folder("root.key"), &addresses(&alone)).await;
    holds(&log, 41).await;
    holds(&open(&healer, log.address()).await, 41).await;
    assert!(alone.verify("log", None).await.unwrap().outcome.unwrap().is_clean());
}

#[test]
fn damage_in_the_journal_is_shown_and_everything_else_is_served() {
    let served = Served::start();
    served.create("log", "events");
    let add = |served: &Served, value: &str| {
        let added = served.post("/v1/databases/log/events", &json!(value));
        assert_eq!(added.status, 201, "{}", added.json);
    };
    ["first", "to be damaged", "third"].into_iter().for_each(|value| add(&served, value));
    // Without an index, the whole journal is read.
    let served = served.restart_after(|dir| {
        flip(dir, b"to be damaged");
        fs::remove_dir_all(dir.join("db")).unwrap();
    });

    let ready = served.ready();
    assert_eq!(ready.json["status"], "ready");
    let damage = &ready.json["journal_damage"];
    assert_eq!((&damage["parts"], &damage["files"]), (&json!(1), &json!(0)));
    let status = served.get("/v1/status").json;
    assert_eq!((&status["ready"], &status["journal_damage"]), (&json!(true), damage));
    let bytes = damage["bytes"].as_u64().unwrap();
    let problem = status["problems"][0].as_str().unwrap();
    assert!(problem.contains(&format!("unreadable parts: 1, their bytes: {bytes}")), "{problem}");
    served.measures("paperclip_store_journal_damaged_parts", 1);
    served.measures("paperclip_store_journal_damaged_bytes", bytes);
    served.measures("paperclip_store_journal_damaged_files", 0);
    add(&served, "and goes on");
    served.finish();
}

#[test]
fn databases_that_cannot_be_served_are_counted() {
    let served = Served::start();
    served.create("log", "events");
    let added = served.post("/v1/databases/log/events", &json!("not a manifest")).json;
    served.measures("paperclip_databases_failed", 0);
    let address = format!("/orbitdb/{}", added["hash"].as_str().unwrap());
    assert_eq!(served.post("/v1/databases", &json!({ "address": address })).json["state"], "failed");
    served.measures("paperclip_databases_failed", 1);
    served.finish();
}

#[test]
fn a_database_whose_task_has_ended_by_itself_is_counted_and_told() {
    let served = Served::start();
    served.create("settings", "keyvalue");
    served.measures("paperclip_databases_failed", 0);
    let database = served.node.database("settings").unwrap();
    // It runs within the task, which this ends as a fault of its own would.
    let fault = Precondition::new(|_| panic!("a fault, made by this test"));
    let put = Operation::put("key", 1.into());
    assert!(served.runtime.block_on(database.append_if(put, Some(fault))).is_err());
    served.measures("paperclip_databases_failed", 1);
    let shown = served.get("/v1/databases/settings").json;
    assert_eq!((&shown["state"], database.ended().is_some()), (&json!("failed"), true), "{shown}");
    served.finish();
}
