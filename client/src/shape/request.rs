//! What requests hold: bodies and queries.

use super::database::{Controller, given};
use super::number::{Count, Limit, Whole};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A database to be created, or the address of one to be pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Wanted", untagged)]
pub enum Open {
    /// To be created.
    Create(Create),
    /// To be pinned.
    Pin(Pin),
}

/// A database to be created. Equal name, type, access and meta are the same database.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Create {
    /// Its name.
    pub name: String,
    /// Its type: `events`, `keyvalue` or `documents`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The field that names a document; with type documents only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_by: Option<String>,
    /// The kind of access controller.
    pub access: Controller,
    /// Identity ids that may write, or `*`; the cluster alone when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<String>,
    /// What is attached to the manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Json>,
    /// Whether entries are taken whose key is not their identity's, as JavaScript does.
    pub allow_foreign_keys: bool,
    /// Whether JavaScript reads the database: values that it would not read as written are refused.
    pub javascript: bool,
}

impl Create {
    /// A database of the cluster.
    #[must_use]
    pub fn new(name: &str, kind: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            index_by: None,
            access: Controller::Ipfs,
            write: Vec::new(),
            meta: None,
            allow_foreign_keys: false,
            javascript: true,
        }
    }
}

/// A database to be pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pin {
    /// `/orbitdb/zdpu…`, or the hash alone.
    pub address: String,
    /// Whether entries are taken whose key is not their identity's, as JavaScript does.
    pub allow_foreign_keys: bool,
    /// Whether JavaScript reads the database: values that it would not read as written are refused.
    pub javascript: bool,
}

impl Pin {
    /// The database of an address.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), allow_foreign_keys: false, javascript: true }
    }
}

/// Either of them, as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default, deserialize_with = "given")]
    address: Option<String>,
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    r#type: Option<String>,
    #[serde(default, deserialize_with = "given")]
    index_by: Option<String>,
    #[serde(default, deserialize_with = "given")]
    access: Option<WantedAccess>,
    #[serde(default, deserialize_with = "given")]
    write: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    meta: Option<Json>,
    #[serde(default)]
    allow_foreign_keys: bool,
    #[serde(default = "yes")]
    javascript: bool,
}

/// Who may write: the kind of controller alone, or with its list.
#[derive(Deserialize)]
#[serde(untagged, expecting = "access is a kind of controller, or an object of type and write")]
enum WantedAccess {
    Kind(String),
    Full(FullAccess),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FullAccess {
    r#type: String,
    #[serde(default)]
    write: Vec<String>,
}

fn yes() -> bool {
    true
}

impl TryFrom<Wanted> for Open {
    type Error = String;

    fn try_from(wanted: Wanted) -> Result<Self, String> {
        let Wanted { address, name, r#type, index_by, access, write, meta, allow_foreign_keys, javascript } =
            wanted;
        let (name, kind) = match (address, name, r#type) {
            (Some(address), None, None) => {
                if index_by.is_some() || access.is_some() || write.is_some() || meta.is_some() {
                    return Err("index_by, access, write and meta are those of a database to create".into());
                }
                return Ok(Self::Pin(Pin { address, allow_foreign_keys, javascript }));
            }
            (None, Some(name), Some(kind)) => (name, kind),
            (None, ..) => return Err("give name and type to create a database, or address to pin one".into()),
            (Some(_), ..) => return Err("give an address, or a name and a type".into()),
        };
        let write = write.unwrap_or_default();
        let (controller, write) = match access {
            None => ("ipfs".to_owned(), write),
            Some(WantedAccess::Kind(controller)) => (controller, write),
            Some(WantedAccess::Full(access)) if write.is_empty() => (access.r#type, access.write),
            Some(WantedAccess::Full(_)) => return Err("write stands beside access or in it, not both".into()),
        };
        let access = match controller.as_str() {
            "ipfs" => Controller::Ipfs,
            "orbitdb" => Controller::Orbitdb,
            other => return Err(format!("access {other:?} is not ipfs or orbitdb")),
        };
        Ok(Self::Create(Create { name, kind, index_by, access, write, meta, allow_foreign_keys, javascript }))
    }
}

/// What is to be changed for a database; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// How the operations are understood; `auto` finds it from them.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// The field that names a document; with reading documents only.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub index_by: Option<String>,
    /// Whether JavaScript reads the database: values that it would not read as written are refused.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub javascript: Option<bool>,
}

/// What unpinning does to what is on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Whether every node also removes what it has on disk.
    #[serde(default)]
    pub remove: bool,
}

/// How to resync.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HowLong {
    /// How long to wait for what peers offered. More than 1500 is lowered to that.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<Count>,
    /// Wait until so many peers serve the database; complete when so many have answered.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub wait_peers: Option<Count>,
}

/// How to verify.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repair {
    /// Whether to fetch damaged blocks from peers again, then check once more.
    #[serde(default)]
    pub repair: bool,
    /// How long to wait for peers. More than 1500 is lowered to that.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<Count>,
}

/// Which documents, in which order, how many.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Fields (or paths, `a.b`, `a.0`) and what they must be: a value, or an object of `$eq`, `$ne`, `$gt`, `$gte`,
    /// `$lt`, `$lte`, `$in`, `$nin`, `$exists`, `$not`. Combined by `$and`, `$or`, `$nor`, `$not`.
    pub filter: Option<Json>,
    /// A field; `-field` for the greatest first. Newest first without it, and among equals.
    pub sort: Option<String>,
    /// At most so many on this page.
    pub limit: Option<Limit>,
}

/// How much of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// At most so many on this page.
    pub limit: Option<Limit>,
    /// Continue after this entry or database, the last one of an earlier page.
    pub after: Option<String>,
}

/// Where a query goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Continue after this entry, the last one of an earlier page.
    pub after: Option<String>,
}

/// Which entries, with the meaning that JavaScript's `iterator` gives these options (wire document, section 5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// At most so many; -1 for all. With `gt` or `gte` alone, the ones closest to that entry.
    pub amount: Option<Whole>,
    /// Down to this entry, without it.
    pub gt: Option<String>,
    /// Down to this entry.
    pub gte: Option<String>,
    /// What this entry builds on.
    pub lt: Option<String>,
    /// This entry and what it builds on.
    pub lte: Option<String>,
    /// Continue after this entry, the last one of an earlier page.
    pub after: Option<String>,
}

/// From where to follow a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// First the entries that stand after this one in the log's order. The header `Last-Event-ID` says the same.
    pub since: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn open(body: Json) -> Result<Open, String> {
        serde_json::from_value(body).map_err(|error| error.to_string())
    }

    #[test]
    fn access_is_given_in_either_form() {
        let short = json!({ "name": "a", "type": "events", "access": "orbitdb", "write": ["*"] });
        let full = json!({ "name": "a", "type": "events", "access": { "type": "orbitdb", "write": ["*"] } });
        let wanted =
            Create { access: Controller::Orbitdb, write: vec!["*".into()], ..Create::new("a", "events") };
        assert_eq!(open(short), Ok(Open::Create(wanted.clone())));
        assert_eq!(open(full), Ok(Open::Create(wanted)));
        let plain = json!({ "name": "a", "type": "events" });
        assert_eq!(open(plain), Ok(Open::Create(Create::new("a", "events"))));
    }

    #[test]
    fn a_null_meta_counts_as_given() {
        let wanted = Create { meta: Some(Json::Null), ..Create::new("a", "events") };
        assert_eq!(open(json!({ "name": "a", "type": "events", "meta": null })), Ok(Open::Create(wanted)));
    }

    #[test]
    fn what_a_client_sends_is_read_as_it_meant() {
        let create =
            Create { index_by: Some("n".into()), meta: Some(json!(1)), ..Create::new("a", "documents") };
        for sent in [Open::Create(create), Open::Pin(Pin { javascript: false, ..Pin::new("zdpu1") })] {
            assert_eq!(open(serde_json::to_value(&sent).unwrap()), Ok(sent));
        }
    }

    #[test]
    fn what_is_neither_is_told_in_words() {
        for (body, told) in [
            (json!({ "name": "a" }), "give name and type to create a database, or address to pin one"),
            (json!({ "address": "zdpu1", "name": "a" }), "give an address, or a name and a type"),
            (json!({ "address": "zdpu1", "write": ["*"] }), "those of a database to create"),
            (json!({ "name": "a", "type": "events", "access": "acl" }), "\"acl\" is not ipfs or orbitdb"),
            (
                json!({ "name": "a", "type": "events", "write": ["*"], "access": { "type": "ipfs" } }),
                "write stands beside access or in it",
            ),
            (json!({ "nme": "a" }), "unknown field `nme`"),
            (json!({ "name": "a", "type": "events", "access": null }), "access is a kind of controller"),
            (json!({ "name": "a", "type": "events", "write": null }), "invalid type: null"),
        ] {
            let error = open(body).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
    #[test]
    fn what_is_left_out_stays_and_null_is_no_way_to_say_so() {
        let change = |body: Json| serde_json::from_value::<Change>(body).map_err(|error| error.to_string());
        assert_eq!(change(json!({})), Ok(Change::default()));
        for name in ["reading", "index_by", "javascript"] {
            let error = change(json!({ name: null })).unwrap_err();
            assert!(error.contains("invalid type: null"), "{error}");
        }
    }
}
