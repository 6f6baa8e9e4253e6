//! Cold replication: a process that has nothing gets a whole database from one that has it.

use std::path::Path;
use std::time::{Duration, Instant};

use paperclip_tests::{JsPeer, Node, NodeOptions, Result, Storage, ensure, eventually, to_typed};
use serde_json::json;

use super::append::{fill, per_second};
use super::scale::{Scale, value};
use crate::primitive::Primitives;
use crate::progress::say;
use crate::table::{Row, Table, Target};

/// How long a cold replication may take before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(300);

pub(super) fn measure(
    folder: &Path,
    scale: &Scale,
    primitives: &Primitives,
    table: &mut Table,
) -> Result<()> {
    say("replicate");
    let mut js = JsPeer::start(&folder.join("js-sender"), Storage::Disk)?;
    let their_db = js.create("sent", "events", json!({}))?.address;
    let args = json!({ "db": their_db, "count": scale.replicated, "value": to_typed(&value())? });
    js.measured("measureAppend", args)?;
    let between_js = js_to_js(&folder.join("js-receiver"), &mut js, &their_db, scale.replicated)?;
    let from_js = to_paperclip(&folder.join("from-js"), js.addr(), &their_db, scale.replicated)?;
    drop(js);

    let sender = Node::start(&folder.join("sender"), NodeOptions::default())?;
    let db = sender.api().create("sent", "events", &["*"])?.address;
    fill(sender.api(), &db, scale.replicated)?;
    let between = to_paperclip(&folder.join("receiver"), &sender.addr(), &db, scale.replicated)?;
    let joined = sender.api().create("joined", "events", &["*"])?.address;
    fill(sender.api(), &joined, scale.joined)?;
    let join = to_paperclip(&folder.join("joiner"), &sender.addr(), &joined, scale.joined)?;

    let row = |work: String, ours, compared, target| Row {
        work,
        unit: "entries/s",
        ours,
        compared: Some(compared),
        target,
    };
    let count = scale.replicated;
    table.add(row(
        format!("cold replication of {count}, PaperClip to PaperClip"),
        between,
        between_js,
        Target::Times(60.0),
    ));
    table.add(row(
        format!("cold replication of {count}, JavaScript to PaperClip"),
        from_js,
        between_js,
        Target::Times(8.0),
    ));
    table.add(row(
        format!("cold join of {}, against all cores' verifying", scale.joined),
        join,
        primitives.verifies,
        Target::Share(0.4),
    ));
    Ok(())
}

/// From asking for the database to having its newest entry, in entries per second.
fn js_to_js(folder: &Path, sender: &mut JsPeer, db: &str, count: usize) -> Result<f64> {
    let head = sender.heads(db)?.remove(0);
    let mut receiver = JsPeer::start(folder, Storage::Disk)?;
    receiver.dial(sender.addr())?;
    let start = Instant::now();
    receiver.open(db)?;
    let call = receiver.begin("awaitHead", json!({ "db": db, "hash": head }))?;
    receiver.finish(call, PATIENCE)?;
    Ok(per_second(count, start.elapsed()))
}

/// The same for a PaperClip node that gets it from `addr`.
fn to_paperclip(folder: &Path, addr: &str, db: &str, count: usize) -> Result<f64> {
    let node = Node::start(folder, NodeOptions::default())?;
    node.api().connect(addr)?;
    let start = Instant::now();
    node.api().pin(db)?;
    eventually(PATIENCE, "the whole database is there", || {
        let seen = node.api().database(db)?.entries;
        ensure(seen == count as u64, || format!("{seen} of {count}"))
    })?;
    Ok(per_second(count, start.elapsed()))
}
