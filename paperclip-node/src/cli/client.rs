//! A client of a node's HTTP API, as small as the command line needs.

use crate::{
    api::{REQUEST_TIMEOUT, SLOW_REQUEST_TIMEOUT, Token},
    identity::KeyFileError,
};
use oplog::json::read_nested;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value as Json;
use std::{io, path::PathBuf, time::Duration};
use ureq::{
    Agent, http,
    tls::{RootCerts, TlsConfig},
};

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
    /// What is there cannot prove that it is the host.
    #[error("cannot trust {base}: {reason}; name the authority that signed its certificate with --ca-file")]
    Untrusted {
        /// The API.
        base: String,
        /// Why.
        reason: String,
    },
    /// The API is not on HTTP.
    #[error("{0}: expected http://<host>:<port> or https://<host>")]
    Url(String),
    /// The node wants a token, and none was given.
    #[error("{0} asks for a token: name its file with --token-file or PAPERCLIP_TOKEN_FILE")]
    TokenWanted(String),
    /// The node wants another token.
    #[error("{0} does not take the token of --token-file; it takes the one in the node's api-token-file")]
    TokenRefused(String),
    /// The file of certificate authorities cannot be read.
    #[error("--ca-file: {}: {source}", path.display())]
    AuthorityFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of certificate authorities holds none, or something else.
    #[error("--ca-file: {}: expected certificates in PEM form", .0.display())]
    NoAuthority(PathBuf),
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

impl Client {
    /// `roots` are whom to trust for https; those that browsers trust if left out.
    pub(crate) fn new(
        api: &str,
        token: Option<&Token>,
        roots: Option<RootCerts>,
    ) -> Result<Self, ClientError> {
        let base = match api.split_once("://") {
            Some(("http" | "https", _)) => api.trim_end_matches('/').to_owned(),
            Some(_) => return Err(ClientError::Url(api.to_owned())),
            None => format!("http://{}", api.trim_end_matches('/')),
        };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .proxy(None)
            .tls_config(TlsConfig::builder().root_certs(roots.unwrap_or(RootCerts::WebPki)).build())
            .build();
        Ok(Self { agent: agent.into(), base, authorization: token.map(Token::as_header) })
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.request("GET", path, None, ANSWER_TIMEOUT)
    }

    pub(crate) fn post(&self, path: &str, body: &Json) -> Result<Json, ClientError> {
        self.post_text(path, &body.to_string())
    }

    /// Asks for a page of a listing by a document that says which.
    pub(crate) fn post_page(&self, path: &str, body: &Json) -> Result<Answer, ClientError> {
        self.request("POST", path, Some(&body.to_string()), ANSWER_TIMEOUT)
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

    pub(crate) fn patch(&self, path: &str, body: &Json) -> Result<Json, ClientError> {
        Ok(self.request("PATCH", path, Some(&body.to_string()), ANSWER_TIMEOUT)?.json)
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
        let mut response = response.map_err(|error| self.failure(&error))?;
        let next = response.headers().get("link").and_then(|link| next_of(link.to_str().ok()?));
        let text = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        let text = text.map_err(|error| self.failure(&error))?;
        if !response.status().is_success() {
            return Err(self.refusal(response.status(), &text));
        }
        let json =
            if text.is_empty() { Ok(Json::Null) } else { read_nested(text.as_bytes(), MAX_ANSWER_DEPTH) };
        let json = json
            .map_err(|error| ClientError::NotANode { base: self.base.clone(), reason: error.to_string() })?;
        Ok(Answer { json, next })
    }

    /// What went wrong, without the library's words around it.
    fn failure(&self, error: &ureq::Error) -> ClientError {
        let base = self.base.clone();
        match error {
            ureq::Error::Io(error) if is_untrusted(error) => {
                ClientError::Untrusted { base, reason: error.to_string() }
            }
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                ClientError::Unreachable { base, reason: "connection refused".to_owned() }
            }
            ureq::Error::Io(error) => ClientError::Unreachable { base, reason: error.to_string() },
            other => ClientError::Unreachable { base, reason: other.to_string() },
        }
    }

    fn refusal(&self, status: http::StatusCode, text: &str) -> ClientError {
        match (status, &self.authorization) {
            (http::StatusCode::UNAUTHORIZED, None) => ClientError::TokenWanted(self.base.clone()),
            (http::StatusCode::UNAUTHORIZED, Some(_)) => ClientError::TokenRefused(self.base.clone()),
            _ => ClientError::Refused(self.problem(status, text)),
        }
    }

    fn problem(&self, status: http::StatusCode, text: &str) -> String {
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

/// Whether an error is the verdict on a certificate.
fn is_untrusted(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
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
        for (api, base) in [
            ("127.0.0.1:1", "http://127.0.0.1:1"),
            ("http://h:1/", "http://h:1"),
            ("https://h/p", "https://h/p"),
        ] {
            assert_eq!(Client::new(api, None, None).unwrap().base, base);
        }
        assert!(matches!(Client::new("ftp://h", None, None), Err(ClientError::Url(_))));
    }

    #[test]
    fn nobody_there_is_told_with_what_to_do() {
        // Port 1 of loopback is nobody's on a machine that runs tests.
        let error = Client::new("http://127.0.0.1:1", None, None).unwrap().get("/v1/status").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot reach http://127.0.0.1:1: connection refused; is `paperclip-node run` running there?"
        );
    }
}
