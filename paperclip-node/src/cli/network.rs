//! The node as a whole: how it is, whom it knows, whether it is in step and sound.

use super::{
    description::{listed, listing, optional},
    error::{CliError, NotSound},
    target::ClientArgs,
};
use crate::output::{Cell, Progress, Text, duration, size, tell};
use paperclip_client::{
    Client, db_path,
    shape::{
        Absence, Connect, Connected, Connection, Count, HowLong, Peer, Repair, Resync, Status, Verification,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

/// Tells how a node and its databases are.
pub(super) fn status(args: &ClientArgs) -> Result<(), CliError> {
    let client = args.connect()?;
    let answer = client.get("/v1/status")?;
    let status: Status = answer.read()?;
    Ok(args.output().document(&answer.json()?, || describe(&status))?)
}

fn describe(status: &Status) -> Text {
    let ready = if status.ready { Cell::good("yes") } else { Cell::bad("no") };
    let node = [
        vec![("version", Cell::from(status.version.as_str()))],
        vec![("up for", duration(Some(status.uptime_seconds)).into())],
        vec![("ready", ready)],
        status.problems.iter().map(|problem| ("problem", Cell::bad(problem.as_str()))).collect(),
        vec![("peer id", status.peer_id.as_str().into())],
        listed("listens on", &status.addrs),
        vec![("peers", status.peers.to_string().into())],
        vec![("cluster", status.identity.id.as_str().into())],
        vec![("signing key", status.identity.public_key.as_str().into())],
        vec![("certified", status.identity.certified.to_string().into())],
        vec![("catalog", status.cluster.catalog.as_str().into())],
        vec![("on disk", size(Some(status.store_bytes)).into())],
        vec![("damaged blocks", status.damaged_blocks.to_string().into())],
    ]
    .concat();
    Text::pairs(node).apart(listing(&status.databases))
}

/// Lists the peers.
pub(super) fn peers(args: &ClientArgs) -> Result<(), CliError> {
    let answer = args.connect()?.get("/v1/peers")?;
    let (documents, peers): (Vec<Json>, Vec<Peer>) = (answer.read()?, answer.read()?);
    let cells = |(peer, connection): (&Peer, &Connection)| {
        let id = optional(peer.peer_id.as_deref());
        // The peer's id stands before it.
        let address = peer.address.strip_suffix(&format!("/p2p/{id}")).unwrap_or(&peer.address).to_owned();
        vec![
            id,
            address,
            if connection.outbound { "out" } else { "in" }.to_owned(),
            duration(Some(connection.connected_seconds)),
            connection.databases.len().to_string(),
            optional(connection.agent.as_deref()),
        ]
    };
    let header = ["PEER", "ADDRESS", "DIRECTION", "UPTIME", "DATABASES", "AGENT"];
    Ok(args.output().documents(&documents, || {
        let connected = peers.iter().filter_map(|peer| Some((peer, peer.connection.as_ref()?)));
        let down: Vec<(&Peer, &Absence)> =
            peers.iter().filter_map(|peer| Some((peer, peer.absence.as_ref()?))).collect();
        let table = Text::table(&header, connected.map(cells));
        if down.is_empty() { table } else { table.apart(unconnected(&down)) }
    })?)
}

/// Configured peers that are not connected: why, and when they are dialled again.
fn unconnected(down: &[(&Peer, &Absence)]) -> Text {
    let cells = |(peer, absence): &(&Peer, &Absence)| {
        vec![
            Cell::from(peer.address.as_str()),
            duration(Some(absence.unconnected_seconds)).into(),
            duration(absence.next_try_seconds).into(),
            Cell::bad(optional(absence.last_error.as_deref())),
        ]
    };
    let header = ["ADDRESS", "DOWN FOR", "NEXT TRY IN", "LAST ERROR"];
    Text::line(Cell::bad("configured peers that are not connected:"))
        .then(Text::table(&header, down.iter().map(cells)))
}

/// Connects to a peer.
pub(super) fn connect(args: &ClientArgs, address: &str) -> Result<(), CliError> {
    let answer = args.connect()?.post("/v1/peers", &Connect { addr: address.to_owned() })?;
    let Connected { peer_id } = answer.read()?;
    Ok(args.output().document(&answer.json()?, || Text::line(format!("connected to {peer_id}")))?)
}

/// Compares databases with the peers again.
pub(super) fn resync(args: &ClientArgs, db: Option<&str>, wait_peers: Option<usize>) -> Result<(), CliError> {
    let wait_peers = wait_peers.map(|wanted| Count(wanted as u64));
    let request = HowLong { wait_peers, timeout_seconds: None };
    let Reports { documents, reports } = each(&args.connect()?, db, "resync", &request)?;
    let cells = |report: &Resync| {
        let complete = if report.complete { Cell::good("yes") } else { Cell::bad("no") };
        vec![
            optional(report.name.as_deref()).into(),
            report.state.word().into(),
            report.peers.to_string().into(),
            report.failed.to_string().into(),
            report.unconnected.to_string().into(),
            report.fetched.to_string().into(),
            complete,
            report.address.as_str().into(),
        ]
    };
    let header = ["NAME", "STATE", "PEERS", "FAILED", "UNCONNECTED", "FETCHED", "COMPLETE", "ADDRESS"];
    args.output().documents(&documents, || Text::table(&header, reports.iter().map(cells)))?;
    failures(
        reports.iter().map(|report| Finding {
            label: report.name.as_deref().unwrap_or(&report.address),
            problems: &report.problems,
            good: report.complete,
        }),
        NotSound::Incomplete,
    )
}

/// Checks databases.
pub(super) fn verify(args: &ClientArgs, db: Option<&str>, repair: bool) -> Result<(), CliError> {
    let request = Repair { repair, timeout_seconds: None };
    let Reports { documents, reports } = each(&args.connect()?, db, "verify", &request)?;
    let cells = |report: &Verification| {
        vec![
            optional(report.name.as_deref()),
            report.state.to_string(),
            report.entries.to_string(),
            report.healed.to_string(),
            report.differences.to_string(),
            report.address.clone(),
        ]
    };
    let header = ["NAME", "STATE", "ENTRIES", "HEALED", "DIFFERENCES", "ADDRESS"];
    args.output().documents(&documents, || Text::table(&header, reports.iter().map(cells)))?;
    failures(
        reports.iter().map(|report| Finding {
            label: report.name.as_deref().unwrap_or(&report.address),
            problems: &report.problems,
            good: report.sound,
        }),
        NotSound::Differs,
    )
}

/// Reports on databases, as they came and as they are understood.
struct Reports<T> {
    documents: Vec<Json>,
    reports: Vec<T>,
}

/// Asks the same of one database or of all that the node keeps, open or not. The catalog comes first, since it may name
/// more of them.
fn each<T: DeserializeOwned>(
    client: &Client,
    db: Option<&str>,
    what: &'static str,
    request: &impl Serialize,
) -> Result<Reports<T>, CliError> {
    let mut all = Reports { documents: Vec::new(), reports: Vec::new() };
    let mut ask = |db: &str| -> Result<(), CliError> {
        let answer = client.post_slow(&db_path(db, &[what]), request)?;
        all.documents.push(answer.json()?);
        all.reports.push(answer.read()?);
        Ok(())
    };
    if let Some(db) = db {
        let progress = Progress::over(what, 1);
        progress.at(db);
        ask(db)?;
        return Ok(all);
    }
    let status = || -> Result<Status, CliError> { Ok(client.get("/v1/status")?.read()?) };
    let catalog = status()?.cluster.catalog;
    ask(&catalog)?;
    let databases = status()?.databases;
    let progress = Progress::over(what, databases.len());
    for database in databases {
        progress.at(&optional(database.name.as_deref()));
        if database.address != catalog {
            ask(&database.address)?;
        }
        progress.step();
    }
    Ok(all)
}

/// What was found about a database.
struct Finding<'a> {
    label: &'a str,
    problems: &'a [String],
    good: bool,
}

/// Tells what must not be overlooked about databases, however sound and in step they are, and fails for those that are not.
fn failures<'a>(
    findings: impl Iterator<Item = Finding<'a>>,
    told: fn(Vec<String>) -> NotSound,
) -> Result<(), CliError> {
    let mut bad = Vec::new();
    for Finding { label, problems, good } in findings {
        problems.iter().for_each(|problem| tell(&format!("{label}: {problem}")));
        if !good {
            bad.push(label.to_owned());
        }
    }
    if bad.is_empty() { Ok(()) } else { Err(told(bad).into()) }
}
