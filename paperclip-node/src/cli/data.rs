//! What is in databases: events, keys, documents.

use super::{
    CliError,
    client::{Client, db_path},
    commands::AtDatabase,
    output::{Listing, Text, cell, json_line, tell},
    value,
};
use crate::api::{MAX_PAGE_ITEMS, resource};
use oplog::reading::{TYPES, View, named};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};

/// Appends an event.
pub(super) fn add(at: &AtDatabase, text: &str) -> Result<(), CliError> {
    let body = value::json(text)?;
    let written = at.client.connect()?.post_text(&db_path(&at.db, &["events"]), &body)?;
    written_to(at, &written)
}

/// Sets a key or stores a document.
pub(super) fn put(at: &AtDatabase, key: &str, text: &str) -> Result<(), CliError> {
    let body = value::json(text)?;
    let client = at.client.connect()?;
    let written = client.put_text(&keyed_path(&client, &at.db, key)?, &body)?;
    written_to(at, &written)
}

/// Prints a value or a document.
pub(super) fn get(at: &AtDatabase, key: &str) -> Result<(), CliError> {
    let client = at.client.connect()?;
    let found = client.get(&keyed_path(&client, &at.db, key)?)?.json;
    Ok(at.client.output().value(&found)?)
}

/// Deletes a key or a document.
pub(super) fn del(at: &AtDatabase, key: &str) -> Result<(), CliError> {
    let client = at.client.connect()?;
    let written = client.delete(&keyed_path(&client, &at.db, key)?)?;
    written_to(at, &written)
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
    let filter = match filter {
        Some(text) => value::document(text)?,
        None => json!({}),
    };
    let mut request = json!({ "filter": filter, "sort": sort });
    let mut left = limit;
    let client = at.client.connect()?;
    let mut listing = Listing::new(&[]);
    let mut path = Some(db_path(&at.db, &["query"]));
    while let Some(current) = path {
        request["limit"] = json!(left.map(|left| left.min(MAX_PAGE_ITEMS)));
        let answer = client.post_page(&current, &request)?;
        print(at, &answer.json, &mut listing)?;
        path = answer.next;
        left = left.map(|left| left.saturating_sub(answer.json.as_array().map_or(0, Vec::len)));
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
        print(at, &answer.json, &mut listing)?;
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

fn written_to(at: &AtDatabase, written: &Json) -> Result<(), CliError> {
    Ok(at.client.output().document(written, || Text::line(cell(written, "hash")))?)
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
    let reading = cell(&client.get(&db_path(db, &[]))?.json, "reading");
    Ok(named(TYPES, &reading).map_or(View::Keys, |it| it.view()))
}

/// A value as part of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
