//! The log underneath a database: heads, entries, one entry.

use crate::{
    api::{
        Api,
        extract::{self, Path, Query},
        page::{Page, name_damaged},
        problem::{Kind, Problem},
    },
    database::{Database, Scanned},
};
use axum::{
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use oplog::{Entry, Hash, log::Range};
use paperclip_client::shape::{Entry as Shown, Range as Wanted, Whole};

fn range(query: &Wanted) -> Result<Range, Problem> {
    let hash = |name: &str, text: &Option<String>| -> Result<Option<Hash>, Problem> {
        let Some(text) = text else { return Ok(None) };
        let bad = |error| Problem::new(Kind::MalformedQuery, format!("{name}: {text:?}: {error}"));
        text.parse().map(Some).map_err(bad)
    };
    let amount =
        match query.amount {
            None | Some(Whole(-1)) => None,
            Some(Whole(amount)) => Some(usize::try_from(amount).map_err(|_| {
                Problem::new(Kind::MalformedQuery, "amount: a number from 0 up, or -1 for all")
            })?),
        };
    Ok(Range {
        gt: hash("gt", &query.gt)?,
        gte: hash("gte", &query.gte)?,
        lt: hash("lt", &query.lt)?,
        lte: hash("lte", &query.lte)?,
        after: hash("after", &query.after)?,
        amount,
    })
}

/// A page of a range, each entry shown by `push`.
pub(super) async fn entries_page(
    api: &Api,
    database: &Database,
    query: &Wanted,
    uri: &Uri,
    push: fn(&mut Page, Entry) -> bool,
) -> Result<Response, Problem> {
    let range = range(query)?;
    let _turn = api.scan_turn().await?;
    let Scanned { kept: (page, seen), damaged } = database
        .scan_entries(range, (Page::new(usize::MAX), 0_usize), move |(page, seen), entry| {
            let pushed = push(page, entry);
            *seen += usize::from(pushed);
            pushed
        })
        .await?;
    // With a lower end, the amount says which entries are meant; without, how many are still to come.
    let changed = match range.amount.filter(|_| range.gt.or(range.gte).is_none()) {
        Some(amount) => vec![("amount", amount.saturating_sub(seen).to_string())],
        None => Vec::new(),
    };
    Ok(Page::of(Scanned { kept: page, damaged }).into_response(uri, &changed))
}

/// GET `/v1/databases/{db}/entries`
pub(crate) async fn entries(
    State(api): State<Api>,
    Path(db): Path<String>,
    Query(query): Query<Wanted>,
    uri: Uri,
) -> Result<Response, Problem> {
    let database = any(&api, &db)?;
    entries_page(&api, &database, &query, &uri, |page, entry| page.push(entry.hash, &Shown::from(&entry)))
        .await
}

/// GET `/v1/databases/{db}/entries/{hash}`
pub(crate) async fn entry(
    State(api): State<Api>,
    Path((db, hash)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let database = any(&api, &db)?;
    let hash = extract::hash(Kind::MalformedPath, &hash)?;
    let unknown = || Problem::new(Kind::UnknownEntry, format!("the log has no entry {hash}"));
    let entry = database.entry(&hash)?.ok_or_else(unknown)?;
    Ok(axum::Json(Shown::from(&entry)).into_response())
}

/// GET `/v1/databases/{db}/heads`
pub(crate) async fn heads(State(api): State<Api>, Path(db): Path<String>) -> Result<Response, Problem> {
    let Scanned { kept: heads, damaged } = any(&api, &db)?.heads()?;
    let mut response = axum::Json(heads.iter().map(Shown::from).collect::<Vec<_>>()).into_response();
    name_damaged(&mut response, &damaged);
    Ok(response)
}

/// The type-free view for handlers that serve any database.
pub(super) fn any(api: &Api, db: &str) -> Result<Database, Problem> {
    Ok(api.node().database(db)?)
}
