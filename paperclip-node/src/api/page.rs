//! Long listings in bounded pages.
//!
//! A page ends after [`MAX_PAGE_ITEMS`] items, after [`MAX_PAGE_BYTES`] bytes, or after as many items as were asked for. A
//! page that ends before the listing does has a header `Link: <path>; rel="next"` with the path of the next one.

use super::problem::Problem;
use crate::database::Scanned;
use axum::{
    http::{HeaderName, HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use oplog::Hash;
use paperclip_client::shape::MAX_PAGE_ITEMS;
use serde::Serialize;

/// How many bytes of JSON a page may have. An item that begins below it is still written whole.
pub const MAX_PAGE_BYTES: usize = 8 << 20;

/// The query parameter that says after which item a page begins.
pub(super) const AFTER: &str = "after";

/// The header that names entries that a listing left out because their blocks are damaged.
pub(super) const DAMAGED: HeaderName = HeaderName::from_static("paperclip-damaged");

/// A JSON array being written.
#[derive(Debug)]
pub(super) struct Page {
    json: Vec<u8>,
    items: usize,
    most: usize,
    last: Option<Hash>,
    cut: bool,
    failed: Option<serde_json::Error>,
    left_out: Vec<Hash>,
}

impl Page {
    /// A page of at most `most` items, or [`MAX_PAGE_ITEMS`] if that is less.
    pub(super) fn new(most: usize) -> Self {
        Self {
            json: vec![b'['],
            items: 0,
            most: most.min(MAX_PAGE_ITEMS),
            last: None,
            cut: false,
            failed: None,
            left_out: Vec::new(),
        }
    }

    /// Adds an item, unless the page is full; `hash` names it in the next page's path. Says whether to go on.
    pub(super) fn push(&mut self, hash: Hash, item: &impl Serialize) -> bool {
        self.cut = self.items >= self.most || self.json.len() >= MAX_PAGE_BYTES;
        if self.cut {
            return false;
        }
        if self.items > 0 {
            self.json.push(b',');
        }
        self.failed = serde_json::to_writer(&mut self.json, item).err();
        self.items += 1;
        self.last = Some(hash);
        self.failed.is_none()
    }

    /// The page of a listing that left out what is damaged.
    pub(super) fn of(scanned: Scanned<Self>) -> Self {
        Self { left_out: scanned.damaged, ..scanned.kept }
    }

    /// The page as a part of a listing that goes on.
    pub(super) fn cut(self) -> Self {
        Self { cut: true, ..self }
    }

    /// The answer to a request for `uri`. `changed` are parameters of the query that differ for the next page.
    pub(super) fn into_response(mut self, uri: &Uri, changed: &[(&str, String)]) -> Response {
        if let Some(error) = self.failed {
            return Problem::internal(&error).into_response();
        }
        self.json.push(b']');
        let mut response = ([(header::CONTENT_TYPE, "application/json")], self.json).into_response();
        name_damaged(&mut response, &self.left_out);
        if let Some(last) = self.last.filter(|_| self.cut) {
            let mut parameters = changed.to_vec();
            parameters.push((AFTER, last.to_string()));
            let link = format!("<{}>; rel=\"next\"", next_path(uri, &parameters));
            // A path that came in a request, hashes and numbers are valid in headers.
            if let Ok(link) = HeaderValue::from_str(&link) {
                response.headers_mut().insert(header::LINK, link);
            }
        }
        response
    }
}

/// Names the damaged entries that a listing had to leave out.
pub(super) fn name_damaged(response: &mut Response, hashes: &[Hash]) {
    let hashes: Vec<String> = hashes.iter().map(ToString::to_string).collect();
    // Hashes are valid in headers.
    if !hashes.is_empty()
        && let Ok(named) = HeaderValue::from_str(&hashes.join(", "))
    {
        response.headers_mut().insert(DAMAGED, named);
    }
}

/// The same path with some parameters of its query replaced.
fn next_path(uri: &Uri, parameters: &[(&str, String)]) -> String {
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let kept = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && parameters.iter().all(|(changed, _)| *changed != name(pair)));
    let changed = parameters.iter().map(|(name, value)| format!("{name}={value}"));
    let query: Vec<String> = kept.map(str::to_owned).chain(changed).collect();
    format!("{}?{}", uri.path(), query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    fn hash(n: u8) -> Hash {
        Hash::of(&[n])
    }

    #[tokio::test]
    async fn a_cut_page_names_the_next_one() {
        let mut page = Page::new(2);
        assert!(page.push(hash(1), &"a"));
        assert!(page.push(hash(2), &"b"));
        assert!(!page.push(hash(3), &"c"));
        let uri: Uri = "/v1/databases/x/events?gt=zdpu1&amount=7&after=old".parse().unwrap();
        let response = page.into_response(&uri, &[("amount", "5".to_owned())]);
        let link = response.headers()[header::LINK].to_str().unwrap().to_owned();
        assert_eq!(
            link,
            format!("</v1/databases/x/events?gt=zdpu1&amount=5&after={}>; rel=\"next\"", hash(2))
        );
        assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), r#"["a","b"]"#);
    }

    #[tokio::test]
    async fn a_whole_page_names_none() {
        let mut page = Page::new(2);
        assert!(page.push(hash(1), &1));
        let response = page.into_response(&"/x".parse().unwrap(), &[]);
        assert!(!response.headers().contains_key(header::LINK));
        assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), "[1]");
    }

    #[test]
    fn bytes_bound_a_page_too_but_never_to_nothing() {
        let large = "x".repeat(MAX_PAGE_BYTES);
        let mut page = Page::new(usize::MAX);
        assert!(page.push(hash(1), &large));
        assert!(!page.push(hash(2), &1));
        assert_eq!(page.items, 1);
    }
}
