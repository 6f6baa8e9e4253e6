//! A client of a node's API: blocking, one request after the other, connections kept for the next.

mod error;
mod limits;
mod message;
mod transfer;

pub use error::ClientError;
pub use limits::{
    ANSWER_TIMEOUT, CONNECT_TIMEOUT, MAX_ANSWER_BYTES, MAX_ANSWER_DEPTH, MAX_IDLE_CONNECTIONS,
    REQUEST_TIMEOUT, RESTORE_TIMEOUT, SLOW_ANSWER_TIMEOUT, SLOW_REQUEST_TIMEOUT,
};
pub use message::{Reply, Request, db_path, encoded};
/// Certificates of authorities, for https.
#[cfg(feature = "tls")]
pub use ureq::tls;

use serde::Serialize;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use ureq::{Agent, BodyReader, http};

/// A node's API. Cheap to clone; connections are kept and shared.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    authorization: Option<String>,
}

impl Client {
    /// The API at a URL. One without a scheme is meant as `http`.
    ///
    /// # Errors
    /// [`ClientError::Url`].
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::built(url, |config| config)
    }

    /// The same, trusting only these authorities for https, or those that browsers trust.
    ///
    /// # Errors
    /// [`ClientError::Url`].
    #[cfg(feature = "tls")]
    pub fn trusting(url: &str, roots: Option<ureq::tls::RootCerts>) -> Result<Self, ClientError> {
        use ureq::tls::{RootCerts, TlsConfig};
        let tls = TlsConfig::builder().root_certs(roots.unwrap_or(RootCerts::WebPki)).build();
        Self::built(url, |config| config.tls_config(tls))
    }

    /// The API of a node on this machine. The unspecified address is asked through loopback.
    #[must_use]
    pub fn local(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            other => other,
        };
        let base = format!("http://{}", SocketAddr::new(ip, address.port()));
        Self { agent: agent(|config| config), base, authorization: None }
    }

    fn built(url: &str, configure: impl FnOnce(Configuring) -> Configuring) -> Result<Self, ClientError> {
        let base = match url.split_once("://") {
            Some(("http" | "https", _)) => url.trim_end_matches('/').to_owned(),
            Some(_) => return Err(ClientError::Url(url.to_owned())),
            None => format!("http://{}", url.trim_end_matches('/')),
        };
        Ok(Self { agent: agent(configure), base, authorization: None })
    }

    /// The client with a bearer token, or without one.
    #[must_use]
    pub fn with_token(self, token: Option<&str>) -> Self {
        Self { authorization: token.map(|token| format!("Bearer {token}")), ..self }
    }

    /// The API's URL, without a slash at its end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request and takes whatever status comes.
    ///
    /// # Errors
    /// There is no answer.
    pub fn send(&self, request: &Request<'_>) -> Result<Reply, ClientError> {
        let response = self.run(request, Some(request.within))?;
        self.reply(response)
    }

    /// Opens a stream of server-sent events, which has no end of its own.
    ///
    /// # Errors
    /// There is no answer, or a refusal.
    pub fn stream(&self, path: &str) -> Result<BodyReader<'static>, ClientError> {
        let response = self.run(&Request::new("GET", path), None)?;
        let status = response.status().as_u16();
        if status != http::StatusCode::OK {
            return Err(ClientError::Status { base: self.base.clone(), status });
        }
        Ok(response.into_body().into_with_config().limit(u64::MAX).reader())
    }

    /// Asks for a document.
    ///
    /// # Errors
    /// There is no answer, or a refusal; the same below.
    pub fn get(&self, path: &str) -> Result<Reply, ClientError> {
        self.send(&Request::new("GET", path))?.accepted()
    }

    /// Posts a document.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn post(&self, path: &str, body: &impl Serialize) -> Result<Reply, ClientError> {
        self.send(&Request::new("POST", path).with(&Request::json(body)))?.accepted()
    }

    /// Posts a document, with an answer that may take minutes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn post_slow(&self, path: &str, body: &impl Serialize) -> Result<Reply, ClientError> {
        self.send(&Request::new("POST", path).with(&Request::json(body)).within(SLOW_ANSWER_TIMEOUT))?
            .accepted()
    }

    /// Changes what the path names.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn patch(&self, path: &str, body: &impl Serialize) -> Result<Reply, ClientError> {
        self.send(&Request::new("PATCH", path).with(&Request::json(body)))?.accepted()
    }

    /// Deletes what the path names.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn delete(&self, path: &str) -> Result<Reply, ClientError> {
        self.send(&Request::new("DELETE", path))?.accepted()
    }

    fn run(
        &self,
        request: &Request<'_>,
        within: Option<Duration>,
    ) -> Result<http::Response<ureq::Body>, ClientError> {
        let bad_url = |_| ClientError::Url(self.base.clone());
        let mut head =
            http::Request::builder().method(request.method).uri(format!("{}{}", self.base, request.path));
        if let Some(authorization) = &self.authorization {
            head = head.header("authorization", authorization);
        }
        for (name, value) in request.headers {
            head = head.header(*name, *value);
        }
        // A request without a body has no content length either.
        let response = match request.body {
            Some(body) => {
                let request = head.body(body).map_err(bad_url)?;
                self.agent.run(self.agent.configure_request(request).timeout_global(within).build())
            }
            None => {
                let request = head.body(()).map_err(bad_url)?;
                self.agent.run(self.agent.configure_request(request).timeout_global(within).build())
            }
        };
        response.map_err(|error| self.failure(&error))
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
}

type Configuring = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

fn agent(configure: impl FnOnce(Configuring) -> Configuring) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .max_idle_connections_per_host(MAX_IDLE_CONNECTIONS)
        .proxy(None);
    configure(config).build().into()
}

/// Whether an error is the verdict on a certificate.
#[cfg(feature = "tls")]
fn is_untrusted(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(not(feature = "tls"))]
fn is_untrusted(_: &io::Error) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_scheme_is_meant_as_http_and_others_are_refused() {
        for (url, base) in [
            ("127.0.0.1:1", "http://127.0.0.1:1"),
            ("http://h:1/", "http://h:1"),
            ("https://h/p", "https://h/p"),
        ] {
            assert_eq!(Client::new(url).unwrap().base(), base);
        }
        assert!(matches!(Client::new("ftp://h"), Err(ClientError::Url(_))));
        assert_eq!(Client::local("0.0.0.0:4748".parse().unwrap()).base(), "http://127.0.0.1:4748");
        assert_eq!(Client::local("[::]:4748".parse().unwrap()).base(), "http://[::1]:4748");
    }

    #[test]
    fn nobody_there_is_told_with_what_to_do() {
        // Port 1 of loopback is nobody's on a machine that runs tests.
        let error = Client::new("http://127.0.0.1:1").unwrap().get("/v1/status").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot reach http://127.0.0.1:1: connection refused; is `paperclip-node run` running there?"
        );
        assert_eq!(error.status(), None);
    }
}
