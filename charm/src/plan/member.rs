//! What every unit does for itself.

use std::collections::BTreeSet;

use juju_hooks::{Port, databag};
use paperclip_client::certificate::Request;

use crate::cluster::bags::UnitBag;
use crate::config::Settings;
use crate::facts::{Addresses, Cluster, Facts, Hint};
use crate::machine::{Machine, NodeConfig, ServiceState};
use crate::names::COS_AGENT;

use super::{PlanError, Step, presence};

/// How many addresses one hook has the node dial: each may take seconds, and hooks of one machine exclude each other.
const MAX_DIALS: usize = 8;

/// Adds the unit's own steps.
pub(super) fn plan(facts: &Facts, machine: &Machine, steps: &mut Vec<Step>) -> Result<(), PlanError> {
    if facts.leaving() || facts.mounted().is_none() {
        leave(facts, steps)?;
        return Ok(());
    }
    ports(facts, steps);
    let wish = match desired(facts, machine)? {
        Some(desired) => converge(facts, &desired, steps),
        None => None,
    };
    publish(facts, wish, steps)
}

/// The node as it should be: its files, and the digest of all that it reads only when it starts.
struct Desired {
    certificate: String,
    node_config: String,
    unit_file: String,
    digest: String,
}

/// What the node should be; none while something it cannot do without is missing. Asks for the node's identity as soon
/// as it can be known.
fn desired(facts: &Facts, machine: &Machine) -> Result<Option<Desired>, PlanError> {
    let (Some(settings), Some(cluster), Some(addresses), Some(storage), Some(api)) =
        (facts.settings(), &facts.cluster, &facts.addresses, facts.mounted(), facts.api_ip())
    else {
        return Ok(None);
    };
    let Some(cluster_id) = &cluster.application.cluster_id else {
        return Ok(None);
    };
    let Some(certificate) = certificate(facts, cluster)? else {
        return Ok(None);
    };
    let node_config = NodeConfig {
        data_dir: storage.data_dir(),
        listen: vec![multiaddr(&addresses.bind.to_string(), settings.listen_port)],
        websocket_listen: settings
            .port_for_browsers()
            .map(|port| format!("{}/ws", multiaddr(&addresses.bind.to_string(), port)))
            .into_iter()
            .collect(),
        peers: peers(cluster, settings),
        api: std::net::SocketAddr::new(api, settings.api_port).to_string(),
        api_token_file: facts.api_is_open().then(|| machine.token_path()),
        metrics_open: settings.open_metrics,
        monitoring: facts.monitoring(),
        log_level: settings.log_level.clone(),
        log_format: settings.log_format.clone(),
        durability: settings.durability.clone(),
        cache_bytes: settings.cache_bytes(),
        max_entry_bytes: settings.max_entry_bytes,
        cluster_id: cluster_id.clone(),
        certificate: machine.certificate_path(),
    };
    let unit_file = machine.unit_file(&storage.location, &storage.data_dir());
    let token = facts.api_is_open().then(|| facts.token.clone()).flatten().unwrap_or_default();
    let digest = crate::digest(&[
        node_config.restart_key()?.as_bytes(),
        unit_file.as_bytes(),
        certificate.as_bytes(),
        token.as_bytes(),
        facts.shipped_sha256.as_bytes(),
    ]);
    Ok(Some(Desired { certificate, node_config: node_config.render()?, unit_file, digest }))
}

/// The certificate the node should have, as its file's text: the leader's answer to the request we make, or the one we
/// have had before.
fn certificate(facts: &Facts, cluster: &Cluster) -> Result<Option<String>, PlanError> {
    let request = request(facts, cluster);
    let answer = cluster.application.certificates.get(&facts.unit);
    match answer.filter(|answer| request.is_none_or(|request| answer.answers(request))) {
        Some(answer) => Ok(Some(databag::canonical(answer)?)),
        None if request.is_none() || facts.identity.is_none() => Ok(facts.certificate.clone()),
        // The node has another key than the file certifies (its storage was exchanged): the file is of no use.
        None => Ok(None),
    }
}

/// The request that the unit makes: what the node has just said, else what the bag says. The same key keeps the request
/// it has made, whichever of its valid signatures the node shows this time.
fn request<'a>(facts: &'a Facts, cluster: &'a Cluster) -> Option<&'a Request> {
    let told = cluster.own.request.as_ref();
    let shown = facts.identity.as_ref().map(|identity| &identity.request);
    match (shown, told) {
        (Some(shown), Some(told)) if shown.id == told.id && shown.public_key == told.public_key => Some(told),
        (shown, told) => shown.or(told),
    }
}

/// Brings the node to what it should be. Gives the digest it wants to restart into, if it has to wait for its turn or
/// has not come back healthy.
fn converge(facts: &Facts, desired: &Desired, steps: &mut Vec<Step>) -> Option<String> {
    let before = steps.len();
    if let Some(step) = token(facts) {
        steps.push(step);
    }
    if facts.certificate.as_ref() != Some(&desired.certificate) {
        steps.push(Step::WriteCertificate(desired.certificate.clone()));
    }
    if facts.node_config.as_ref() != Some(&desired.node_config) {
        steps.push(Step::WriteNodeConfig(desired.node_config.clone()));
    }
    if facts.unit_file.as_ref() != Some(&desired.unit_file) {
        steps.push(Step::WriteUnitFile(desired.unit_file.clone()));
    }
    if steps.len() > before || (facts.api_is_open() && facts.token.is_none()) {
        return held_wish(facts);
    }
    match facts.service.state {
        ServiceState::Inactive | ServiceState::Failed => {
            if may_start(facts) {
                steps.push(Step::Start(desired.digest.clone()));
            }
            held_wish(facts)
        }
        ServiceState::Changing => held_wish(facts),
        ServiceState::Active => {
            // A node that a revision of the charm without this step has started would end at the signal.
            let told = facts.memory.running_monitoring.as_ref();
            if facts.tried.monitoring.is_none() && told.is_some_and(|told| *told != facts.monitoring()) {
                steps.push(Step::Reload);
            }
            dial(facts, steps);
            restart(facts, &desired.digest, steps)
        }
    }
}

/// A node is started only as the one whose key is certified: its identity was read in this hook.
fn may_start(facts: &Facts) -> bool {
    facts.tried.start.is_none() && facts.identity.is_some()
}

/// The wish that the unit has told, kept until it is healthy.
fn held_wish(facts: &Facts) -> Option<String> {
    facts.cluster.as_ref().and_then(|cluster| cluster.own.restart_wanted.clone())
}

/// Restarts a running node that runs something else than it should, when it is its turn.
fn restart(facts: &Facts, digest: &str, steps: &mut Vec<Step>) -> Option<String> {
    let cluster = facts.cluster.as_ref()?;
    let forced = facts.memory.force_restart;
    if facts.memory.running.as_deref() == Some(digest) && !forced {
        let ready = facts.node.as_ref().is_some_and(|node| node.ready);
        let healthy = ready && presence::unmet(facts, cluster).is_empty();
        return if healthy { None } else { held_wish(facts) };
    }
    let has_turn = cluster.turn.as_ref().is_some_and(|turn| turn.unit == facts.unit && turn.digest == digest);
    if (cluster.peers.is_empty() || has_turn || forced) && facts.tried.start.is_none() {
        steps.push(Step::Restart(digest.to_owned()));
    }
    Some(digest.to_owned())
}

/// Tells the running node of peers it has not met.
fn dial(facts: &Facts, steps: &mut Vec<Step>) {
    let (Some(cluster), Some(node)) = (&facts.cluster, &facts.node) else {
        return;
    };
    let unmet = cluster.peers.values().filter(|peer| {
        let met = |id: &String| *id == node.peer_id || node.peers.iter().any(|known| known.id == *id);
        peer.peer_id.as_ref().is_some_and(|id| !met(id))
    });
    let dialled = &facts.tried.dialled;
    let untried = unmet.flat_map(|peer| &peer.addresses).filter(|address| !dialled.contains(*address));
    steps.extend(untried.take(MAX_DIALS.saturating_sub(dialled.len())).cloned().map(Step::Dial));
}

/// What is to be done about the API token's file.
fn token(facts: &Facts) -> Option<Step> {
    if !facts.api_is_open() {
        // The running node may still ask for it.
        let asked_for = facts.memory.running_api.is_some_and(|api| !api.ip().is_loopback());
        return (facts.token.is_some() && !asked_for).then_some(Step::RemoveToken);
    }
    let secret = facts.cluster.as_ref()?.application.token_secret.clone()?;
    let stale = facts.token.is_none() || facts.hint == Hint::SecretChanged;
    (stale && !facts.tried.token && facts.tried.secret.is_none()).then_some(Step::FetchToken { secret })
}

/// Opens what is listened on, closes what is not.
fn ports(facts: &Facts, steps: &mut Vec<Step>) {
    let Some(settings) = facts.settings() else { return };
    let api = facts.api_is_open().then_some(settings.api_port);
    let scraped = facts.related.iter().any(|related| related.id.endpoint() != COS_AGENT);
    let metrics = scraped.then_some(settings.metrics_port);
    let wanted: BTreeSet<Port> = [Some(settings.listen_port), settings.port_for_browsers(), api, metrics]
        .into_iter()
        .flatten()
        .map(Port::tcp)
        .collect();
    change_ports(facts, &wanted, steps);
}

fn change_ports(facts: &Facts, wanted: &BTreeSet<Port>, steps: &mut Vec<Step>) {
    let untried = |port: &&Port| !facts.tried.ports.contains(*port);
    steps.extend(facts.opened.difference(wanted).filter(untried).copied().map(Step::ClosePort));
    steps.extend(wanted.difference(&facts.opened).filter(untried).copied().map(Step::OpenPort));
}

/// Stops the node and says so.
fn leave(facts: &Facts, steps: &mut Vec<Step>) -> Result<(), PlanError> {
    if facts.service.state != ServiceState::Inactive
        && facts.unit_file.is_some()
        && facts.tried.start.is_none()
    {
        steps.push(Step::Stop);
    }
    change_ports(facts, &BTreeSet::new(), steps);
    let Some(cluster) = facts.cluster.as_ref().filter(|cluster| cluster.entered()) else { return Ok(()) };
    // The goodbye: without addresses nobody dials us. The request stays, it is true of our data.
    let own = UnitBag {
        ready: false,
        addresses: Vec::new(),
        restart_wanted: None,
        awaits: BTreeSet::new(),
        reported_at: presence::heartbeat(facts, cluster),
        ..cluster.own.clone()
    };
    let changes = own.changes(&cluster.own_bag)?;
    if !changes.is_empty() {
        steps.push(Step::SetUnitBag(cluster.relation.clone(), changes));
    }
    Ok(())
}

/// Tells the other units not to wait for this one.
pub(super) fn publish_misplaced(facts: &Facts, steps: &mut Vec<Step>) -> Result<(), PlanError> {
    let Some(cluster) = facts.cluster.as_ref().filter(|cluster| cluster.entered()) else { return Ok(()) };
    let own =
        UnitBag { misplaced: true, reported_at: presence::heartbeat(facts, cluster), ..UnitBag::default() };
    let changes = own.changes(&cluster.own_bag)?;
    if !changes.is_empty() {
        steps.push(Step::SetUnitBag(cluster.relation.clone(), changes));
    }
    Ok(())
}

/// Tells the other units how this one is.
fn publish(facts: &Facts, wish: Option<String>, steps: &mut Vec<Step>) -> Result<(), PlanError> {
    let Some(cluster) = facts.cluster.as_ref().filter(|cluster| cluster.entered()) else { return Ok(()) };
    if let Some(step) = identity(facts, cluster) {
        steps.push(step);
    }
    let running = facts.service.state == ServiceState::Active;
    let has_restarted = wish.is_some() && facts.memory.running == wish;
    let peer_id =
        facts.node.as_ref().map(|node| node.peer_id.clone()).or_else(|| cluster.own.peer_id.clone());
    let own = UnitBag {
        addresses: match (&peer_id, &facts.addresses, facts.settings()) {
            (Some(id), Some(addresses), Some(settings)) => own_addresses(id, addresses, settings),
            _ => Vec::new(),
        },
        peer_id,
        request: request(facts, cluster).cloned(),
        version: facts.installed.as_ref().map(|binary| binary.version.clone()),
        ready: running && facts.node.as_ref().is_some_and(|node| node.ready),
        reported_at: presence::heartbeat(facts, cluster),
        awaits: if has_restarted { presence::unmet(facts, cluster) } else { BTreeSet::new() },
        restart_wanted: wish,
        misplaced: false,
        schema: cluster.own.schema.clone(),
    };
    let changes = own.changes(&cluster.own_bag)?;
    if !changes.is_empty() {
        steps.push(Step::SetUnitBag(cluster.relation.clone(), changes));
    }
    Ok(())
}

/// Before a node is started its identity is read: the storage may be another than last time.
fn identity(facts: &Facts, cluster: &Cluster) -> Option<Step> {
    let stopped = matches!(facts.service.state, ServiceState::Inactive | ServiceState::Failed);
    let cluster_id = cluster.application.cluster_id.clone()?;
    let known = facts.identity.as_ref().is_some_and(|identity| identity.request.id == cluster_id);
    let wanted = stopped && !known && facts.tried.identity.is_none() && facts.lost_key().is_none();
    let data_dir = facts.mounted().filter(|_| wanted)?.data_dir();
    Some(Step::ReadIdentity { data_dir, cluster_id })
}

/// The addresses to be dialled for cluster peers and for the operator's extra peers.
fn peers(cluster: &Cluster, settings: &Settings) -> Vec<String> {
    let of_units = cluster.peers.values().flat_map(|peer| &peer.addresses);
    let all: BTreeSet<String> = of_units.chain(&settings.extra_peers).cloned().collect();
    all.into_iter().collect()
}

fn own_addresses(peer_id: &str, addresses: &Addresses, settings: &Settings) -> Vec<String> {
    addresses
        .ingress
        .iter()
        .map(|host| format!("{}/p2p/{peer_id}", multiaddr(host, settings.listen_port)))
        .collect()
}

/// The multiaddr of a host, an IP address or a name, and a TCP port.
pub(crate) fn multiaddr(host: &str, port: u16) -> String {
    match host.parse() {
        Ok(std::net::IpAddr::V4(address)) => format!("/ip4/{address}/tcp/{port}"),
        Ok(std::net::IpAddr::V6(address)) => format!("/ip6/{address}/tcp/{port}"),
        Err(_) => format!("/dns/{host}/tcp/{port}"),
    }
}
