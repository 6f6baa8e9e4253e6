//! A large database: opening, resident memory, and whether appending stays as fast as at first.

use std::path::Path;
use std::time::Instant;

use paperclip_tests::{Node, NodeOptions, Result};

use super::append::{CLIENTS, fill, rate};
use super::scale::Scale;
use crate::progress::say;
use crate::table::{Row, Table, Target};

/// Where appending is measured first.
const SMALL: usize = 1_000;
/// Bytes in the plan's megabyte.
const MEGABYTE: f64 = 1_000_000.0;

pub(super) fn measure(folder: &Path, scale: &Scale, table: &mut Table) -> Result<()> {
    say("large");
    let mut node = Node::start(folder, NodeOptions::default())?;
    let db = node.api().create("large", "events", &["*"])?.address;
    fill(node.api(), &db, SMALL.min(scale.large / 2))?;
    let first = rate(node.api(), &db, CLIENTS, scale.seconds)?;
    let there = usize::try_from(node.api().database(&db)?.entries).unwrap_or(usize::MAX);
    fill(node.api(), &db, scale.large.saturating_sub(there))?;
    let last = rate(node.api(), &db, CLIENTS, scale.seconds)?;
    let filled = node.resident_bytes()? as f64 / MEGABYTE;

    node.terminate()?;
    let start = Instant::now();
    node.run()?;
    let entries = node.api().database(&db)?.entries;
    let opened = start.elapsed();
    let resident = node.resident_bytes()? as f64 / MEGABYTE;

    let count = scale.large;
    table.add(Row {
        work: format!("append at {count} entries, against at {SMALL}"),
        unit: "/s",
        ours: last,
        compared: Some(first),
        target: Target::Times(1.0),
    });
    table.add(Row {
        work: format!("start of the process to serving {entries} entries"),
        unit: "s",
        ours: opened.as_secs_f64(),
        compared: None,
        target: Target::AtMost(1.0),
    });
    for (work, ours) in [("after opening", resident), ("after writing them", filled)] {
        table.add(Row {
            work: format!("resident memory with {count} entries, {work}"),
            unit: "MB",
            ours,
            compared: None,
            target: Target::AtMost(150.0),
        });
    }
    Ok(())
}
