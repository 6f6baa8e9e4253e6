//! Requests of the S3 client, made with the HTTP client that the command line has already: no second one, and no second TLS.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
        HttpService,
    },
};
use paperclip_client::http::tls::{RootCerts, TlsConfig};
use std::{io::Read as _, time::Duration};
use tokio::{sync::mpsc, task::spawn_blocking};
use ureq::{Agent, Body, http};

/// How long a connection to S3 may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long S3 may take to answer, once everything was sent.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

/// Pieces of an answer that wait to be read.
const ANSWER_QUEUE: usize = 4;

/// Bytes of such a piece.
const PIECE_BYTES: usize = 64 << 10;

/// What makes the requests.
#[derive(Debug, Clone)]
pub(super) struct Connector(Agent);

impl Connector {
    /// Trusts only these authorities for https, or those that browsers trust.
    pub(super) fn new(roots: Option<RootCerts>) -> Self {
        let tls = TlsConfig::builder().root_certs(roots.unwrap_or(RootCerts::WebPki)).build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(tls)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(RESPONSE_TIMEOUT))
            .build();
        Self(config.into())
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let agent = self.0.clone();
        let answered = spawn_blocking(move || {
            // A request without a body has no length either.
            let bodiless = body.is_empty() && !matches!(parts.method.as_str(), "POST" | "PUT");
            if bodiless {
                agent.run(http::Request::from_parts(parts, ()))
            } else {
                agent.run(http::Request::from_parts(parts, &body[..]))
            }
        });
        let response = answered.await.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let (parts, body) = response.map_err(failed)?.into_parts();
        Ok(HttpResponse::from_parts(parts, streamed(body)))
    }
}

fn failed(error: ureq::Error) -> HttpError {
    let kind = match &error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => HttpErrorKind::Connect,
        ureq::Error::Io(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}

/// A body that a thread reads, as the client reads it.
fn streamed(body: Body) -> HttpResponseBody {
    let (sender, receiver) = mpsc::channel(ANSWER_QUEUE);
    spawn_blocking(move || {
        let mut reader = body.into_with_config().limit(u64::MAX).reader();
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let read = match reader.read(&mut piece) {
                Ok(0) => return,
                Ok(read) => {
                    piece.truncate(read);
                    Ok(Frame::data(Bytes::from(piece)))
                }
                Err(error) => Err(HttpError::new(HttpErrorKind::Interrupted, error)),
            };
            let last = read.is_err();
            if sender.blocking_send(read).is_err() || last {
                return; // nobody reads on
            }
        }
    });
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    HttpResponseBody::new(StreamBody::new(pieces))
}
