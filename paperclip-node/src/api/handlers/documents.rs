//! Documents: read, stored, deleted, listed, queried.

use super::{
    keys::{entry_after, live_page, remove, set, value_of},
    to_read, to_write,
};
use crate::{
    api::{
        Api,
        conditional::Conditions,
        extract::{Json, Path, Query, ValueBody},
        filter::Filter,
        page::Page,
        problem::{Kind, Problem},
        shape,
        sort::{Sort, Sorted},
    },
    database::{Database, Live, ReadError, Scanned},
};
use axum::{extract::State, http::Uri, response::Response};
use oplog::{Entry, reading::View, view::Operation};
use paperclip_client::shape::{Page as Listing, Query as Wanted, Start};

/// GET `/v1/databases/{db}/docs/{id}`
pub(crate) async fn get(
    State(api): State<Api>,
    Path((db, id)): Path<(String, String)>,
    conditions: Conditions,
) -> Result<Response, Problem> {
    value_of(&to_read(&api, &db, View::Documents)?, &id, &conditions)
}

/// PUT `/v1/databases/{db}/docs/{id}`
pub(crate) async fn put(
    State(api): State<Api>,
    Path((db, id)): Path<(String, String)>,
    conditions: Conditions,
    ValueBody(document): ValueBody,
) -> Result<Response, Problem> {
    let database = to_write(&api, &db, View::Documents)?;
    set(&database, database.reading().put(id.into(), document), conditions).await
}

/// DELETE `/v1/databases/{db}/docs/{id}`
pub(crate) async fn delete(
    State(api): State<Api>,
    Path((db, id)): Path<(String, String)>,
    conditions: Conditions,
) -> Result<Response, Problem> {
    remove(&to_write(&api, &db, View::Documents)?, id, conditions).await
}

/// GET `/v1/databases/{db}/docs`
pub(crate) async fn list(
    State(api): State<Api>,
    Path(db): Path<String>,
    Query(query): Query<Listing>,
    uri: Uri,
) -> Result<Response, Problem> {
    live_page(&api, &to_read(&api, &db, View::Documents)?, &query, &uri).await
}

/// POST `/v1/databases/{db}/query`
pub(crate) async fn query(
    State(api): State<Api>,
    Path(db): Path<String>,
    Query(Start { after }): Query<Start>,
    uri: Uri,
    Json(body): Json<Wanted>,
) -> Result<Response, Problem> {
    let database = to_read(&api, &db, View::Documents)?;
    let filter = body.filter.as_ref().map(Filter::parse).transpose();
    let filter = filter.map_err(|error| Problem::new(Kind::MalformedBody, format!("filter: {error}")))?;
    let (filter, limit) = (filter.unwrap_or_default(), body.limit.unwrap_or_default().0);
    let after = entry_after(&database, after.as_deref())?;
    let _turn = api.scan_turn().await?;
    let page = match body.sort.as_deref().map(Sort::parse) {
        None => newest(&database, filter, after, limit).await?,
        Some(sort) => sorted(&database, filter, sort, after, limit).await?,
    };
    Ok(page.into_response(&uri, &[]))
}

/// The newest documents that fit.
async fn newest(
    database: &Database,
    filter: Filter,
    after: Option<Entry>,
    limit: usize,
) -> Result<Page, ReadError> {
    let (after, page) = (after.map(|entry| entry.position()), Page::new(limit));
    let fits = move |page: &mut Page, live: Live| !filter.matches(&live.value) || push(page, live);
    Ok(Page::of(database.scan_live(after, page, fits).await?))
}

/// The first documents that fit, in an order.
async fn sorted(
    database: &Database,
    filter: Filter,
    sort: Sort,
    after: Option<Entry>,
    limit: usize,
) -> Result<Page, ReadError> {
    // The document as it was when it was given out: its place in the order is what the client goes on from.
    let after = after.map(|entry| {
        let position = entry.position();
        (Operation::of(entry.payload).value, position)
    });
    let sorted = database
        .scan_live(None, Sorted::new(sort, after, limit), move |sorted, live| {
            if filter.matches(&live.value) {
                sorted.add(live);
            }
            true
        })
        .await?;
    let Scanned { kept: sorted, damaged } = sorted;
    let (mut documents, more) = sorted.finish();
    let mut page = Page::of(Scanned { kept: Page::new(limit), damaged });
    let whole = documents.all(|live| push(&mut page, live));
    Ok(if whole && more { page.cut() } else { page })
}

fn push(page: &mut Page, live: Live) -> bool {
    let hash = live.entry.hash;
    page.push(hash, &shape::row(hash, live.key, &live.value))
}
