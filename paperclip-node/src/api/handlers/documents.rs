//! Documents: read, stored, deleted, listed, queried.

use super::{
    keys::{PageQuery, live_page, remove, value_of},
    to_read, to_write,
};
use crate::{
    api::{
        Api, MAX_PAGE_BYTES, MAX_PAGE_ITEMS,
        extract::{Json, Path, Query, ValueBody},
        page::Page,
        problem::{Kind, Problem},
        query::{Filter, Sort},
        shape::{self, RowShape},
    },
    database::{Database, Live, ReadError},
};
use axum::{
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use oplog::{
    Value, cbor,
    manifest::DatabaseType,
    view::{DOCUMENT_ID, Operation},
};
use serde::Deserialize;
use serde_json::Value as Document;

/// How many documents a query that sorts may match, in multiples of a page: it keeps them until the last one is seen.
const SORTED_PAGES: usize = 4;

/// GET `/v1/databases/{db}/docs/{id}`
pub(crate) async fn get(
    State(api): State<Api>,
    Path((db, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    value_of(&to_read(&api, &db, &[DatabaseType::Documents])?, &id)
}

/// PUT `/v1/databases/{db}/docs/{id}`
pub(crate) async fn put(
    State(api): State<Api>,
    Path((db, id)): Path<(String, String)>,
    ValueBody(document): ValueBody,
) -> Result<Response, Problem> {
    let database = to_write(&api, &db, DatabaseType::Documents)?;
    if document.get(DOCUMENT_ID).and_then(Value::as_text) != Some(id.as_str()) {
        let detail = format!("the document must be an object whose {DOCUMENT_ID} is {id:?}");
        return Err(Problem::new(Kind::UnusableValue, detail));
    }
    let hash = database.append(Operation::Put(id, document)).await?;
    Ok(axum::Json(shape::written(hash)).into_response())
}

/// DELETE `/v1/databases/{db}/docs/{id}`
pub(crate) async fn delete(
    State(api): State<Api>,
    Path((db, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    remove(&to_write(&api, &db, DatabaseType::Documents)?, id).await
}

/// GET `/v1/databases/{db}/docs`
pub(crate) async fn list(
    State(api): State<Api>,
    Path(db): Path<String>,
    Query(query): Query<PageQuery>,
    uri: Uri,
) -> Result<Response, Problem> {
    live_page(&api, &to_read(&api, &db, &[DatabaseType::Documents])?, &query, &uri).await
}

/// Which documents, in which order, how many.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryBody {
    filter: Option<Document>,
    sort: Option<String>,
    limit: Option<usize>,
}

/// POST `/v1/databases/{db}/query`
pub(crate) async fn query(
    State(api): State<Api>,
    Path(db): Path<String>,
    uri: Uri,
    Json(body): Json<QueryBody>,
) -> Result<Response, Problem> {
    let database = to_read(&api, &db, &[DatabaseType::Documents])?;
    let filter = body.filter.as_ref().map(Filter::parse).transpose();
    let filter = filter.map_err(|error| Problem::new(Kind::MalformedBody, format!("filter: {error}")))?;
    let (filter, limit) =
        (filter.unwrap_or_default(), body.limit.unwrap_or(MAX_PAGE_ITEMS).min(MAX_PAGE_ITEMS));
    let _turn = api.scan_turn().await?;
    let page = match body.sort.as_deref().map(Sort::parse) {
        None => newest(&database, filter, limit).await?,
        Some(sort) => sorted(&database, filter, sort, limit).await?,
    };
    // A query has no next page: narrow the filter instead.
    Ok(page.whole().into_response(&uri, &[]))
}

/// The newest documents that fit.
async fn newest(database: &Database, filter: Filter, limit: usize) -> Result<Page, ReadError> {
    let page = Page::new(limit);
    database.scan_live(None, page, move |page, live| !filter.matches(&live.value) || push(page, live)).await
}

/// The first documents that fit, in an order.
async fn sorted(database: &Database, filter: Filter, sort: Sort, limit: usize) -> Result<Page, Problem> {
    let fitting = Sorted { sort, limit, found: Vec::new(), bytes: 0, full: false };
    let fitting = database
        .scan_live(None, fitting, move |fitting, live| !filter.matches(&live.value) || fitting.add(live))
        .await?;
    if fitting.full {
        let detail = format!("more than {} bytes of documents fit the filter; narrow it", Sorted::MAX_BYTES);
        return Err(Problem::new(Kind::TooLarge, detail));
    }
    let mut page = Page::new(limit);
    for live in fitting.finish() {
        if !push(&mut page, live) {
            break;
        }
    }
    Ok(page)
}

fn push(page: &mut Page, live: Live) -> bool {
    let hash = live.entry.hash;
    page.push(hash, &RowShape::new(hash, live.key, &live.value))
}

/// The first documents of an order, as many as were asked for, kept in bounded memory while all others pass by.
struct Sorted {
    sort: Sort,
    limit: usize,
    found: Vec<(Live, usize)>,
    bytes: usize,
    full: bool,
}

impl Sorted {
    const MAX_BYTES: usize = SORTED_PAGES * MAX_PAGE_BYTES;

    /// Whether to go on.
    fn add(&mut self, live: Live) -> bool {
        let size = cbor::encode(&live.value).len();
        self.bytes += size;
        self.found.push((live, size));
        // Now and then all but the first are dropped; in between there is room for as many again.
        if self.found.len() > 2 * self.limit.max(1) || self.bytes > Self::MAX_BYTES {
            self.shrink();
        }
        self.full = self.bytes > Self::MAX_BYTES;
        !self.full
    }

    fn shrink(&mut self) {
        let sort = &self.sort;
        self.found.sort_by(|(a, _), (b, _)| sort.compare(&a.value, &b.value));
        self.found.truncate(self.limit);
        self.bytes = self.found.iter().map(|(_, size)| size).sum();
    }

    fn finish(mut self) -> impl Iterator<Item = Live> {
        self.shrink();
        self.found.into_iter().map(|(live, _)| live)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oplog::{
        Hash,
        cbor::Map,
        order::{Clock, Position, Time},
    };

    fn live(n: i64, filler: usize) -> Live {
        let clock = Clock { id: "a".into(), time: Time::ZERO };
        let value = Map::from_iter([("n", Value::Int(n.into())), ("x", "x".repeat(filler).as_str().into())]);
        Live {
            entry: Position::new(&clock, Hash::of(&n.to_be_bytes())),
            key: n.to_string(),
            value: value.into(),
        }
    }

    fn sorted(limit: usize) -> Sorted {
        Sorted { sort: Sort::parse("n"), limit, found: Vec::new(), bytes: 0, full: false }
    }

    #[test]
    fn the_first_of_an_order_are_kept_and_little_else() {
        let mut kept = sorted(3);
        for n in (0..1000).rev() {
            assert!(kept.add(live(n, 0)) && kept.found.len() <= 7);
        }
        let keys: Vec<String> = kept.finish().map(|live| live.key).collect();
        assert_eq!(keys, ["0", "1", "2"]);
    }

    #[test]
    fn too_much_to_sort_is_told_rather_than_kept() {
        let mut kept = sorted(10_000);
        let mut added = 0;
        while kept.add(live(added, 1 << 20)) {
            added += 1;
        }
        assert!(kept.full && added < 40, "{added}");
    }
}
