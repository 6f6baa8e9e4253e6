//! The node as a whole: how it is, whom it knows, whether it is in step and sound.

use super::{
    CliError,
    client::{Client, db_path},
    databases::{listed, listing, rows},
    output::{Cell, Progress, Text, cell, duration, size, tell},
    target::ClientArgs,
};
use serde_json::{Value as Json, json};

/// Tells how a node and its databases are.
pub(super) fn status(args: &ClientArgs) -> Result<(), CliError> {
    let client = args.connect()?;
    let status = client.get("/v1/status")?.json;
    Ok(args.output().document(&status, || describe(&status))?)
}

fn describe(status: &Json) -> Text {
    let at = |pointer: &str| {
        Cell::from(match status.pointer(pointer) {
            None | Some(Json::Null) => "-".to_owned(),
            Some(Json::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        })
    };
    let ready = match status.get("ready").and_then(Json::as_bool) {
        Some(true) => Cell::good("yes"),
        _ => Cell::bad("no"),
    };
    let problems = status.get("problems").map_or(&[][..], rows).iter().filter_map(Json::as_str);
    let node = [
        vec![("version", at("/version"))],
        vec![("up for", duration(status.get("uptime_seconds").and_then(Json::as_f64)).into())],
        vec![("ready", ready)],
        problems.map(|problem| ("problem", Cell::bad(problem))).collect(),
        vec![("peer id", at("/peer_id"))],
        listed("listens on", status.get("addrs")),
        vec![("peers", at("/peers"))],
        vec![("cluster", at("/identity/id"))],
        vec![("signing key", at("/identity/public_key"))],
        vec![("certified", at("/identity/certified"))],
        vec![("catalog", at("/cluster/catalog"))],
        vec![("on disk", size(status.get("store_bytes").and_then(Json::as_u64)).into())],
        vec![("damaged blocks", at("/damaged_blocks"))],
    ]
    .concat();
    let databases = status.get("databases").map_or(&[][..], rows);
    Text::pairs(node).apart(listing(databases))
}

/// Lists the peers.
pub(super) fn peers(args: &ClientArgs) -> Result<(), CliError> {
    let peers = args.connect()?.get("/v1/peers")?.json;
    let cells = |peer: &Json| {
        let (id, address) = (cell(peer, "peer_id"), cell(peer, "address"));
        // The peer's id stands before it.
        let address = address.strip_suffix(&format!("/p2p/{id}")).map_or(address.clone(), str::to_owned);
        vec![
            id,
            address,
            if peer.get("outbound") == Some(&Json::Bool(true)) { "out" } else { "in" }.to_owned(),
            duration(peer.get("connected_seconds").and_then(Json::as_f64)),
            peer.get("databases").map_or(&[][..], rows).len().to_string(),
            cell(peer, "agent"),
        ]
    };
    let header = ["PEER", "ADDRESS", "DIRECTION", "UPTIME", "DATABASES", "AGENT"];
    let peers = rows(&peers);
    Ok(args.output().documents(peers, || {
        let (connected, down): (Vec<&Json>, Vec<&Json>) =
            peers.iter().partition(|peer| peer.get("state").is_none_or(|state| state == "connected"));
        let table = Text::table(&header, connected.into_iter().map(cells));
        if down.is_empty() { table } else { table.apart(unconnected(&down)) }
    })?)
}

/// Configured peers that are not connected: why, and when they are dialled again.
fn unconnected(down: &[&Json]) -> Text {
    let cells = |peer: &&Json| {
        let seconds = |field| duration(peer.get(field).and_then(Json::as_f64));
        vec![
            Cell::from(cell(peer, "address")),
            seconds("unconnected_seconds").into(),
            seconds("next_try_seconds").into(),
            Cell::bad(cell(peer, "last_error")),
        ]
    };
    let header = ["ADDRESS", "DOWN FOR", "NEXT TRY IN", "LAST ERROR"];
    Text::line(Cell::bad("configured peers that are not connected:"))
        .then(Text::table(&header, down.iter().map(cells)))
}

/// Connects to a peer.
pub(super) fn connect(args: &ClientArgs, address: &str) -> Result<(), CliError> {
    let connected = args.connect()?.post("/v1/peers", &json!({ "addr": address }))?;
    Ok(args
        .output()
        .document(&connected, || Text::line(format!("connected to {}", cell(&connected, "peer_id"))))?)
}

/// Compares databases with the peers again.
pub(super) fn resync(args: &ClientArgs, db: Option<&str>, wait_peers: Option<usize>) -> Result<(), CliError> {
    let request = wait_peers.map_or_else(|| json!({}), |wanted| json!({ "wait_peers": wanted }));
    let reports = each(&args.connect()?, db, "resync", &request)?;
    let cells = |report: &Json| {
        let complete = if is(report, "complete") { Cell::good("yes") } else { Cell::bad("no") };
        vec![
            cell(report, "name").into(),
            cell(report, "state").into(),
            cell(report, "peers").into(),
            cell(report, "failed").into(),
            cell(report, "unconnected").into(),
            cell(report, "fetched").into(),
            complete,
            cell(report, "address").into(),
        ]
    };
    let header = ["NAME", "STATE", "PEERS", "FAILED", "UNCONNECTED", "FETCHED", "COMPLETE", "ADDRESS"];
    args.output().rows(&reports, &header, cells)?;
    failures(&reports, "complete", "may be incomplete; see `paperclip-node db show` and `peers`")
}

/// Checks databases.
pub(super) fn verify(args: &ClientArgs, db: Option<&str>, repair: bool) -> Result<(), CliError> {
    let reports = each(&args.connect()?, db, "verify", &json!({ "repair": repair }))?;
    let cells = |report: &Json| {
        vec![
            cell(report, "name"),
            cell(report, "state"),
            cell(report, "entries"),
            cell(report, "healed"),
            cell(report, "differences"),
            cell(report, "address"),
        ]
    };
    args.output().rows(&reports, &["NAME", "STATE", "ENTRIES", "HEALED", "DIFFERENCES", "ADDRESS"], cells)?;
    failures(&reports, "sound", "not found to be sound; `--json` lists what differs")
}

/// Asks the same of one database or of all that the node keeps, open or not. The catalog comes first, since it may name
/// more of them.
fn each(
    client: &Client,
    db: Option<&str>,
    what: &'static str,
    request: &Json,
) -> Result<Vec<Json>, CliError> {
    let ask = |db: &str| client.post_slow(&db_path(db, &[what]), request);
    if let Some(db) = db {
        let progress = Progress::over(what, 1);
        progress.at(db);
        return Ok(vec![ask(db)?]);
    }
    let status = client.get("/v1/status")?.json;
    let catalog = status.pointer("/cluster/catalog").and_then(Json::as_str).unwrap_or_default().to_owned();
    let mut reports = vec![ask(&catalog)?];
    let status = client.get("/v1/status")?.json;
    let databases = status.get("databases").map_or(&[][..], rows);
    let progress = Progress::over(what, databases.len());
    for database in databases {
        let address = cell(database, "address");
        progress.at(&cell(database, "name"));
        if address != catalog {
            reports.push(ask(&address)?);
        }
        progress.step();
    }
    Ok(reports)
}

fn is(report: &Json, field: &str) -> bool {
    report.get(field) == Some(&Json::Bool(true))
}

/// Tells what must not be overlooked about databases, however sound and in step they are, and fails for those that are not.
fn failures(reports: &[Json], good: &str, told: &str) -> Result<(), CliError> {
    for report in reports {
        let problems = report.get("problems").map_or(&[][..], rows).iter().filter_map(Json::as_str);
        problems.for_each(|problem| tell(&format!("{}: {problem}", cell(report, "name"))));
    }
    let bad = reports.iter().filter(|report| !is(report, good));
    let names: Vec<String> = bad
        .map(|report| match report.get("name").and_then(Json::as_str) {
            Some(_) => cell(report, "name"),
            None => cell(report, "address"),
        })
        .collect();
    if names.is_empty() { Ok(()) } else { Err(CliError::NotSound(format!("{}: {told}", names.join(", ")))) }
}
