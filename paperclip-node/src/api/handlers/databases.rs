//! Databases: listed, created, pinned, shown, unpinned, compared, checked.

use super::keys::PageQuery;
use crate::{
    api::{
        Api,
        extract::{self, Json, OptionalJson, Path, Query},
        number::Count,
        page::Page,
        problem::{Kind, Problem},
        shape,
    },
    database::Settings,
    node::{Choice, Create, CreateAccess},
};
use axum::{
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use oplog::{
    Address,
    json::from_json,
    reading::{AUTO, Reading, TYPES},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Deserializer};
use serde_json::{Value as Document, json};
use std::{sync::Arc, time::Duration};

/// How long a resync waits for what peers offered, and a repair for damaged blocks, unless they are told.
const RESYNC_SECONDS: u64 = 60;

/// The longest that a resync may be told to wait: less than a slow request may take.
const MAX_RESYNC_SECONDS: u64 = 1500;

/// GET `/v1/databases`: all of them, of which a cluster has a bounded number, unless a page is asked for.
pub(crate) async fn list(
    State(api): State<Api>,
    Query(PageQuery { limit, after }): Query<PageQuery>,
    uri: Uri,
) -> Result<Response, Problem> {
    let after = after.map(|text| extract::hash(Kind::MalformedQuery, &text)).transpose()?.map(Address::new);
    let mut databases = api.node().databases();
    databases.retain(|info| after.is_none_or(|after| info.address > after));
    let shapes = databases.iter().map(|info| (info.address.manifest(), shape::database(info, false)));
    let Some(limit) = limit else {
        return Ok(axum::Json(shapes.map(|(_, shape)| shape).collect::<Vec<_>>()).into_response());
    };
    let mut page = Page::new(limit.0);
    let _ = shapes.into_iter().all(|(hash, shape)| page.push(hash, &shape));
    Ok(page.into_response(&uri, &[]))
}

/// A database to be created, or the address of one to be pinned.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    address: Option<String>,
    name: Option<String>,
    r#type: Option<String>,
    index_by: Option<String>,
    access: Option<Access>,
    #[serde(default)]
    write: Vec<String>,
    #[serde(default, deserialize_with = "given")]
    meta: Option<Document>,
    #[serde(default)]
    allow_foreign_keys: bool,
    #[serde(default = "yes")]
    javascript: bool,
    #[serde(default)]
    indexes: Vec<String>,
}

/// Who may write: the kind of controller alone, or with its list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Access {
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

/// `null` counts as given (wire document, section 8).
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Document>, D::Error> {
    Document::deserialize(deserializer).map(Some)
}

impl Wanted {
    fn settings(&self) -> Settings {
        Settings {
            allow_foreign_keys: self.allow_foreign_keys,
            no_javascript: !self.javascript,
            ..Settings::default()
        }
    }

    fn into_create(self) -> Result<Create, Problem> {
        let bad = |detail: &dyn std::fmt::Display| Problem::new(Kind::MalformedBody, detail.to_string());
        let missing = || bad(&"give name and type to create a database, or address to pin one");
        let settings = self.settings();
        let (name, kind) = self.name.zip(self.r#type).ok_or_else(missing)?;
        if !self.indexes.is_empty() {
            return Err(bad(
                &"indexes: this version finds documents by their _id and by scanning; leave it out",
            ));
        }
        let (controller, write) = match self.access {
            None => ("ipfs".to_owned(), self.write),
            Some(Access::Kind(controller)) => (controller, self.write),
            Some(Access::Full(access)) if self.write.is_empty() => (access.r#type, access.write),
            Some(Access::Full(_)) => return Err(bad(&"write stands beside access or in it, not both")),
        };
        let access = match controller.as_str() {
            "ipfs" => CreateAccess::Ipfs(write),
            "orbitdb" => CreateAccess::OrbitDb(write),
            other => return Err(bad(&format!("access {other:?} is not ipfs or orbitdb"))),
        };
        let meta = self.meta.as_ref().map(from_json).transpose();
        Ok(Create {
            name,
            reading: Reading::parse(TYPES, &kind, self.index_by.as_deref()).map_err(|error| bad(&error))?,
            access,
            meta: meta.map_err(|error| Problem::new(Kind::UnusableValue, format!("meta: {error}")))?,
            settings,
        })
    }
}

/// POST `/v1/databases`
pub(crate) async fn open(State(api): State<Api>, Json(wanted): Json<Wanted>) -> Result<Response, Problem> {
    let (info, new) = match &wanted.address {
        Some(text) if wanted.name.is_none() && wanted.r#type.is_none() => {
            let address = Address::named(text)
                .map_err(|error| Problem::new(Kind::MalformedBody, format!("{text:?}: {error}")))?;
            api.node().pin(address, wanted.settings()).await?
        }
        Some(_) => return Err(Problem::new(Kind::MalformedBody, "give an address, or a name and a type")),
        None => api.node().create(wanted.into_create()?).await?,
    };
    let address = info.address.to_string();
    let location = format!("/v1/databases/{}", utf8_percent_encode(&address, NON_ALPHANUMERIC));
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(header::LOCATION, location)], axum::Json(shape::database(&info, true))).into_response())
}

/// GET `/v1/databases/{db}`
pub(crate) async fn show(State(api): State<Api>, Path(db): Path<String>) -> Result<Response, Problem> {
    Ok(axum::Json(shape::database(&api.node().info(&db)?, true)).into_response())
}

/// What is to be set; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Set {
    reading: Option<String>,
    index_by: Option<String>,
    javascript: Option<bool>,
}

impl Set {
    fn into_choice(self) -> Result<Choice, Problem> {
        let bad = |detail: &dyn std::fmt::Display| Problem::new(Kind::MalformedBody, detail.to_string());
        let reading = match (self.reading.as_deref(), self.index_by.as_deref()) {
            (None, None) if self.javascript.is_none() => {
                return Err(bad(&"nothing to set: give reading or javascript"));
            }
            (None, None) => None,
            (Some(AUTO), None) => Some(None),
            (Some(word), field) => {
                Some(Some(Reading::parse(TYPES, word, field).map_err(|error| bad(&error))?))
            }
            (None, Some(_)) => return Err(bad(&"index_by goes with a reading: give both")),
        };
        Ok(Choice { reading, javascript: self.javascript })
    }
}

/// PATCH `/v1/databases/{db}`
pub(crate) async fn set(
    State(api): State<Api>,
    Path(db): Path<String>,
    Json(set): Json<Set>,
) -> Result<Response, Problem> {
    let info = api.node().choose(&db, set.into_choice()?).await?;
    Ok(axum::Json(shape::database(&info, true)).into_response())
}

/// GET `/v1/databases/{db}/refused`
pub(crate) async fn refused(State(api): State<Api>, Path(db): Path<String>) -> Result<Response, Problem> {
    let info = api.node().info(&db)?;
    let refusals = info.open.as_ref().map(|open| Arc::clone(&open.refusals)).unwrap_or_default();
    Ok(axum::Json(shape::refusals(&info, &refusals)).into_response())
}

/// What unpinning does to what is on disk.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unpin {
    #[serde(default)]
    remove: bool,
}

/// DELETE `/v1/databases/{db}`
pub(crate) async fn unpin(
    State(api): State<Api>,
    Path(db): Path<String>,
    Query(Unpin { remove }): Query<Unpin>,
) -> Result<Response, Problem> {
    let address = api.node().unpin(&db, remove).await?;
    Ok(axum::Json(json!({ "address": address.to_string(), "removed": remove })).into_response())
}

/// How to resync.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HowLong {
    timeout_seconds: Option<Count>,
    wait_peers: Option<Count>,
}

/// POST `/v1/databases/{db}/resync`
pub(crate) async fn resync(
    State(api): State<Api>,
    Path(db): Path<String>,
    OptionalJson(how): OptionalJson<HowLong>,
) -> Result<Response, Problem> {
    let _place = api.slow_place()?;
    let HowLong { timeout_seconds, wait_peers } = how.unwrap_or_default();
    let timeout = waiting(timeout_seconds);
    let wait_peers = wait_peers.map(|Count(peers)| usize::try_from(peers).unwrap_or(usize::MAX));
    let report = api.node().resync(&db, timeout, wait_peers).await?;
    let problems = problems_of(&api, &db);
    Ok(axum::Json(shape::with_problems(shape::resync(&report), problems)).into_response())
}

/// How long to wait for peers.
fn waiting(seconds: Option<Count>) -> Duration {
    Duration::from_secs(seconds.map_or(RESYNC_SECONDS, |Count(seconds)| seconds.min(MAX_RESYNC_SECONDS)))
}

/// How to verify.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Repair {
    #[serde(default)]
    repair: bool,
    timeout_seconds: Option<Count>,
}

/// POST `/v1/databases/{db}/verify`
pub(crate) async fn verify(
    State(api): State<Api>,
    Path(db): Path<String>,
    OptionalJson(how): OptionalJson<Repair>,
) -> Result<Response, Problem> {
    let _place = api.slow_place()?;
    let Repair { repair, timeout_seconds } = how.unwrap_or_default();
    let within = waiting(timeout_seconds);
    let report = api.node().verify(&db, repair.then_some(within)).await?;
    let verification = shape::verification(&report).map_err(super::of_store)?;
    Ok(axum::Json(shape::with_problems(verification, problems_of(&api, &db))).into_response())
}

/// What must not be overlooked about a database, however sound and in step it is.
fn problems_of(api: &Api, db: &str) -> Vec<String> {
    let info = api.node().info(db).ok();
    info.and_then(|info| info.open).map(|open| open.problems()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(body: Document) -> Result<Create, Problem> {
        serde_json::from_value::<Wanted>(body).unwrap().into_create()
    }

    #[test]
    fn access_is_given_in_either_form() {
        let short =
            create(json!({ "name": "a", "type": "events", "access": "orbitdb", "write": ["*"] })).unwrap();
        let full = json!({ "name": "a", "type": "events", "access": { "type": "orbitdb", "write": ["*"] } });
        assert_eq!(create(full).unwrap(), short);
        assert_eq!(short.access, CreateAccess::OrbitDb(vec!["*".to_owned()]));
        let plain = create(json!({ "name": "a", "type": "events" })).unwrap();
        assert_eq!((plain.access, plain.meta), (CreateAccess::Ipfs(vec![]), None));
    }

    #[test]
    fn a_null_meta_counts_as_given() {
        let created = create(json!({ "name": "a", "type": "events", "meta": null })).unwrap();
        assert_eq!(created.meta, Some(oplog::Value::Null));
    }

    #[test]
    fn what_cannot_be_created_is_malformed() {
        for body in [
            json!({ "name": "a" }),
            json!({ "name": "a", "type": "table" }),
            json!({ "name": "a", "type": "events", "access": "acl" }),
            json!({ "name": "a", "type": "events", "write": ["*"], "access": { "type": "ipfs" } }),
            json!({ "name": "a", "type": "documents", "indexes": ["n"] }),
        ] {
            assert_eq!(create(body.clone()).unwrap_err().kind(), Kind::MalformedBody, "{body}");
        }
        assert!(serde_json::from_value::<Wanted>(json!({ "nme": "a" })).is_err());
    }
}
