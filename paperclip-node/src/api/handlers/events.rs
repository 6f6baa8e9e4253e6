//! Events: appended and listed.

use super::{fitting, log::entries_page, to_read, to_write};
use crate::api::{
    Api,
    extract::{Path, Query, ValueBody},
    page::Page,
    problem::Problem,
    shape,
};
use axum::{
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use oplog::{Entry, reading::View, view::Operation};
use paperclip_client::shape::Range;

/// POST `/v1/databases/{db}/events`
pub(crate) async fn append(
    State(api): State<Api>,
    Path(db): Path<String>,
    ValueBody(value): ValueBody,
) -> Result<Response, Problem> {
    let database = to_write(&api, &db, View::Values)?;
    let hash = database.append(fitting(&database, Operation::add(value))?).await?;
    Ok((StatusCode::CREATED, axum::Json(shape::written(hash))).into_response())
}

/// GET `/v1/databases/{db}/events`
pub(crate) async fn list(
    State(api): State<Api>,
    Path(db): Path<String>,
    Query(range): Query<Range>,
    uri: Uri,
) -> Result<Response, Problem> {
    let database = to_read(&api, &db, View::Values)?;
    entries_page(&api, &database, &range, &uri, push_event).await
}

/// Adds an entry's value, whatever its operation, as JavaScript's `events` does.
fn push_event(page: &mut Page, entry: Entry) -> bool {
    let hash = entry.hash;
    page.push(hash, &shape::event(hash, &Operation::of(entry.payload).value))
}
