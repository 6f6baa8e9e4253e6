//! A node that is killed at any moment keeps what it acknowledged.
//!
//! The test runs itself in a second process that appends to two databases and names every entry once it is flushed; that
//! process is killed, and the store is opened and checked. `PAPERCLIP_SEED` repeats a run's choices.

#![allow(clippy::unwrap_used, reason = "a test")]

use oplog::{
    Address, Hash, Value,
    identity::Identity,
    keys::SigningKey,
    log::{LogRead as _, Writer},
    view::Operation,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};
use store::{DatabaseStore, Store, StoreConfig, StoreError};

const KILLS: usize = 25;

/// The longest that a process writes before it is killed.
const LIFE: Duration = Duration::from_millis(120);

/// Tells the second process where its store is, and which choices to make.
const DIR: &str = "PAPERCLIP_TEST_CRASH";
const SEED: &str = "PAPERCLIP_SEED";

const TEST: &str = "acknowledged_entries_survive_a_kill_at_any_moment";

fn seed() -> u64 {
    std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random)
}

fn databases(store: &Store) -> Result<[DatabaseStore; 2], StoreError> {
    let open = |name: &str| store.database(&Address::new(Hash::of(name.as_bytes())));
    Ok([open("one")?, open("other")?])
}

fn writer() -> Writer {
    let [root, signing] = [1, 2].map(|byte| SigningKey::from_bytes([byte; 32]).unwrap());
    Writer::new(Identity::create(&root, &signing), signing)
}

fn operation(random: &mut StdRng) -> Operation {
    let size = if random.random_ratio(1, 200) { 200_000 } else { random.random_range(0..600) };
    let key = format!("key {}", random.random_range(0..40));
    if random.random_ratio(1, 5) {
        Operation::del(key)
    } else {
        Operation::put(key, Value::from("v".repeat(size)))
    }
}

/// Writes until it is killed. Every line on standard output names an entry that is on disk.
async fn write_for_ever(dir: &Path) {
    let mut random = StdRng::seed_from_u64(seed());
    let store = Store::open(dir, &StoreConfig::default()).unwrap();
    let databases = databases(&store).unwrap();
    let mut logs = databases.each_ref().map(|database| database.open_log().unwrap());
    let writer = writer();
    let mut output = std::io::stdout();
    loop {
        let which = random.random_range(0..2);
        let (database, log) = (&databases[which], &mut logs[which]);
        let mut stale = log.clone();
        let amount = random.random_range(1..20);
        let mut added: Vec<_> =
            (0..amount).map(|_| log.append(operation(&mut random), &writer).unwrap()).collect();
        if random.random_ratio(1, 4) {
            // Another replica's entry, from before; it was fetched and waited.
            let theirs = stale.append(operation(&mut random), &writer).unwrap();
            if added.iter().all(|ours| ours.position.hash != theirs.position.hash) {
                database.stage(&[(theirs.position.hash, theirs.block.clone())]).unwrap();
                log.join([&theirs]);
                added.push(theirs);
            }
        }
        let hashes: Vec<Hash> = added.iter().map(|added| added.position.hash).collect();
        database.apply(log.commit(added, database).unwrap()).unwrap();
        if random.random_ratio(1, 3) {
            continue; // a later flush acknowledges these too; here they just go unnamed
        }
        store.flushed().await.unwrap();
        let lines: String = hashes.iter().map(|hash| format!("ack {which} {hash}\n")).collect();
        output.write_all(lines.as_bytes()).unwrap();
        output.flush().unwrap();
    }
}

/// Runs the second process for a while and kills it; the entries that it named.
fn kill_after(dir: &Path, seed: u64, life: Duration) -> Vec<(usize, Hash)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(DIR, dir)
        .env(SEED, seed.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || -> Vec<(usize, Hash)> {
        output.lines().map_while(Result::ok).filter_map(|line| acknowledged(&line)).collect()
    });
    // Not a wait for something to happen: the moment of death, which is to be any.
    thread::sleep(life);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "the writer ended before it was killed");
    reader.join().unwrap()
}

/// Reads a line that was written whole.
fn acknowledged(line: &str) -> Option<(usize, Hash)> {
    let (which, hash) = line.strip_prefix("ack ")?.split_once(' ')?;
    Some((which.parse().ok()?, hash.parse().ok()?))
}

fn check(dir: &Path, named: &[HashSet<Hash>; 2]) {
    let store = Store::open(dir, &StoreConfig::default()).unwrap();
    for (database, named) in databases(&store).unwrap().iter().zip(named) {
        let log = database.open_log().unwrap();
        for hash in named {
            assert!(database.contains(hash).unwrap(), "acknowledged, and lost: {hash}");
        }
        let report = database.verify(|_| {}).unwrap();
        assert!(report.is_clean(), "{:?}", report.examples);
        let before = (log.heads().to_vec(), log.len(), view(database));
        let rebuilt = database.rebuild().unwrap();
        assert_eq!(rebuilt.dropped, 0);
        let log = database.open_log().unwrap();
        assert!(
            before == (log.heads().to_vec(), log.len(), view(database)),
            "a rebuild gives something else"
        );
    }
}

fn view(database: &DatabaseStore) -> Vec<(oplog::order::Position, String)> {
    database.live_newest_first(None).collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn acknowledged_entries_survive_a_kill_at_any_moment() {
    if let Some(dir) = std::env::var_os(DIR) {
        return write_for_ever(&PathBuf::from(dir)).await;
    }
    let seed = seed();
    println!("{SEED}={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let dir = tempfile::TempDir::new().unwrap();
    let mut named = [HashSet::new(), HashSet::new()];
    for _ in 0..KILLS {
        let life = LIFE.mul_f64(random.random());
        for (which, hash) in kill_after(dir.path(), random.random(), life) {
            named[which].insert(hash);
        }
        check(dir.path(), &named);
    }
    assert!(named.iter().map(HashSet::len).sum::<usize>() > KILLS, "hardly anything was written");
}
