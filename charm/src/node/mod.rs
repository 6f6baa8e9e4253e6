//! The node on this machine, through its API.

mod report;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use paperclip_client::shape::{self, Connect, Status};
use paperclip_client::{Client, ClientError, Reply, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use report::{NodeReport, Peer};

/// How long one request may take, unless an action says otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the node is given to reach a peer. It goes on trying by itself.
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);
/// How often the node is asked whether it is ready while a hook waits for it.
const READY_INTERVAL: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub struct NodeApi(Client);

impl NodeApi {
    /// The API of a node that listens here. The unspecified address is asked through loopback.
    #[must_use]
    pub fn new(address: SocketAddr, token: Option<&str>) -> Self {
        Self(Client::local(address).with_token(token))
    }

    /// What the charm needs to know. None when the node does not answer.
    #[must_use]
    pub fn report(&self) -> Option<NodeReport> {
        let status: Status = self.get("/v1/status").ok()?;
        let peers: Vec<shape::Peer> = self.get("/v1/peers").ok()?;
        Some(NodeReport::of(status, peers))
    }

    /// Whether the node serves.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.answers("/readyz")
    }

    /// Waits until the node serves, for at most so long. Gives whether it does.
    #[must_use]
    pub fn wait_ready(&self, limit: Duration) -> bool {
        self.wait("/readyz", limit)
    }

    /// Waits until the node answers at all, for at most so long. Gives whether it does.
    #[must_use]
    pub fn wait_alive(&self, limit: Duration) -> bool {
        self.wait("/healthz", limit)
    }

    fn answers(&self, path: &str) -> bool {
        self.request(&Request::new("GET", path).within(REQUEST_TIMEOUT)).is_ok()
    }

    fn wait(&self, path: &str, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if self.answers(path) {
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
    /// [`ClientError`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.request(&Request::new("GET", path).within(REQUEST_TIMEOUT))?.read()
    }

    /// Posts a document and gives the answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        document: &impl Serialize,
        limit: Duration,
    ) -> Result<T, ClientError> {
        let body = Request::json(document);
        self.request(&Request::new("POST", path).with(&body).within(limit))?.read()
    }

    /// Deletes what the path names.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.request(&Request::new("DELETE", path).within(REQUEST_TIMEOUT)).map(drop)
    }

    /// Has the node dial a peer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn connect(&self, address: &str) -> Result<(), ClientError> {
        let body = Request::json(&Connect { addr: address.to_owned() });
        self.request(&Request::new("POST", "/v1/peers").with(&body).within(DIAL_TIMEOUT)).map(drop)
    }

    fn request(&self, request: &Request<'_>) -> Result<Reply, ClientError> {
        self.0.send(request)?.accepted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_there_is_no_report() {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let api = NodeApi::new(address, None);
        assert!(api.report().is_none());
        assert!(!api.ready());
    }
}
