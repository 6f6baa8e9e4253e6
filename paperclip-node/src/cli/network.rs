//! The node as a whole: how it is, whom it knows, whether it is in step and sound.

use super::{
    CliError,
    client::{Client, ClientArgs, db_path},
    databases::{HEADER, listed, row, rows},
    output::{Cell, Progress, Text, cell, duration, size},
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
        _ => {
            let problems = status.get("problems").map_or(&[][..], rows).iter().filter_map(Json::as_str);
            Cell::bad(format!("no: {}", problems.collect::<Vec<_>>().join("; ")))
        }
    };
    let node = [
        vec![("version", at("/version"))],
        vec![("up for", duration(status.get("uptime_seconds").and_then(Json::as_f64)).into())],
        vec![("ready", ready)],
        vec![("peer id", at("/peer_id"))],
        listed("listens on", status.get("addrs")),
        vec![("peers", at("/peers"))],
        vec![("cluster", at("/identity/id"))],
        vec![("signing key", at("/identity/public_key"))],
        vec![("certified", at("/identity/certified"))],
        vec![("catalog", at("/cluster/catalog"))],
        vec![("on disk", size(status.get("store_bytes").and_then(Json::as_u64)).into())],
    ]
    .concat();
    let databases = status.get("databases").map_or(&[][..], rows);
    Text::pairs(node).apart(Text::table(&HEADER, databases.iter().map(row)))
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
    Ok(args.output().rows(rows(&peers), &header, cells)?)
}

/// Connects to a peer.
pub(super) fn connect(args: &ClientArgs, address: &str) -> Result<(), CliError> {
    let connected = args.connect()?.post("/v1/peers", &json!({ "addr": address }))?;
    Ok(args
        .output()
        .document(&connected, || Text::line(format!("connected to {}", cell(&connected, "peer_id"))))?)
}

/// Compares databases with the peers again.
pub(super) fn resync(args: &ClientArgs, db: Option<&str>) -> Result<(), CliError> {
    let reports = each(&args.connect()?, db, "resync")?;
    let cells = |report: &Json| {
        let complete = report.get("complete") == Some(&Json::Bool(true));
        vec![
            cell(report, "name").into(),
            cell(report, "peers").into(),
            cell(report, "failed").into(),
            cell(report, "fetched").into(),
            if complete { Cell::good("yes") } else { Cell::bad("no") },
            cell(report, "address").into(),
        ]
    };
    let header = ["NAME", "PEERS", "FAILED", "FETCHED", "COMPLETE", "ADDRESS"];
    args.output().rows(&reports, &header, cells)?;
    let incomplete = |report: &&Json| report.get("complete") != Some(&Json::Bool(true));
    failures(&reports, incomplete, "not in step yet; see `paperclip-node db show`")
}

/// Checks databases.
pub(super) fn verify(args: &ClientArgs, db: Option<&str>) -> Result<(), CliError> {
    let reports = each(&args.connect()?, db, "verify")?;
    let cells = |report: &Json| {
        vec![
            cell(report, "name"),
            cell(report, "entries"),
            cell(report, "differences"),
            cell(report, "address"),
        ]
    };
    args.output().rows(&reports, &["NAME", "ENTRIES", "DIFFERENCES", "ADDRESS"], cells)?;
    let unsound = |report: &&Json| report.get("sound") != Some(&Json::Bool(true));
    failures(&reports, unsound, "damaged; `--json` lists what differs")
}

/// Asks the same of one database or of all that are open.
fn each(client: &Client, db: Option<&str>, what: &'static str) -> Result<Vec<Json>, CliError> {
    let chosen: Vec<(String, String)> = match db {
        Some(db) => vec![(db.to_owned(), db.to_owned())],
        None => {
            let databases = client.get("/v1/databases")?.json;
            let open = rows(&databases).iter().filter(|database| cell(database, "state") == "open");
            open.map(|database| (cell(database, "address"), cell(database, "name"))).collect()
        }
    };
    let progress = Progress::over(what, chosen.len());
    let report = |(db, name): &(String, String)| {
        progress.at(name);
        let report = client.post_slow(&db_path(db, &[what]), &json!({}))?;
        progress.step();
        Ok(report)
    };
    chosen.iter().map(report).collect()
}

fn failures(reports: &[Json], failed: impl Fn(&&Json) -> bool, told: &str) -> Result<(), CliError> {
    let names: Vec<String> = reports.iter().filter(failed).map(|report| cell(report, "name")).collect();
    if names.is_empty() { Ok(()) } else { Err(CliError::NotSound(format!("{}: {told}", names.join(", ")))) }
}
