//! Connections to the API: accepted, bounded, ended gracefully.

use super::{
    Api, Limits, OPEN_PATHS,
    admit::Scope,
    framing::LengthFields,
    places::{Place, Places},
    problem::{Kind, Problem},
    routes,
    unread::Unread,
};
use crate::metrics::ApiRefusal;
use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::FutureExt as _;
use hyper::{
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::Interval,
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{io::InspectReader, sync::CancellationToken, task::TaskTracker};

/// How long a client may leave an answer unread before its connection, with what is held for it, is given up. It loses its
/// place to others long before, if there is no other.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// The most header fields of a request.
const MAX_HEADERS: usize = 64;

/// The most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How often the server looks for connections whose clients took too long.
const EXPIRY_TICK: Duration = Duration::from_secs(1);

/// How long the listener rests after an error such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: cannot listen on {address}: {source}{}", self.hint())]
pub struct BindError {
    /// The setting that names it.
    pub setting: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

impl BindError {
    fn hint(&self) -> String {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                format!("; does another node run here? Choose another port with --{}", self.setting)
            }
            _ => String::new(),
        }
    }
}

/// A bound listener.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// Takes the API's port, without answering on it yet.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        Self::bind_for("api", address).await
    }

    /// The same for the address of this setting.
    pub(super) async fn bind_for(setting: &'static str, address: SocketAddr) -> Result<Self, BindError> {
        let listener =
            TcpListener::bind(address).await.map_err(|source| BindError { setting, address, source })?;
        Ok(Self { listener })
    }

    /// The address, with the port that was chosen if none was asked for.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the API's `stop` is cancelled; then takes no more requests and returns when those under way have been
    /// answered. The caller bounds that wait.
    pub async fn serve(self, api: Api) {
        let connections =
            Connections::new(api.clone(), Scope::Whole, api.limits().clone(), api.stop().clone());
        self.accept(&connections).await;
        connections.end().await;
    }

    /// Takes connections until they are to stop. The port is free when this returns.
    pub(super) async fn accept(self, connections: &Connections) {
        let mut ticks = connections.ticks();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => connections.take(stream),
                    Err(error) => {
                        tracing::warn!(%error, "api: cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                _ = ticks.tick() => connections.places.expire(),
                () = connections.stop.cancelled() => break,
            }
        }
    }
}

/// The connections of one listener.
pub(super) struct Connections {
    places: Places,
    open: TaskTracker,
    router: axum::Router,
    api: Api,
    stop: CancellationToken,
    tick: Duration,
}

impl Connections {
    /// None yet. They end when `stop` is cancelled.
    pub(super) fn new(api: Api, scope: Scope, limits: Limits, stop: CancellationToken) -> Self {
        Self {
            tick: EXPIRY_TICK.min(limits.head / 4).min(limits.idle / 4),
            places: Places::new(limits, Arc::clone(&api.0.metrics)),
            open: TaskTracker::new(),
            router: routes::service(api.clone(), scope),
            api,
            stop,
        }
    }

    fn ticks(&self) -> Interval {
        tokio::time::interval(self.tick)
    }

    /// Waits until those that are open have ended.
    pub(super) async fn end(self) {
        let mut ticks = self.ticks();
        self.open.close();
        loop {
            tokio::select! {
                () = self.open.wait() => break,
                _ = ticks.tick() => self.places.close_waiting(),
            }
        }
    }

    fn take(&self, stream: TcpStream) {
        let Some(place) = self.places.take() else { return };
        // Answers are small and waited for; the worst that a failure does is to delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "api: TCP_NODELAY");
        }
        let (api, router, lengths) = (self.api.clone(), self.router.clone(), LengthFields::default());
        let requests = Requests { api, router, place, lengths };
        self.open.spawn(serve_one(stream, requests, self.stop.clone()));
    }
}

async fn serve_one(stream: TcpStream, requests: Requests, stop: CancellationToken) {
    let place = requests.place.clone();
    let (reading, mut lengths) = (place.clone(), requests.lengths.counter());
    let inspected = InspectReader::new(stream, move |bytes: &[u8]| {
        reading.received();
        lengths.read(bytes);
    });
    let mut stream = TimeoutStream::new(Unread::new(inspected, place.clone()));
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let service = service_fn(move |request| requests.clone().answer(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Times are kept by the place of the connection.
        .header_read_timeout(None)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = pin!(connection);
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            () = place.closed().cancelled() => {
                // What has been answered may still be on its way out; there is no time for more.
                connection.as_mut().graceful_shutdown();
                break connection.now_or_never().unwrap_or(Ok(()));
            }
            () = stop.cancelled(), if !stopping => {
                connection.as_mut().graceful_shutdown();
                stopping = true;
            }
        }
    };
    if let Err(error) = ended {
        // Clients that go away in the middle of something are no fault of the node.
        tracing::debug!(%error, "api: connection");
    }
}

/// What answers the requests of one connection.
#[derive(Clone)]
struct Requests {
    api: Api,
    router: axum::Router,
    place: Place,
    lengths: LengthFields,
}

impl Requests {
    async fn answer(self, mut request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
        if !self.place.begin() {
            // The connection is being closed: who asked on it is not answered, and nothing is done.
            return std::future::pending().await;
        }
        let response = match self.refusal(&request) {
            Some(problem) => {
                let mut response = problem.into_response();
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                response
            }
            None => {
                request.extensions_mut().insert(self.place.clone());
                let mut response = TowerToHyperService::new(self.router).call(request).await?;
                if self.place.is_reserved() {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                response
            }
        };
        let place = self.place;
        Ok(response.map(|body| axum::body::Body::new(Answer { body, place })))
    }
}

impl Requests {
    /// Why a request is not looked at, if so. The connection is of no more use then.
    fn refusal(&self, request: &hyper::Request<Incoming>) -> Option<Problem> {
        let headers = request.headers();
        if headers.contains_key(header::CONTENT_LENGTH) {
            self.lengths.shown();
        }
        if headers.contains_key(header::TRANSFER_ENCODING) && self.lengths.hidden() {
            self.api.metrics().api_refused(ApiRefusal::Framing);
            let detail = "a request has a Content-Length or a Transfer-Encoding, not both";
            return Some(Problem::new(Kind::MalformedHead, detail));
        }
        if !self.place.is_reserved() || OPEN_PATHS.contains(&request.uri().path()) {
            return None;
        }
        self.api.metrics().api_refused(ApiRefusal::Connections);
        Some(Problem::new(Kind::Busy, "all connections are busy; only health and metrics are answered"))
    }
}

/// An answer's body. Once it has been handed over the connection waits for the client again.
struct Answer {
    body: axum::body::Body,
    place: Place,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.place.answered();
    }
}
