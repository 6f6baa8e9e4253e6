//! Durable appends over HTTP, by one client and by sixteen.

use std::path::Path;
use std::time::{Duration, Instant};

use paperclip_tests::{Api, JsPeer, Node, NodeOptions, Result, Storage, joined, to_typed};
use serde_json::json;

use super::scale::{Scale, value};
use crate::primitive::Primitives;
use crate::progress::say;
use crate::table::{Row, Table, Target};

/// Concurrent clients of the plan.
pub(super) const CLIENTS: usize = 16;

/// Appends by `clients` threads for `seconds`; acknowledged appends per second.
pub(super) fn rate(api: &Api, db: &str, clients: usize, seconds: f64) -> Result<f64> {
    let until = Duration::from_secs_f64(seconds);
    let start = Instant::now();
    let count: Result<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| -> Result<usize> {
                    let mut count = 0;
                    while start.elapsed() < until {
                        api.add(db, &value())?;
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        threads.into_iter().map(joined).sum()
    });
    Ok(per_second(count?, start.elapsed()))
}

/// A rate.
pub(super) fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Appends exactly `count` entries, by as many clients as go best.
pub(super) fn fill(api: &Api, db: &str, count: usize) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let share = count / CLIENTS + usize::from(client < count % CLIENTS);
                scope.spawn(move || (0..share).try_for_each(|_| api.add(db, &value()).map(drop)))
            })
            .collect();
        threads.into_iter().try_for_each(joined)
    })
}

pub(super) fn measure(
    folder: &Path,
    scale: &Scale,
    primitives: &Primitives,
    table: &mut Table,
) -> Result<()> {
    say("append");
    let theirs = {
        let mut js = JsPeer::start(&folder.join("js"), Storage::Disk)?;
        let db = js.create("append", "events", json!({}))?.address;
        let args = json!({ "db": db, "count": scale.js_appends, "value": to_typed(&value())? });
        js.measured("measureAppend", args)?.rate(scale.js_appends)
    };
    let node = Node::start(&folder.join("node"), NodeOptions::default())?;
    let db = node.api().create("append", "events", &["*"])?.address;
    rate(node.api(), &db, CLIENTS, scale.seconds / 3.0)?;
    let many = rate(node.api(), &db, CLIENTS, scale.seconds)?;
    let one = rate(node.api(), &db, 1, scale.seconds)?;
    let row = |work: String, ours, compared, target| Row {
        work,
        unit: "/s",
        ours,
        compared: Some(compared),
        target,
    };
    table.add(row(format!("durable append, {CLIENTS} HTTP clients"), many, theirs, Target::Times(40.0)));
    table.add(row("durable append, one HTTP client".to_owned(), one, theirs, Target::Times(8.0)));
    table.add(row(
        format!("append, {CLIENTS} clients, against one core's signing"),
        many,
        primitives.signs,
        Target::Share(0.5),
    ));
    Ok(())
}
