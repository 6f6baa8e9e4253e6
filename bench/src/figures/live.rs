//! Live updates, one at a time: written on A, visible on B.

use std::path::Path;
use std::time::{Duration, Instant};

use paperclip_tests::{
    DEADLINE, HarnessError, JsPeer, Node, NodeOptions, Result, Storage, eventually, nodes_agree,
};
use serde_json::json;

use super::scale::{Scale, value};
use crate::progress::say;
use crate::table::{Row, Table, Target};

pub(super) fn measure(folder: &Path, scale: &Scale, table: &mut Table) -> Result<()> {
    say("live");
    let mut theirs = theirs(folder, scale)?;
    let mut ours = ours(folder, scale)?;
    table.add(Row {
        work: "live update, write on A to visible on B, median".to_owned(),
        unit: "ms",
        ours: percentile(&mut ours, 0.5),
        compared: Some(percentile(&mut theirs, 0.5)),
        target: Target::AtMost(6.0),
    });
    table.add(Row {
        work: "live update, 99th percentile".to_owned(),
        unit: "ms",
        ours: percentile(&mut ours, 0.99),
        compared: Some(percentile(&mut theirs, 0.99)),
        target: Target::None,
    });
    Ok(())
}

/// Milliseconds that this share of the times does not exceed.
pub(super) fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index into a short list")]
    let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}

fn theirs(folder: &Path, scale: &Scale) -> Result<Vec<Duration>> {
    let mut a = JsPeer::start(&folder.join("js-a"), Storage::Disk)?;
    let mut b = JsPeer::start(&folder.join("js-b"), Storage::Disk)?;
    let db = a.create("live", "events", json!({}))?.address;
    let first = a.add(&db, &value())?;
    b.dial(a.addr())?;
    b.open(&db)?;
    b.await_head(&db, &first)?;
    let mut times = Vec::with_capacity(scale.updates);
    for _ in 0..scale.updates {
        b.take_events();
        let start = Instant::now();
        let hash = a.add(&db, &value())?;
        b.wait_for_event(DEADLINE, |event| event["event"] == "update" && event["hash"] == hash.as_str())?;
        times.push(start.elapsed());
    }
    Ok(times)
}

fn ours(folder: &Path, scale: &Scale) -> Result<Vec<Duration>> {
    let a = Node::start(&folder.join("a"), NodeOptions::default())?;
    let b = Node::start(&folder.join("b"), NodeOptions { peers: vec![a.addr()], ..NodeOptions::default() })?;
    let db = a.api().create("live", "events", &["*"])?.address;
    a.api().add(&db, &value())?;
    eventually(DEADLINE, "B can pin it", || b.api().pin(&db))?;
    nodes_agree(&[a.api(), b.api()], &db, 1, DEADLINE)?;
    let mut changes = b.api().changes(&db)?;
    let mut times = Vec::with_capacity(scale.updates);
    for _ in 0..scale.updates {
        let start = Instant::now();
        let hash = a.api().add(&db, &value())?;
        loop {
            let ended = || HarnessError::NotYet("the stream of changes ended".to_owned());
            if changes.next().ok_or_else(ended)??.hash == hash {
                break;
            }
        }
        times.push(start.elapsed());
    }
    Ok(times)
}
