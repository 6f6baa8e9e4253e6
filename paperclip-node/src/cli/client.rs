//! A client of a node's HTTP API, as small as the command line needs.

use crate::{
    api::{REQUEST_TIMEOUT, SLOW_REQUEST_TIMEOUT, Token},
    identity::{KeyFileError, read_secret},
};
use clap::Args;
use oplog::json::read_nested;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value as Json;
use std::{path::PathBuf, time::Duration};
use ureq::{Agent, http};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer may take: a little longer than the node takes to give up.
const ANSWER_TIMEOUT: Duration = REQUEST_TIMEOUT.saturating_add(Duration::from_secs(10));

/// The same for a resync or a verification.
const SLOW_ANSWER_TIMEOUT: Duration = SLOW_REQUEST_TIMEOUT.saturating_add(Duration::from_secs(10));

/// The largest answer taken, in bytes: several times the node's largest page.
const MAX_ANSWER_BYTES: u64 = 256 << 20;

/// How deep an answer may nest: values as deep as a block may hold them, with what listings and notation put around.
const MAX_ANSWER_DEPTH: usize = 4 * oplog::cbor::MAX_DEPTH;

/// What a path segment may hold as it is (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Which node to talk to, and how to print what it says.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClientArgs {
    /// The node's API
    #[arg(long, value_name = "URL", env = "PAPERCLIP_API", default_value = "http://127.0.0.1:4748")]
    pub(crate) api: String,
    /// A file that only its owner can read, holding the API's token
    #[arg(long, value_name = "FILE", env = "PAPERCLIP_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print one JSON document per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Why there is no answer, or none that was hoped for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers.
    #[error("cannot reach {base}: {reason}; is `paperclip-node run` running there?")]
    Unreachable {
        /// The API.
        base: String,
        /// Why.
        reason: String,
    },
    /// The API is not on HTTP.
    #[error("{0}: expected http://<host>:<port>; put a proxy that ends TLS in front of it for https")]
    Url(String),
    /// The token's file cannot be used.
    #[error("--token-file: {0}")]
    TokenFile(#[from] KeyFileError),
    /// The token's file holds none.
    #[error("--token-file: {0} holds no token")]
    NoToken(String),
    /// The node refused or failed.
    #[error("{0}")]
    Refused(String),
    /// The answer is not what this version of the API gives.
    #[error("{base} does not answer like a PaperClip node: {reason}")]
    NotANode {
        /// The API.
        base: String,
        /// What was wrong.
        reason: String,
    },
}

/// What problem details say, as far as people are told.
#[derive(Deserialize)]
struct Problem {
    title: String,
    detail: Option<String>,
    addresses: Option<Vec<String>>,
}

/// A node's API. Connections are kept for the next request.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    authorization: Option<String>,
}

/// An answer: its document and where the listing goes on.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The document.
    pub(crate) json: Json,
    /// The path of the next page.
    pub(crate) next: Option<String>,
}

impl ClientArgs {
    pub(crate) fn connect(&self) -> Result<Client, ClientError> {
        let token = match &self.token_file {
            Some(path) => Some(
                Token::new(&read_secret(path)?)
                    .ok_or_else(|| ClientError::NoToken(path.display().to_string()))?,
            ),
            None => None,
        };
        Client::new(&self.api, token.as_ref())
    }
}

impl Client {
    pub(crate) fn new(api: &str, token: Option<&Token>) -> Result<Self, ClientError> {
        let base = match api.split_once("://") {
            Some(("http", _)) => api.trim_end_matches('/').to_owned(),
            Some(_) => return Err(ClientError::Url(api.to_owned())),
            None => format!("http://{}", api.trim_end_matches('/')),
        };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .proxy(None)
            .build();
        Ok(Self { agent: agent.into(), base, authorization: token.map(Token::as_header) })
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.request("GET", path, None, ANSWER_TIMEOUT)
    }

    pub(crate) fn post(&self, path: &str, body: &Json) -> Result<Json, ClientError> {
        self.post_text(path, &body.to_string())
    }

    /// Asks for something that may take minutes.
    pub(crate) fn post_slow(&self, path: &str, body: &Json) -> Result<Json, ClientError> {
        Ok(self.request("POST", path, Some(&body.to_string()), SLOW_ANSWER_TIMEOUT)?.json)
    }

    /// Sends JSON as it was typed, so that no digit of it is lost on the way.
    pub(crate) fn post_text(&self, path: &str, body: &str) -> Result<Json, ClientError> {
        Ok(self.request("POST", path, Some(body), ANSWER_TIMEOUT)?.json)
    }

    pub(crate) fn put_text(&self, path: &str, body: &str) -> Result<Json, ClientError> {
        Ok(self.request("PUT", path, Some(body), ANSWER_TIMEOUT)?.json)
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Json, ClientError> {
        Ok(self.request("DELETE", path, None, ANSWER_TIMEOUT)?.json)
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
        timeout: Duration,
    ) -> Result<Answer, ClientError> {
        let bad_url = |_| ClientError::Url(self.base.clone());
        let unreachable = |error: ureq::Error| ClientError::Unreachable {
            base: self.base.clone(),
            reason: plain_reason(&error),
        };
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let response = match body {
            Some(body) => {
                let request =
                    request.header("content-type", "application/json").body(body).map_err(bad_url)?;
                self.agent.run(self.agent.configure_request(request).timeout_global(Some(timeout)).build())
            }
            None => {
                let request = request.body(()).map_err(bad_url)?;
                self.agent.run(self.agent.configure_request(request).timeout_global(Some(timeout)).build())
            }
        };
        let mut response = response.map_err(unreachable)?;
        let next = response.headers().get("link").and_then(|link| next_of(link.to_str().ok()?));
        let text = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        let text = text.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(ClientError::Refused(self.refusal(response.status(), &text)));
        }
        let json =
            if text.is_empty() { Ok(Json::Null) } else { read_nested(text.as_bytes(), MAX_ANSWER_DEPTH) };
        let json = json
            .map_err(|error| ClientError::NotANode { base: self.base.clone(), reason: error.to_string() })?;
        Ok(Answer { json, next })
    }

    fn refusal(&self, status: http::StatusCode, text: &str) -> String {
        let Ok(problem) = serde_json::from_str::<Problem>(text) else {
            return format!("{} answers {status}", self.base);
        };
        let told = match problem.detail {
            Some(detail) => format!("{}: {detail}", problem.title),
            None => problem.title,
        };
        match problem.addresses {
            Some(addresses) => format!("{told}: {}", addresses.join(", ")),
            None => told,
        }
    }
}

/// The path of a database's resource; every segment is encoded.
pub(crate) fn db_path(db: &str, rest: &[&str]) -> String {
    let segments = ["v1", "databases", db].into_iter().chain(rest.iter().copied());
    segments.map(|segment| format!("/{}", utf8_percent_encode(segment, SEGMENT))).collect()
}

fn next_of(link: &str) -> Option<String> {
    let (path, rest) = link.strip_prefix('<')?.split_once('>')?;
    rest.contains("rel=\"next\"").then(|| path.to_owned())
}

/// What went wrong, without the library's words around it.
fn plain_reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            _ => error.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_hold_any_name() {
        assert_eq!(
            db_path("/orbitdb/zdpu1", &["kv", "a b/ü%"]),
            "/v1/databases/%2Forbitdb%2Fzdpu1/kv/a%20b%2F%C3%BC%25"
        );
    }

    #[test]
    fn the_next_page_is_found_in_its_header() {
        assert_eq!(next_of("</v1/x?after=1>; rel=\"next\""), Some("/v1/x?after=1".to_owned()));
        assert_eq!(next_of("</v1/x>; rel=\"prev\""), None);
        assert_eq!(next_of("nonsense"), None);
    }

    #[test]
    fn an_address_without_scheme_is_meant_as_http_and_others_are_refused() {
        assert_eq!(Client::new("127.0.0.1:1", None).unwrap().base, "http://127.0.0.1:1");
        assert_eq!(Client::new("http://h:1/", None).unwrap().base, "http://h:1");
        assert!(matches!(Client::new("https://h", None), Err(ClientError::Url(_))));
    }

    #[test]
    fn nobody_there_is_told_with_what_to_do() {
        // Port 1 of loopback is nobody's on a machine that runs tests.
        let error = Client::new("http://127.0.0.1:1", None).unwrap().get("/v1/status").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot reach http://127.0.0.1:1: connection refused; is `paperclip-node run` running there?"
        );
    }
}
