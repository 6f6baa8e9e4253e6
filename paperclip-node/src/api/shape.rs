//! What the node's types look like to clients: as the shapes of [`paperclip_client::shape`].

use crate::{
    database::{Change, Refusals, Refused, Resync, Unreachable},
    net::{ConfiguredPeer, DialState},
    node::{
        DatabaseInfo, DatabaseVerify, IdentityInfo, OpenInfo, PeerInfo, Readiness, ResyncReport, Role,
        Standing, Status, Unavailable, VerifyFailure,
    },
};
use oplog::{Entry, Hash, Value, json::to_json, manifest::AccessAddress};
use paperclip_client::{
    certificate::Request,
    shape::{self, Absence, Connection, PeerState, State, UnreachableBlock, Written, seconds},
};
use std::time::Instant;
use store::{Damage, MAX_DIFFERENCES, StoreError, VerifyReport};

/// One event.
pub(super) fn event(hash: Hash, value: &Value) -> shape::Event {
    shape::Event { hash: hash.to_string(), value: to_json(value) }
}

/// One key or document.
pub(super) fn row(hash: Hash, key: String, value: &Value) -> shape::Row {
    shape::Row { hash: hash.to_string(), key, value: to_json(value) }
}

/// What a write is answered with.
pub(super) fn written(hash: Hash) -> Written {
    Written { hash: hash.to_string() }
}

/// Numbers in memory are no larger than those of the API.
fn count(number: usize) -> u64 {
    number as u64
}

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

fn role(role: &Role) -> shape::Role {
    match role {
        Role::Catalog => shape::Role::Catalog,
        Role::Pinned(_) => shape::Role::Pinned,
        Role::Guard => shape::Role::Guard,
    }
}

fn state(standing: &Standing) -> State {
    match standing {
        Standing::Opening => State::Opening,
        Standing::Open => State::Open,
        Standing::Failed(_) => State::Failed,
    }
}

fn controller(access: &AccessAddress) -> shape::Controller {
    match access {
        AccessAddress::Ipfs(_) => shape::Controller::Ipfs,
        AccessAddress::OrbitDb(_) => shape::Controller::Orbitdb,
    }
}

/// One database; with its damaged blocks and those that no peer gives, if `detailed`.
pub(super) fn database(info: &DatabaseInfo, detailed: bool) -> shape::Database {
    let error = match &info.state {
        Standing::Failed(error) => Some(error.to_string()),
        Standing::Opening | Standing::Open => None,
    };
    shape::Database {
        address: info.address.to_string(),
        name: info.name.clone(),
        role: role(&info.role),
        state: state(&info.state),
        error,
        open: info.open.as_ref().map(|open| opened(open, detailed)),
    }
}

fn opened(open: &OpenInfo, detailed: bool) -> shape::OpenDatabase {
    shape::OpenDatabase {
        kind: open.kind.clone(),
        reading: open.reading.name().to_owned(),
        reading_chosen: open.reading_chosen,
        index_by: open.reading.index_by().map(str::to_owned),
        javascript: open.javascript,
        access: shape::Access {
            kind: controller(&open.access.controller),
            address: open.access.controller.to_string(),
            write: open.access.write.clone(),
        },
        meta: open.meta.as_ref().map(to_json),
        entries: open.entries,
        heads: count(open.heads.len()),
        digest: open.digest.clone(),
        pending: count(open.pending),
        unreachable: count(open.unreachable.len()),
        damaged: count(open.damaged.len()),
        refused: open.refusals.total,
        refused_by_reason: by_reason(&open.refusals),
        unreadable: open.unreadable,
        problems: open.problems(),
        peers: texts(&open.peers),
        seconds_since_exchange: open.since_exchange.map(seconds),
        damaged_blocks: detailed.then(|| texts(open.damaged.iter().take(MAX_DIFFERENCES))),
        unreachable_blocks: detailed.then(|| open.unreachable.iter().map(unreachable).collect()),
    }
}

fn by_reason(refusals: &Refusals) -> std::collections::BTreeMap<String, u64> {
    refusals.by_reason.iter().map(|(reason, count)| (reason.as_str().to_owned(), *count)).collect()
}

/// What a database refused.
pub(super) fn refusals(info: &DatabaseInfo, refusals: &Refusals) -> shape::Refusals {
    shape::Refusals {
        address: info.address.to_string(),
        name: info.name.clone(),
        refused: refusals.total,
        refused_by_reason: by_reason(refusals),
        last: refusals.last.iter().map(refused).collect(),
    }
}

fn refused(refused: &Refused) -> shape::Refused {
    shape::Refused {
        hash: refused.hash.to_string(),
        reason: refused.reason.as_str().to_owned(),
        detail: refused.detail.clone(),
        writer: refused.writer.clone(),
        key: refused.key.clone(),
        peer: refused.peer.map(|peer| peer.to_string()),
        age_seconds: seconds(refused.at.elapsed()),
    }
}

fn unreachable(block: &Unreachable) -> UnreachableBlock {
    UnreachableBlock {
        hash: block.hash.to_string(),
        age_seconds: seconds(block.age),
        asked: u64::from(block.asked),
    }
}

/// The node as a whole.
pub(super) fn status(status: &Status, ready: &Readiness) -> shape::Status {
    let (ready, mut problems) = match ready {
        Readiness::Ready => (true, Vec::new()),
        Readiness::NotReady(obstacles) => (false, texts(obstacles)),
    };
    problems.extend(status.problems());
    shape::Status {
        version: status.version.to_owned(),
        peer_id: status.peer_id.to_string(),
        addrs: texts(&status.listen),
        identity: identity(&status.identity),
        cluster: shape::Cluster {
            id: status.identity.cluster_id.clone(),
            catalog: status.catalog.to_string(),
        },
        uptime_seconds: seconds(status.uptime),
        ready,
        problems,
        peers: count(status.peers),
        store_bytes: status.store_bytes,
        damaged_blocks: count(status.damaged),
        journal_damage: journal_damage(status.journal_damage),
        databases: status.databases.iter().map(|info| database(info, false)).collect(),
    }
}

/// What of the journal could not be read.
pub(super) fn journal_damage(damage: Damage) -> shape::JournalDamage {
    shape::JournalDamage { parts: damage.parts, bytes: damage.bytes, files: damage.files }
}

/// Whether the node can serve.
pub(super) fn readiness(ready: Readiness, damaged: usize, damage: Damage) -> shape::Readiness {
    let (status, problems) = match ready {
        Readiness::Ready => (shape::Standing::Ready, None),
        Readiness::NotReady(obstacles) => (shape::Standing::NotReady, Some(texts(&obstacles))),
    };
    let journal_damage = journal_damage(damage);
    shape::Readiness { status, problems, damaged_blocks: count(damaged), journal_damage }
}

fn identity(identity: &IdentityInfo) -> shape::Identity {
    let IdentityInfo { cluster_id, public_key, id_signature, hash } = identity;
    shape::Identity {
        id: cluster_id.clone(),
        public_key: public_key.clone(),
        hash: hash.clone(),
        certified: hash.is_some(),
        request: Request {
            id: cluster_id.clone(),
            public_key: public_key.clone(),
            signature_id: id_signature.clone(),
        },
    }
}

/// A connected peer.
pub(super) fn peer(peer: &PeerInfo) -> shape::Peer {
    shape::Peer {
        peer_id: Some(peer.peer_id.to_string()),
        address: peer.address.to_string(),
        state: PeerState::Connected,
        configured: peer.configured.as_ref().map(ToString::to_string),
        connection: Some(Connection {
            outbound: peer.outbound,
            connected_seconds: seconds(peer.connected),
            agent: peer.agent.clone(),
            protocols: peer.protocols.clone(),
            databases: texts(&peer.databases),
        }),
        absence: None,
    }
}

/// A configured peer that is not connected.
pub(super) fn unconnected_peer(peer: &ConfiguredPeer) -> shape::Peer {
    let next = match peer.state {
        DialState::Failed { next } => Some(next.saturating_duration_since(Instant::now())),
        DialState::Connected | DialState::Dialling => None,
    };
    shape::Peer {
        peer_id: peer.peer.map(|peer| peer.to_string()),
        address: peer.address.to_string(),
        state: if next.is_some() { PeerState::Failed } else { PeerState::Dialling },
        configured: Some(peer.address.to_string()),
        connection: None,
        absence: Some(Absence {
            unconnected_seconds: seconds(peer.since.elapsed()),
            last_error: peer.last_error.clone(),
            next_try_seconds: next.map(seconds),
        }),
    }
}

/// The state of a database that was to be looked at, and why it could not be.
fn looked_at(unavailable: Option<&Unavailable>) -> (State, Option<String>) {
    let standing = unavailable.map_or(Standing::Open, Unavailable::standing);
    (state(&standing), unavailable.map(ToString::to_string))
}

/// What came of a resync.
pub(super) fn resync(report: &ResyncReport, problems: Vec<String>) -> shape::Resync {
    let (state, error) = looked_at(report.outcome.as_ref().err());
    let nothing = Resync { peers: 0, failed: 0, fetched: 0, settled: false };
    let Resync { peers, failed, fetched, settled } = report.outcome.as_ref().unwrap_or(&nothing);
    shape::Resync {
        address: report.address.to_string(),
        name: report.name.clone(),
        state,
        error,
        peers: count(*peers),
        failed: count(*failed),
        unconnected: count(report.unconnected),
        fetched: *fetched,
        settled: *settled,
        damaged: count(report.damaged),
        complete: report.is_complete(),
        problems,
    }
}

/// What came of a verification.
pub(super) fn verification(
    verify: &DatabaseVerify,
    problems: Vec<String>,
) -> Result<shape::Verification, &StoreError> {
    let nothing = VerifyReport::default();
    let (report, unavailable) = match &verify.outcome {
        Ok(report) => (report, None),
        Err(VerifyFailure::Unavailable(unavailable)) => (&nothing, Some(unavailable)),
        Err(VerifyFailure::Store(error)) => return Err(error),
    };
    let (state, error) = looked_at(unavailable);
    Ok(shape::Verification {
        address: verify.address.to_string(),
        name: verify.name.clone(),
        state,
        error,
        sound: unavailable.is_none() && report.is_clean(),
        entries: report.entries,
        bytes: report.bytes,
        healed: count(verify.healed),
        damaged: texts(report.damaged.iter().take(MAX_DIFFERENCES)),
        differences: report.differences,
        examples: texts(&report.examples),
        problems,
    })
}

/// The entry of a change; `None` for a block that is no entry, which the log never holds.
pub(super) fn entry_of(change: &Change) -> Option<Entry> {
    Entry::decode(&change.block).ok()
}
