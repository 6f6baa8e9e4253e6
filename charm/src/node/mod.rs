//! The node's local HTTP API.

mod report;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use report::{Database, NodeReport, Peer};

/// How long one request may take, unless an action says otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the node is given to reach a peer. It goes on trying by itself.
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 8 << 20;
/// How often the node is asked whether it is ready while a hook waits for it.
const READY_INTERVAL: Duration = Duration::from_millis(100);

/// Why the node did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It cannot be reached, or did not answer in time.
    #[error("the node does not answer: {0}")]
    Unreachable(#[source] Box<ureq::Error>),
    /// It refused.
    #[error("{detail} (HTTP {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem document's words.
        detail: String,
    },
    /// Its answer is not what the API promises.
    #[error("the node's answer is not understood: {0}")]
    Answer(#[from] serde_json::Error),
}

/// A problem document (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

/// See the module.
#[derive(Debug)]
pub struct NodeApi {
    base: String,
    token: Option<String>,
    agent: ureq::Agent,
}

impl NodeApi {
    /// The API of a node that listens here. The unspecified address is asked through loopback.
    #[must_use]
    pub fn new(address: SocketAddr, token: Option<String>) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            other => other,
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(REQUEST_TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .new_agent();
        Self { base: format!("http://{}", SocketAddr::new(ip, address.port())), token, agent }
    }

    /// What the charm needs to know. None when the node does not answer.
    #[must_use]
    pub fn report(&self) -> Option<NodeReport> {
        report::read(self)
    }

    /// Whether the node serves.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.request("GET", "/readyz", None, REQUEST_TIMEOUT).is_ok()
    }

    /// Waits until the node serves, for at most so long. Gives whether it does.
    #[must_use]
    pub fn wait_ready(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if self.ready() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(READY_INTERVAL);
        }
    }

    /// Asks for a document.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, NodeError> {
        let body = self.request("GET", path, None, REQUEST_TIMEOUT)?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Posts a document and gives the answer; null when there is none.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn post(&self, path: &str, document: &Value, limit: Duration) -> Result<Value, NodeError> {
        let body = self.request("POST", path, Some(document), limit)?;
        if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&body)?) }
    }

    /// Deletes what the path names.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn delete(&self, path: &str) -> Result<(), NodeError> {
        self.request("DELETE", path, None, REQUEST_TIMEOUT).map(drop)
    }

    /// Has the node dial a peer.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn connect(&self, address: &str) -> Result<(), NodeError> {
        self.post("/v1/peers", &serde_json::json!({ "addr": address }), DIAL_TIMEOUT).map(drop)
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        document: Option<&Value>,
        limit: Duration,
    ) -> Result<Vec<u8>, NodeError> {
        let unreachable = |error: ureq::Error| NodeError::Unreachable(Box::new(error));
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = document.map(serde_json::to_vec).transpose()?;
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(body.unwrap_or_default()).map_err(|error| unreachable(error.into()))?;
        let request = self.agent.configure_request(request).timeout_global(Some(limit)).build();
        let mut response = self.agent.run(request).map_err(unreachable)?;
        let status = response.status();
        let answer =
            response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(unreachable)?;
        if status.is_success() {
            return Ok(answer);
        }
        Err(NodeError::Refused { status: status.as_u16(), detail: problem(&answer, status.as_str()) })
    }
}

/// The words of a problem document, or the status when it is none.
fn problem(answer: &[u8], status: &str) -> String {
    let said = serde_json::from_slice::<Problem>(answer)
        .ok()
        .and_then(|problem| [problem.detail, problem.title].into_iter().find(|text| !text.is_empty()));
    said.unwrap_or_else(|| format!("the node answered {status}"))
}

/// A part of a path: what could be taken for structure is escaped.
#[must_use]
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_address_is_one_segment() {
        assert_eq!(segment("/orbitdb/zdpuA"), "%2Forbitdb%2FzdpuA");
        assert_eq!(segment("héads?#"), "h%C3%A9ads%3F%23");
    }

    #[test]
    fn a_problem_is_told_in_its_own_words() {
        assert_eq!(problem(br#"{"title":"Not found","detail":"no database x"}"#, "404"), "no database x");
        assert_eq!(problem(b"<html>", "502"), "the node answered 502");
    }

    #[test]
    fn nobody_there_is_no_report() {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let api = NodeApi::new(address, None);
        assert!(api.report().is_none());
        assert!(!api.ready());
    }
}
