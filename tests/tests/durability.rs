//! An acknowledged write survives a SIGKILL at any moment.

use std::sync::atomic::{AtomicUsize, Ordering};

use paperclip_tests::{Api, DEADLINE, Node, NodeOptions, Result, ensure, eventually, folder, joined, seeded};
use rand::Rng as _;
use serde_json::{Value, json};

/// Kills per test; each costs one start of the node.
const ROUNDS: usize = 20;
/// Writers at once: enough for several writes to share a flush when the node dies.
const WRITERS: usize = 4;
/// The most acknowledgements a round waits for before it kills.
const MOST_ACKS: usize = 120;

/// Writes until the node is gone; what was acknowledged.
fn write_until_gone<T>(acks: &AtomicUsize, mut write: impl FnMut(usize) -> Result<T>) -> Vec<T> {
    let mut acknowledged = Vec::new();
    while let Ok(done) = write(acknowledged.len()) {
        acknowledged.push(done);
        acks.fetch_add(1, Ordering::SeqCst);
    }
    acknowledged
}

/// Runs writers, kills the node when `kill_at` writes have been acknowledged; all that were.
fn write_and_kill<T: Send>(
    node: &mut Node,
    kill_at: usize,
    write: impl Fn(&Api, usize, usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let acks = AtomicUsize::new(0);
    let api = node.api().clone();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (acks, api, write) = (&acks, api.clone(), &write);
                scope.spawn(move || write_until_gone(acks, |n| write(&api, writer, n)))
            })
            .collect();
        let reached = eventually(DEADLINE, "enough writes are acknowledged", || {
            let count = acks.load(Ordering::SeqCst);
            ensure(count >= kill_at, || format!("{count} of {kill_at}"))
        });
        // Killed in any case: the writers end when the node does.
        node.kill()?;
        let acknowledged = writers.into_iter().flat_map(joined).collect();
        reached.map(|()| acknowledged)
    })
}

#[test]
fn acknowledged_events_survive_kills() -> Result<()> {
    let mut random = seeded();
    let home = folder()?;
    let mut node = Node::start(home.path(), NodeOptions::default())?;
    let db = node.api().create("durable", "events", &["*"])?.address;
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let kill_at = random.random_range(1..=MOST_ACKS);
        let size = random.random_range(0..2_000);
        acknowledged.extend(write_and_kill(&mut node, kill_at, |api, writer, n| {
            api.add(&db, &json!({ "round": round, "writer": writer, "n": n, "pad": "x".repeat(size) }))
        })?);
        node.run()?;
        let there: std::collections::HashSet<String> = node.api().hashes(&db)?.into_iter().collect();
        let lost: Vec<&String> = acknowledged.iter().filter(|hash| !there.contains(*hash)).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged and gone: {lost:?}");
        assert_eq!(node.api().database(&db)?.entries, there.len() as u64, "the count agrees with the log");
        assert_eq!(node.api().verify(&db)?["sound"], json!(true), "round {round}");
    }
    Ok(())
}

#[test]
fn acknowledged_values_survive_kills() -> Result<()> {
    let mut random = seeded();
    let home = folder()?;
    let mut node = Node::start(home.path(), NodeOptions::default())?;
    let db = node.api().create("durable", "keyvalue", &["*"])?.address;
    for round in 0..ROUNDS / 2 {
        let kill_at = random.random_range(1..=MOST_ACKS);
        let acknowledged = write_and_kill(&mut node, kill_at, |api, writer, n| {
            let key = format!("writer {writer}");
            api.put(&db, &key, &json!(round * 1_000_000 + n)).map(|_| (key, round * 1_000_000 + n))
        })?;
        node.run()?;
        for (key, value) in acknowledged {
            // A later write of the same writer may have been stored without having been acknowledged.
            let row = node.api().get_key(&db, &key)?;
            let seen = row.as_ref().and_then(serde_json::Value::as_u64);
            assert!(
                seen >= Some(value as u64),
                "round {round}: {key} was acknowledged as {value}, is {row:?}"
            );
        }
        assert_eq!(node.api().verify(&db)?["sound"], json!(true), "round {round}");
    }
    Ok(())
}

#[test]
fn what_was_accepted_before_sigterm_is_kept() -> Result<()> {
    let home = folder()?;
    let mut node = Node::start(home.path(), NodeOptions::default())?;
    let db = node.api().create("orderly", "events", &["*"])?.address;
    let api = node.api().clone();
    let acks = AtomicUsize::new(0);
    let acknowledged: Vec<String> = std::thread::scope(|scope| -> Result<Vec<String>> {
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| scope.spawn(|| write_until_gone(&acks, |n| api.add(&db, &json!(n)))))
            .collect();
        eventually(DEADLINE, "some writes are acknowledged", || {
            ensure(acks.load(Ordering::SeqCst) >= 50, || "too few".to_owned())
        })?;
        assert!(node.terminate()?.success(), "exit code 0");
        Ok(writers.into_iter().flat_map(joined).collect())
    })?;
    node.run()?;
    let there: Vec<String> = node.api().hashes(&db)?;
    assert!(acknowledged.iter().all(|hash| there.contains(hash)));
    let value: Value = node.api().events(&db, "amount=1")?[0].value.clone();
    assert!(value.is_u64());
    Ok(())
}
