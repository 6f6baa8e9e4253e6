//! Connections to the API: accepted, bounded, ended gracefully.

use super::{Api, routes};
use crate::metrics::ApiRefusal;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections open at once. Further ones are closed at once and counted. With as many descriptors for peers and files, a
/// process stays below the 1,024 that it commonly may have.
pub const MAX_CONNECTIONS: usize = 256;

/// How long a client may take to send the head of a request; also how long a connection may stay idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a client may leave an answer unread before its connection, with what is held for it, is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// The most header fields of a request.
const MAX_HEADERS: usize = 64;

/// The most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long the listener rests after an error such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The API's address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("api: cannot listen on {address}: {source}{}", hint(source))]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; does another node run here? Choose another port with --api",
        _ => "",
    }
}

/// A bound listener.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// Takes the port, without answering on it yet.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let listener = TcpListener::bind(address).await.map_err(|source| BindError { address, source })?;
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
        let connections = Connections {
            places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            open: TaskTracker::new(),
            service: routes::service(api.clone()),
            api,
        };
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => connections.take(stream),
                    Err(error) => {
                        tracing::warn!(%error, "api: cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = connections.api.stop().cancelled() => break,
            }
        }
        drop(self.listener);
        connections.open.close();
        connections.open.wait().await;
    }
}

struct Connections {
    places: Arc<Semaphore>,
    open: TaskTracker,
    service: axum::Router,
    api: Api,
}

impl Connections {
    fn take(&self, stream: TcpStream) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.api.metrics().api_refused(ApiRefusal::Connections);
            return;
        };
        // Answers are small and waited for; the worst that a failure does is to delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "api: TCP_NODELAY");
        }
        let (api, service) = (self.api.clone(), self.service.clone());
        let stop = api.stop().clone();
        self.open.spawn(async move {
            let connections = api.metrics().api_connections();
            connections.inc();
            serve_one(stream, service, stop, place).await;
            connections.dec();
        });
    }
}

async fn serve_one(
    stream: TcpStream,
    service: axum::Router,
    stop: CancellationToken,
    place: OwnedSemaphorePermit,
) {
    let service = TowerToHyperService::new(service);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients that go away in the middle of something are no fault of the node.
        tracing::debug!(%error, "api: connection");
    }
    drop(place);
}
