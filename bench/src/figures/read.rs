//! Iterating a whole log, and getting single keys.

use std::path::Path;
use std::time::{Duration, Instant};

use paperclip_tests::{HarnessError, JsPeer, Node, NodeOptions, Result, Storage, to_typed};
use rand::Rng as _;
use serde_json::json;

use super::append::{fill, per_second};
use super::scale::{Scale, value};
use crate::progress::say;
use crate::table::{Row, Table, Target};

pub(super) fn measure(folder: &Path, scale: &Scale, table: &mut Table) -> Result<()> {
    say("read");
    let (their_iteration, their_gets) = theirs(&folder.join("js"), scale)?;
    let node = Node::start(&folder.join("node"), NodeOptions::default())?;
    table.add(Row {
        work: format!("iterate all of {} entries", scale.iterated),
        unit: "entries/s",
        ours: iteration(&node, scale)?,
        compared: Some(their_iteration),
        target: Target::Times(50.0),
    });
    table.add(Row {
        work: format!("keyvalue get at {} keys, one HTTP client", scale.keys),
        unit: "/s",
        ours: gets(&node, scale)?,
        compared: Some(their_gets),
        target: Target::Times(2_000.0),
    });
    Ok(())
}

fn theirs(folder: &Path, scale: &Scale) -> Result<(f64, f64)> {
    let mut js = JsPeer::start(folder, Storage::Disk)?;
    let value = to_typed(&value())?;
    let db = js.create("iterated", "events", json!({}))?.address;
    js.measured("measureAppend", json!({ "db": db, "count": scale.iterated, "value": value }))?;
    let iteration = js.measured("measureIterate", json!({ "db": db }))?.rate(scale.iterated);
    let db = js.create("keys", "keyvalue", json!({}))?.address;
    js.measured("measurePut", json!({ "db": db, "count": scale.keys, "value": value }))?;
    let keys: Vec<String> = (0..scale.js_gets).map(|_| random_key(scale)).collect();
    let gets = js.measured("measureGet", json!({ "db": db, "keys": keys }))?.rate(scale.js_gets);
    Ok((iteration, gets))
}

fn random_key(scale: &Scale) -> String {
    format!("key-{}", rand::rng().random_range(0..scale.keys))
}

fn iteration(node: &Node, scale: &Scale) -> Result<f64> {
    let db = node.api().create("iterated", "events", &["*"])?.address;
    fill(node.api(), &db, scale.iterated)?;
    let until = Duration::from_secs_f64(scale.seconds);
    let start = Instant::now();
    let mut seen = 0;
    while start.elapsed() < until {
        let rows = node.api().events(&db, "amount=-1")?;
        if rows.len() != scale.iterated {
            return Err(HarnessError::NotYet(format!("{} events of {}", rows.len(), scale.iterated)));
        }
        seen += rows.len();
    }
    Ok(per_second(seen, start.elapsed()))
}

fn gets(node: &Node, scale: &Scale) -> Result<f64> {
    let db = node.api().create("keys", "keyvalue", &["*"])?.address;
    for n in 0..scale.keys {
        node.api().put(&db, &format!("key-{n}"), &value())?;
    }
    let until = Duration::from_secs_f64(scale.seconds);
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < until {
        let key = random_key(scale);
        if node.api().get_key(&db, &key)?.is_none() {
            return Err(HarnessError::NotYet(format!("{key} is missing")));
        }
        count += 1;
    }
    Ok(per_second(count, start.elapsed()))
}
