//! Requests and replies, and the paths that they are about.

use super::{
    error::{ClientError, UNAUTHORIZED},
    limits::{ANSWER_TIMEOUT, MAX_ANSWER_DEPTH},
};
use crate::problem::Problem;
use oplog::json::read_nested;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;
use std::time::Duration;

/// What a path segment may hold as it is (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// `GET` and so on.
    pub method: &'a str,
    /// The path, percent-encoded, with its query.
    pub path: &'a str,
    /// Further fields of the head.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, if there is one.
    pub body: Option<&'a [u8]>,
    /// How long the answer may take.
    pub within: Duration,
}

/// The field that says that a body is JSON.
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

impl<'a> Request<'a> {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &'a str, path: &'a str) -> Self {
        Self { method, path, headers: &[], body: None, within: ANSWER_TIMEOUT }
    }

    /// A shape as a body. Shapes hold nothing that JSON has no words for.
    #[must_use]
    pub fn json(shape: &impl Serialize) -> String {
        serde_json::to_string(shape).unwrap_or_default()
    }

    /// The request with a JSON body.
    #[must_use]
    pub fn with(self, body: &'a str) -> Self {
        Self { headers: JSON, body: Some(body.as_bytes()), ..self }
    }

    /// The request with another time for its answer.
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) base: String,
    pub(super) sent_token: bool,
    /// HTTP status.
    pub status: u16,
    /// The content type, without parameters.
    pub content_type: String,
    /// The path of the next page of a listing.
    pub next: Option<String>,
    /// The body.
    pub body: String,
}

impl Reply {
    /// The answer, unless it is a refusal.
    ///
    /// # Errors
    /// The status is not 2xx.
    pub fn accepted(self) -> Result<Self, ClientError> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        if self.status == UNAUTHORIZED {
            return Err(ClientError::Unauthorized { base: self.base, sent: self.sent_token });
        }
        Err(match serde_json::from_str::<Problem>(&self.body) {
            Ok(problem) => ClientError::Refused(Box::new(problem)),
            Err(_) => ClientError::Status { base: self.base, status: self.status },
        })
    }

    /// The body as `T`; null when there is none.
    ///
    /// # Errors
    /// It is something else.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        let body = if self.body.is_empty() { "null" } else { &self.body };
        read_nested(body.as_bytes(), MAX_ANSWER_DEPTH)
            .map_err(|error| ClientError::NotANode { base: self.base.clone(), reason: error.to_string() })
    }

    /// The body as JSON, however deep it nests.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Json, ClientError> {
        self.read()
    }
}

/// The path of a database's resource; every segment is encoded.
#[must_use]
pub fn db_path(db: &str, rest: &[&str]) -> String {
    let segments = ["v1", "databases", db].into_iter().chain(rest.iter().copied());
    segments.map(|segment| format!("/{}", encoded(segment))).collect()
}

/// A text as a segment of a path or a value of a query.
#[must_use]
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The path of the next page in a `Link` header.
pub(super) fn next_of(link: &str) -> Option<String> {
    let (path, rest) = link.strip_prefix('<')?.split_once('>')?;
    rest.contains("rel=\"next\"").then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_hold_any_name() {
        assert_eq!(
            db_path("/orbitdb/zdpu1", &["kv", "a b/ü%?#"]),
            "/v1/databases/%2Forbitdb%2Fzdpu1/kv/a%20b%2F%C3%BC%25%3F%23"
        );
    }

    #[test]
    fn the_next_page_is_found_in_its_header() {
        assert_eq!(next_of("</v1/x?after=1>; rel=\"next\""), Some("/v1/x?after=1".to_owned()));
        assert_eq!(next_of("</v1/x>; rel=\"prev\""), None);
        assert_eq!(next_of("nonsense"), None);
    }

    #[test]
    fn a_refusal_is_told_in_the_nodes_words_or_by_its_status() {
        let reply = |body: &str| Reply {
            base: "http://h".into(),
            sent_token: false,
            status: 404,
            content_type: String::new(),
            next: None,
            body: body.into(),
        };
        let said =
            r##"{"type":"x#unknown-key","title":"No such key","status":404,"detail":"nothing under a"}"##;
        let error = reply(said).accepted().unwrap_err();
        assert_eq!((error.to_string().as_str(), error.status()), ("No such key: nothing under a", Some(404)));
        assert_eq!(reply("<html>").accepted().unwrap_err().to_string(), "http://h answers 404");
        let error = Reply { status: 401, ..reply(said) }.accepted().unwrap_err();
        assert_eq!(error.to_string(), "http://h asks for a token");
    }
}
