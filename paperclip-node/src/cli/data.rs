//! What is in databases: events, keys, documents.

use super::{error::CliError, target::AtDatabase, value};
use crate::{
    api::resource,
    output::{Listing, Text, cell, json_line, tell},
};
use oplog::reading::{TYPES, View, named};
use paperclip_client::{
    Client, Request, db_path,
    shape::{Database, Limit, MAX_PAGE_ITEMS, Query, Written},
};
use serde_json::Value as Json;

/// Appends an event.
pub(super) fn add(at: &AtDatabase, text: &str) -> Result<(), CliError> {
    let body = value::json(text)?;
    write(at, &at.client.connect()?, Request::new("POST", &db_path(&at.db, &["events"])).with(&body))
}

/// Sets a key or stores a document.
pub(super) fn put(at: &AtDatabase, key: &str, text: &str) -> Result<(), CliError> {
    let body = value::json(text)?;
    let client = at.client.connect()?;
    write(at, &client, Request::new("PUT", &keyed_path(&client, &at.db, key)?).with(&body))
}

/// Prints a value or a document.
pub(super) fn get(at: &AtDatabase, key: &str) -> Result<(), CliError> {
    let client = at.client.connect()?;
    let found = client.get(&keyed_path(&client, &at.db, key)?)?.json()?;
    Ok(at.client.output().value(&found)?)
}

/// Deletes a key or a document.
pub(super) fn del(at: &AtDatabase, key: &str) -> Result<(), CliError> {
    let client = at.client.connect()?;
    write(at, &client, Request::new("DELETE", &keyed_path(&client, &at.db, key)?))
}

/// Prints everything, newest first.
pub(super) fn all(at: &AtDatabase) -> Result<(), CliError> {
    let client = at.client.connect()?;
    let resource = resource(view(&client, &at.db)?);
    pages(at, &client, db_path(&at.db, &[resource]))
}

/// Prints the documents that fit a filter: all of them, page by page, unless a limit is given.
pub(super) fn query(
    at: &AtDatabase,
    filter: Option<&str>,
    sort: Option<String>,
    limit: Option<usize>,
) -> Result<(), CliError> {
    let filter = filter.map(value::document).transpose()?;
    let mut request = Query { filter, sort, limit: None };
    let mut left = limit;
    let client = at.client.connect()?;
    let mut listing = Listing::new(&[]);
    let mut path = Some(db_path(&at.db, &["query"]));
    while let Some(current) = path {
        request.limit = left.map(|left| Limit(left.min(MAX_PAGE_ITEMS)));
        let answer = client.post(&current, &request)?;
        let found = answer.json()?;
        print(at, &found, &mut listing)?;
        path = answer.next;
        left = left.map(|left| left.saturating_sub(found.as_array().map_or(0, Vec::len)));
        if left == Some(0) {
            if path.is_some() {
                tell("more documents match; raise --limit, or omit it to print all");
            }
            break;
        }
    }
    Ok(())
}

/// Prints a listing page by page, so that its length costs no memory.
pub(super) fn pages(at: &AtDatabase, client: &Client, first: String) -> Result<(), CliError> {
    let mut path = Some(first);
    let mut listing = Listing::new(&[]);
    while let Some(current) = path {
        let answer = client.get(&current)?;
        print(at, &answer.json()?, &mut listing)?;
        path = answer.next;
    }
    Ok(())
}

fn print(at: &AtDatabase, found: &Json, listing: &mut Listing) -> Result<(), CliError> {
    let found = found.as_array().map_or(&[][..], Vec::as_slice);
    if at.client.json {
        return Ok(found.iter().try_for_each(json_line)?);
    }
    let cells = |row: &Json| match row.get("key").and_then(Json::as_str) {
        Some(key) => vec![key.to_owned(), shown(row)],
        None => vec![cell(row, "hash"), shown(row)],
    };
    Ok(listing.print(&found.iter().map(cells).collect::<Vec<_>>())?)
}

fn shown(row: &Json) -> String {
    row.get("value").map_or_else(|| "-".to_owned(), Json::to_string)
}

/// Writes, with the body as it was typed, so that no digit of it is lost on the way.
fn write(at: &AtDatabase, client: &Client, request: Request<'_>) -> Result<(), CliError> {
    let answer = client.send(&request)?.accepted()?;
    let written: Written = answer.read()?;
    Ok(at.client.output().document(&answer.json()?, || Text::line(written.hash))?)
}

/// Keys and documents have paths of their own; which one it is, the database's reading decides.
fn keyed_path(client: &Client, db: &str, key: &str) -> Result<String, CliError> {
    let view = match view(client, db)? {
        View::Documents => View::Documents,
        // The node knows best what to say of keys that are asked of values.
        View::Keys | View::Values => View::Keys,
    };
    Ok(db_path(db, &[resource(view), key]))
}

fn view(client: &Client, db: &str) -> Result<View, CliError> {
    let database: Database = client.get(&db_path(db, &[]))?.read()?;
    let known = database.open.and_then(|open| named(TYPES, &open.reading));
    Ok(known.map_or(View::Keys, |it| it.view()))
}
