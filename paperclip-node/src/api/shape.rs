//! What the node's types look like in JSON. Field names are `snake_case`, but for entries, which are shown as JavaScript
//! shows them.

use crate::net::{ConfiguredPeer, DialState};
use crate::{
    database::{Change, Refusals, Refused, Resync, Unreachable},
    node::{
        DatabaseInfo, DatabaseVerify, IdentityInfo, OpenInfo, PeerInfo, Readiness, ResyncReport, Role,
        Standing, Status, Unavailable, VerifyFailure,
    },
};
use oplog::{Entry, Hash, Value, json::to_json, manifest::AccessAddress};
use serde::{Serialize, Serializer, ser::SerializeStruct as _};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use store::{Damage, MAX_DIFFERENCES, StoreError, VerifyReport};

/// An entry under JavaScript's field names (`docs/reference/http-api.md`).
pub(super) struct EntryShape<'a>(pub(super) &'a Entry);

impl Serialize for EntryShape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = self.0;
        let mut fields = serializer.serialize_struct("Entry", 10)?;
        fields.serialize_field("hash", &Text(entry.hash))?;
        fields.serialize_field("id", &entry.id)?;
        fields.serialize_field("payload", &to_json(&entry.payload))?;
        fields.serialize_field("next", &entry.next.iter().copied().map(Text).collect::<Vec<_>>())?;
        fields.serialize_field("refs", &entry.refs.iter().copied().map(Text).collect::<Vec<_>>())?;
        let time = to_json(&entry.clock.time.to_value());
        fields.serialize_field("clock", &json!({ "id": &*entry.clock.id, "time": time }))?;
        fields.serialize_field("v", &to_json(&entry.v))?;
        fields.serialize_field("key", &entry.key)?;
        fields.serialize_field("identity", &Text(entry.identity))?;
        fields.serialize_field("sig", &entry.sig)?;
        fields.end()
    }
}

/// Anything that is shown as its text.
struct Text(Hash);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// One event.
#[derive(Serialize)]
pub(super) struct EventShape {
    hash: Text,
    value: Json,
}

impl EventShape {
    pub(super) fn new(hash: Hash, value: &Value) -> Self {
        Self { hash: Text(hash), value: to_json(value) }
    }
}

/// One key or document.
#[derive(Serialize)]
pub(super) struct RowShape {
    hash: Text,
    key: String,
    value: Json,
}

impl RowShape {
    pub(super) fn new(hash: Hash, key: String, value: &Value) -> Self {
        Self { hash: Text(hash), key, value: to_json(value) }
    }
}

/// What a write is answered with.
pub(super) fn written(hash: Hash) -> Json {
    json!({ "hash": hash.to_string() })
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

fn role(role: &Role) -> &'static str {
    match role {
        Role::Catalog => "catalog",
        Role::Pinned(_) => "pinned",
        Role::Guard => "guard",
    }
}

fn state(standing: &Standing) -> &'static str {
    match standing {
        Standing::Opening => "opening",
        Standing::Open => "open",
        Standing::Failed(_) => "failed",
    }
}

fn controller(access: &AccessAddress) -> &'static str {
    match access {
        AccessAddress::Ipfs(_) => "ipfs",
        AccessAddress::OrbitDb(_) => "orbitdb",
    }
}

/// One database; with the blocks that no peer gives, if `detailed`.
pub(super) fn database(info: &DatabaseInfo, detailed: bool) -> Json {
    let mut shape = json!({
        "address": info.address.to_string(),
        "name": info.name,
        "role": role(&info.role),
        "state": state(&info.state),
    });
    let Some(fields) = shape.as_object_mut() else { return shape };
    let mut set = |name: &str, value: Json| fields.insert(name.to_owned(), value);
    if let Some(open) = &info.open {
        for (name, value) in opened(open) {
            set(name, value);
        }
        if let Some(field) = open.reading.index_by() {
            set("index_by", json!(field));
        }
        if let Some(meta) = &open.meta {
            set("meta", to_json(meta));
        }
        if detailed {
            set(
                "damaged_blocks",
                open.damaged.iter().take(MAX_DIFFERENCES).map(ToString::to_string).collect(),
            );
            set("unreachable_blocks", open.unreachable.iter().map(unreachable).collect());
        }
    }
    if let Standing::Failed(error) = &info.state {
        set("error", json!(error));
    }
    shape
}

fn opened(open: &OpenInfo) -> [(&'static str, Json); 17] {
    [
        ("type", json!(open.kind)),
        ("reading", json!(open.reading.name())),
        ("reading_chosen", json!(open.reading_chosen)),
        ("javascript", json!(open.javascript)),
        (
            "access",
            json!({
                "type": controller(&open.access.controller),
                "address": open.access.controller.to_string(),
                "write": open.access.write,
            }),
        ),
        ("entries", json!(open.entries)),
        ("heads", json!(open.heads.len())),
        ("digest", json!(open.digest)),
        ("pending", json!(open.pending)),
        ("unreachable", json!(open.unreachable.len())),
        ("damaged", json!(open.damaged.len())),
        ("refused", json!(open.refusals.total)),
        ("refused_by_reason", json!(by_reason(&open.refusals))),
        ("unreadable", json!(open.unreadable)),
        ("problems", json!(open.problems())),
        ("peers", open.peers.iter().map(ToString::to_string).collect()),
        ("seconds_since_exchange", json!(open.since_exchange.map(seconds))),
    ]
}

/// What a database refused.
pub(super) fn refusals(info: &DatabaseInfo, refusals: &Refusals) -> Json {
    json!({
        "address": info.address.to_string(),
        "name": info.name,
        "refused": refusals.total,
        "refused_by_reason": by_reason(refusals),
        "last": refusals.last.iter().map(refused).collect::<Vec<_>>(),
    })
}

fn by_reason(refusals: &Refusals) -> BTreeMap<&'static str, u64> {
    refusals.by_reason.iter().map(|(label, count)| (label.as_str(), *count)).collect()
}

fn refused(refused: &Refused) -> Json {
    json!({
        "hash": refused.hash.to_string(),
        "reason": refused.reason.as_str(),
        "detail": refused.detail,
        "writer": refused.writer,
        "key": refused.key,
        "peer": refused.peer.map(|peer| peer.to_string()),
        "age_seconds": seconds(refused.at.elapsed()),
    })
}

fn unreachable(block: &Unreachable) -> Json {
    json!({ "hash": block.hash.to_string(), "age_seconds": seconds(block.age), "asked": block.asked })
}

/// The node as a whole.
pub(super) fn status(status: &Status, ready: &Readiness) -> Json {
    let (ready, mut problems) = match ready {
        Readiness::Ready => (true, Vec::new()),
        Readiness::NotReady(problems) => (false, problems.clone()),
    };
    problems.extend(status.problems());
    json!({
        "version": status.version,
        "peer_id": status.peer_id.to_string(),
        "addrs": status.listen.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "identity": identity(&status.identity),
        "cluster": { "id": status.identity.cluster_id, "catalog": status.catalog.to_string() },
        "uptime_seconds": seconds(status.uptime),
        "ready": ready,
        "problems": problems,
        "peers": status.peers,
        "store_bytes": status.store_bytes,
        "damaged_blocks": status.damaged,
        "journal_damage": journal_damage(status.journal_damage),
        "databases": status.databases.iter().map(|info| database(info, false)).collect::<Vec<_>>(),
    })
}

/// What of the journal could not be read.
pub(super) fn journal_damage(damage: Damage) -> Json {
    json!({ "parts": damage.parts, "bytes": damage.bytes, "files": damage.files })
}

fn identity(identity: &IdentityInfo) -> Json {
    json!({
        "id": identity.cluster_id,
        "public_key": identity.public_key,
        "hash": identity.hash,
        "certified": identity.hash.is_some(),
        "request": {
            "id": identity.cluster_id,
            "public_key": identity.public_key,
            "signature_id": identity.id_signature,
        },
    })
}

/// A connected peer.
pub(super) fn peer(peer: &PeerInfo) -> Json {
    json!({
        "peer_id": peer.peer_id.to_string(),
        "address": peer.address.to_string(),
        "state": "connected",
        "configured": peer.configured.as_ref().map(ToString::to_string),
        "outbound": peer.outbound,
        "connected_seconds": seconds(peer.connected),
        "agent": peer.agent,
        "protocols": peer.protocols,
        "databases": peer.databases.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// A configured peer that is not connected.
pub(super) fn unconnected_peer(peer: &ConfiguredPeer) -> Json {
    let next = match peer.state {
        DialState::Failed { next } => Some(next.saturating_duration_since(Instant::now())),
        DialState::Connected | DialState::Dialling => None,
    };
    json!({
        "peer_id": peer.peer.map(|peer| peer.to_string()),
        "address": peer.address.to_string(),
        "state": if next.is_some() { "failed" } else { "dialling" },
        "configured": peer.address.to_string(),
        "unconnected_seconds": seconds(peer.since.elapsed()),
        "last_error": peer.last_error,
        "next_try_seconds": next.map(seconds),
    })
}

/// The state of a database that was to be looked at, and why it could not be.
fn looked_at(unavailable: Option<&Unavailable>) -> (&'static str, Option<String>) {
    let standing = unavailable.map_or(Standing::Open, Unavailable::standing);
    (state(&standing), unavailable.map(ToString::to_string))
}

/// What came of a resync.
pub(super) fn resync(report: &ResyncReport) -> Json {
    let (state, error) = looked_at(report.outcome.as_ref().err());
    let nothing = Resync { peers: 0, failed: 0, fetched: 0, settled: false };
    let Resync { peers, failed, fetched, settled } = report.outcome.as_ref().unwrap_or(&nothing);
    json!({
        "address": report.address.to_string(),
        "name": report.name,
        "state": state,
        "error": error,
        "peers": peers,
        "failed": failed,
        "unconnected": report.unconnected,
        "fetched": fetched,
        "settled": settled,
        "damaged": report.damaged,
        "complete": report.is_complete(),
    })
}

/// A report, and what must not be overlooked about its database.
pub(super) fn with_problems(mut report: Json, problems: Vec<String>) -> Json {
    report["problems"] = problems.into();
    report
}

/// What came of a verification.
pub(super) fn verification(verify: &DatabaseVerify) -> Result<Json, &StoreError> {
    let nothing = VerifyReport::default();
    let (report, unavailable) = match &verify.outcome {
        Ok(report) => (report, None),
        Err(VerifyFailure::Unavailable(unavailable)) => (&nothing, Some(unavailable)),
        Err(VerifyFailure::Store(error)) => return Err(error),
    };
    let (state, error) = looked_at(unavailable);
    Ok(json!({
        "address": verify.address.to_string(),
        "name": verify.name,
        "state": state,
        "error": error,
        "sound": unavailable.is_none() && report.is_clean(),
        "entries": report.entries,
        "bytes": report.bytes,
        "healed": verify.healed,
        "damaged": report.damaged.iter().take(MAX_DIFFERENCES).map(ToString::to_string).collect::<Vec<_>>(),
        "differences": report.differences,
        "examples": report.examples.iter().map(ToString::to_string).collect::<Vec<_>>(),
    }))
}

/// The entry of a change; `None` for a block that is no entry, which the log never holds.
pub(super) fn entry_of(change: &Change) -> Option<Entry> {
    Entry::decode(&change.block).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use oplog::{
        Address,
        entry::Draft,
        keys::SigningKey,
        order::{Clock, Time},
        view::Operation,
    };

    #[test]
    fn entries_have_javascripts_fields() {
        let key = SigningKey::from_bytes([1; 32]).unwrap();
        let draft = Draft {
            id: Address::new(Hash::of(b"log")),
            payload: Operation::add("x".into()).into_payload(),
            next: vec![Hash::of(b"a")],
            refs: vec![],
            clock: Clock { id: "clock".into(), time: Time::ZERO.next().unwrap() },
        };
        let (entry, _) = Entry::sign(draft, Hash::of(b"identity"), &key);
        let shown = serde_json::to_value(EntryShape(&entry)).unwrap();
        assert_eq!(shown["payload"], json!({ "op": "ADD", "key": null, "value": "x" }));
        assert_eq!(shown["clock"], json!({ "id": "clock", "time": 1 }));
        assert_eq!((&shown["v"], &shown["next"]), (&json!(2), &json!([Hash::of(b"a").to_string()])));
        let mut names: Vec<&String> = shown.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["clock", "hash", "id", "identity", "key", "next", "payload", "refs", "sig", "v"]);
    }
}
