//! The node as a whole: how it is, whom it knows, whether it is in step and sound.

use super::{
    CliError,
    client::{Client, ClientArgs, db_path},
    databases::{HEADER, row, rows},
    output::{cell, duration, pairs, table},
};
use serde_json::{Value as Json, json};

/// Tells how a node and its databases are.
pub(super) fn status(args: &ClientArgs) -> Result<(), CliError> {
    let client = args.connect()?;
    let status = client.get("/v1/status")?.json;
    Ok(args.output().document(&status, || describe(&status))?)
}

fn describe(status: &Json) -> String {
    let at = |pointer: &str| match status.pointer(pointer) {
        None | Some(Json::Null) => "-".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let list = |name: &str| {
        let items = status.get(name).map_or(&[][..], rows).iter().filter_map(Json::as_str);
        items.collect::<Vec<_>>().join(" ")
    };
    let ready = match status.get("ready").and_then(Json::as_bool) {
        Some(true) => "yes".to_owned(),
        _ => format!("no: {}", list("problems")),
    };
    let mut text = pairs(&[
        ("version", at("/version")),
        ("up for", duration(status.get("uptime_seconds").and_then(Json::as_f64))),
        ("ready", ready),
        ("peer id", at("/peer_id")),
        ("listens on", list("addrs")),
        ("peers", at("/peers")),
        ("cluster", at("/identity/id")),
        ("signing key", at("/identity/public_key")),
        ("certified", at("/identity/certified")),
        ("catalog", at("/cluster/catalog")),
        ("on disk", format!("{} bytes", at("/store_bytes"))),
    ]);
    let databases = status.get("databases").map_or(&[][..], rows);
    text.push('\n');
    text.push_str(&table(&HEADER, databases.iter().map(row)));
    text
}

/// Lists the peers.
pub(super) fn peers(args: &ClientArgs) -> Result<(), CliError> {
    let peers = args.connect()?.get("/v1/peers")?.json;
    let cells = |peer: &Json| {
        vec![
            cell(peer, "peer_id"),
            cell(peer, "address"),
            if peer.get("outbound") == Some(&Json::Bool(true)) { "dialled" } else { "came" }.to_owned(),
            duration(peer.get("connected_seconds").and_then(Json::as_f64)),
            peer.get("databases").map_or(&[][..], rows).len().to_string(),
            cell(peer, "agent"),
        ]
    };
    let header = ["PEER", "ADDRESS", "HOW", "FOR", "DATABASES", "SOFTWARE"];
    Ok(args.output().rows(rows(&peers), &header, cells)?)
}

/// Connects to a peer.
pub(super) fn connect(args: &ClientArgs, address: &str) -> Result<(), CliError> {
    let connected = args.connect()?.post("/v1/peers", &json!({ "addr": address }))?;
    Ok(args.output().document(&connected, || format!("connected to {}", cell(&connected, "peer_id")))?)
}

/// Compares databases with the peers again.
pub(super) fn resync(args: &ClientArgs, db: Option<&str>) -> Result<(), CliError> {
    let reports = each(&args.connect()?, db, "resync")?;
    let cells = |report: &Json| {
        let complete = if report.get("complete") == Some(&Json::Bool(true)) { "yes" } else { "no" };
        vec![
            cell(report, "name"),
            cell(report, "peers"),
            cell(report, "failed"),
            cell(report, "fetched"),
            complete.to_owned(),
            cell(report, "address"),
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
fn each(client: &Client, db: Option<&str>, what: &str) -> Result<Vec<Json>, CliError> {
    let addresses: Vec<String> = match db {
        Some(db) => vec![db.to_owned()],
        None => {
            let databases = client.get("/v1/databases")?.json;
            let open = rows(&databases).iter().filter(|database| cell(database, "state") == "open");
            open.map(|database| cell(database, "address")).collect()
        }
    };
    addresses.iter().map(|db| Ok(client.post_slow(&db_path(db, &[what]), &json!({}))?)).collect()
}

fn failures(reports: &[Json], failed: impl Fn(&&Json) -> bool, told: &str) -> Result<(), CliError> {
    let names: Vec<String> = reports.iter().filter(failed).map(|report| cell(report, "name")).collect();
    if names.is_empty() { Ok(()) } else { Err(CliError::NotSound(format!("{}: {told}", names.join(", ")))) }
}
