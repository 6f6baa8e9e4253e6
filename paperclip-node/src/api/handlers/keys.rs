//! Keys: read, set, deleted, listed.

use super::{fitting, to_read, to_write};
use crate::{
    api::{
        Api,
        conditional::{Conditions, etag},
        extract::{self, Path, Query, ValueBody},
        page::Page,
        problem::{Kind, Problem},
        shape,
    },
    database::Database,
};
use axum::{
    extract::State,
    http::{Uri, header},
    response::{IntoResponse, Response},
};
use oplog::{Entry, json::to_json, reading::View, view::Operation};
use paperclip_client::shape::Page as Listing;

/// GET `/v1/databases/{db}/kv/{key}`
pub(crate) async fn get(
    State(api): State<Api>,
    Path((db, key)): Path<(String, String)>,
    conditions: Conditions,
) -> Result<Response, Problem> {
    value_of(&to_read(&api, &db, View::Keys)?, &key, &conditions)
}

/// PUT `/v1/databases/{db}/kv/{key}`
pub(crate) async fn put(
    State(api): State<Api>,
    Path((db, key)): Path<(String, String)>,
    conditions: Conditions,
    ValueBody(value): ValueBody,
) -> Result<Response, Problem> {
    let database = to_write(&api, &db, View::Keys)?;
    set(&database, database.reading().put(database.written_key(&key)?, value), conditions).await
}

/// DELETE `/v1/databases/{db}/kv/{key}`
pub(crate) async fn delete(
    State(api): State<Api>,
    Path((db, key)): Path<(String, String)>,
    conditions: Conditions,
) -> Result<Response, Problem> {
    remove(&to_write(&api, &db, View::Keys)?, key, conditions).await
}

/// GET `/v1/databases/{db}/kv`
pub(crate) async fn list(
    State(api): State<Api>,
    Path(db): Path<String>,
    Query(query): Query<Listing>,
    uri: Uri,
) -> Result<Response, Problem> {
    live_page(&api, &to_read(&api, &db, View::Keys)?, &query, &uri).await
}

/// The value under a key, with the hash of the entry that set it as its tag.
pub(super) fn value_of(database: &Database, key: &str, conditions: &Conditions) -> Result<Response, Problem> {
    let unknown =
        || Problem::new(Kind::UnknownKey, format!("{} has nothing under {key:?}", database.address()));
    let (hash, value) = database.get(key)?.ok_or_else(unknown)?;
    if let Some(spared) = conditions.spare(&hash) {
        return Ok(spared);
    }
    Ok(([(header::ETAG, etag(&hash))], axum::Json(to_json(&value))).into_response())
}

/// Sets a key. The answer has the tag that the key has from now on.
pub(super) async fn set(
    database: &Database,
    put: Operation,
    conditions: Conditions,
) -> Result<Response, Problem> {
    let hash = database.append_if(fitting(database, put)?, conditions.into_precondition()).await?;
    Ok(([(header::ETAG, etag(&hash))], axum::Json(shape::written(hash))).into_response())
}

/// Deletes a key. One that is not there is deleted all the same, as JavaScript does: a concurrent write may be on its way.
pub(super) async fn remove(
    database: &Database,
    key: String,
    conditions: Conditions,
) -> Result<Response, Problem> {
    let del = fitting(database, Operation::del(database.written_key(&key)?))?;
    let hash = database.append_if(del, conditions.into_precondition()).await?;
    Ok(axum::Json(shape::written(hash)).into_response())
}

/// A page of what a view shows, newest first.
pub(super) async fn live_page(
    api: &Api,
    database: &Database,
    query: &Listing,
    uri: &Uri,
) -> Result<Response, Problem> {
    let after = entry_after(database, query.after.as_deref())?.map(|entry| entry.position());
    let page = Page::new(query.limit.unwrap_or_default().0);
    let _turn = api.scan_turn().await?;
    let page = database
        .scan_live(after, page, |page, live| {
            let hash = live.entry.hash;
            page.push(hash, &shape::row(hash, live.key, &live.value))
        })
        .await?;
    Ok(Page::of(page).into_response(uri, &[]))
}

/// The entry behind which a page begins.
pub(super) fn entry_after(database: &Database, after: Option<&str>) -> Result<Option<Entry>, Problem> {
    let Some(text) = after else { return Ok(None) };
    let hash = extract::hash(Kind::MalformedQuery, text)?;
    let unknown = || Problem::new(Kind::UnknownEntry, format!("after: the log has no entry {hash}"));
    Ok(Some(database.entry(&hash)?.ok_or_else(unknown)?))
}
