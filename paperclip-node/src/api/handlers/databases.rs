//! Databases: listed, created, pinned, shown, unpinned, compared, checked.

use crate::{
    api::{
        Api,
        extract::{self, Json, OptionalJson, Path, Query},
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
use paperclip_client::shape::{
    Change, Controller, Count, Create as Wanted, HowLong, Open, Page as Listing, Pin, Remove, Repair,
    Unpinned,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::{sync::Arc, time::Duration};

/// How long a resync waits for what peers offered, and a repair for damaged blocks, unless they are told.
const RESYNC_SECONDS: u64 = 60;

/// The longest that a resync may be told to wait: less than a slow request may take.
const MAX_RESYNC_SECONDS: u64 = 1500;

/// GET `/v1/databases`: all of them, of which a cluster has a bounded number, unless a page is asked for.
pub(crate) async fn list(
    State(api): State<Api>,
    Query(Listing { limit, after }): Query<Listing>,
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

fn settings(allow_foreign_keys: bool, javascript: bool) -> Settings {
    Settings { allow_foreign_keys, no_javascript: !javascript, ..Settings::default() }
}

fn bad_body(detail: impl ToString) -> Problem {
    Problem::new(Kind::MalformedBody, detail)
}

fn create(wanted: Wanted) -> Result<Create, Problem> {
    let Wanted { name, kind, index_by, access, write, meta, allow_foreign_keys, javascript } = wanted;
    let meta = meta.as_ref().map(from_json).transpose();
    Ok(Create {
        name,
        reading: Reading::parse(TYPES, &kind, index_by.as_deref()).map_err(bad_body)?,
        access: match access {
            Controller::Ipfs => CreateAccess::Ipfs(write),
            Controller::Orbitdb => CreateAccess::OrbitDb(write),
        },
        meta: meta.map_err(|error| Problem::new(Kind::UnusableValue, format!("meta: {error}")))?,
        settings: settings(allow_foreign_keys, javascript),
    })
}

/// POST `/v1/databases`
pub(crate) async fn open(State(api): State<Api>, Json(wanted): Json<Open>) -> Result<Response, Problem> {
    let (info, new) = match wanted {
        Open::Pin(Pin { address, allow_foreign_keys, javascript }) => {
            let named =
                Address::named(&address).map_err(|error| bad_body(format!("{address:?}: {error}")))?;
            api.node().pin(named, settings(allow_foreign_keys, javascript)).await?
        }
        Open::Create(wanted) => api.node().create(create(wanted)?).await?,
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

fn choice(change: &Change) -> Result<Choice, Problem> {
    let reading = match (change.reading.as_deref(), change.index_by.as_deref()) {
        (None, None) if change.javascript.is_none() => {
            return Err(bad_body("nothing to set: give reading or javascript"));
        }
        (None, None) => None,
        (Some(AUTO), None) => Some(None),
        (Some(word), field) => Some(Some(Reading::parse(TYPES, word, field).map_err(bad_body)?)),
        (None, Some(_)) => return Err(bad_body("index_by goes with a reading: give both")),
    };
    Ok(Choice { reading, javascript: change.javascript })
}

/// PATCH `/v1/databases/{db}`
pub(crate) async fn set(
    State(api): State<Api>,
    Path(db): Path<String>,
    Json(change): Json<Change>,
) -> Result<Response, Problem> {
    let info = api.node().choose(&db, choice(&change)?).await?;
    Ok(axum::Json(shape::database(&info, true)).into_response())
}

/// GET `/v1/databases/{db}/refused`
pub(crate) async fn refused(State(api): State<Api>, Path(db): Path<String>) -> Result<Response, Problem> {
    let info = api.node().info(&db)?;
    let refusals = info.open.as_ref().map(|open| Arc::clone(&open.refusals)).unwrap_or_default();
    Ok(axum::Json(shape::refusals(&info, &refusals)).into_response())
}

/// DELETE `/v1/databases/{db}`
pub(crate) async fn unpin(
    State(api): State<Api>,
    Path(db): Path<String>,
    Query(Remove { remove }): Query<Remove>,
) -> Result<Response, Problem> {
    let address = api.node().unpin(&db, remove).await?;
    Ok(axum::Json(Unpinned { address: address.to_string(), removed: remove }).into_response())
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
    Ok(axum::Json(shape::resync(&report, problems_of(&api, &db))).into_response())
}

/// How long to wait for peers.
fn waiting(seconds: Option<Count>) -> Duration {
    Duration::from_secs(seconds.map_or(RESYNC_SECONDS, |Count(seconds)| seconds.min(MAX_RESYNC_SECONDS)))
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
    let verification = shape::verification(&report, problems_of(&api, &db)).map_err(super::of_store)?;
    Ok(axum::Json(verification).into_response())
}

/// What must not be overlooked about a database, however sound and in step it is.
fn problems_of(api: &Api, db: &str) -> Vec<String> {
    let info = api.node().info(db).ok();
    info.and_then(|info| info.open).map(|open| open.problems()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_created_is_read() {
        let wanted =
            Wanted { access: Controller::Orbitdb, write: vec!["*".into()], ..Wanted::new("a", "events") };
        assert_eq!(create(wanted).unwrap().access, CreateAccess::OrbitDb(vec!["*".to_owned()]));
        let plain = create(Wanted::new("a", "keyvalue")).unwrap();
        assert_eq!((plain.reading.name(), plain.meta), ("keyvalue", None));
        assert!(!plain.settings.no_javascript);
    }

    #[test]
    fn an_unknown_type_or_a_field_without_documents_is_malformed() {
        let by = Wanted { index_by: Some("n".into()), ..Wanted::new("a", "events") };
        for wanted in [Wanted::new("a", "table"), by] {
            assert_eq!(create(wanted).unwrap_err().kind(), Kind::MalformedBody);
        }
    }
}
