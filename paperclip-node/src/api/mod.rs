//! The HTTP API: JSON over HTTP/1.1, as `docs/reference/http-api.md` and `/openapi.json` describe it.
//!
//! | file | concept |
//! | --- | --- |
//! | `server` | connections: accepted, bounded, ended gracefully |
//! | `guard`, `token` | who may talk to the node |
//! | `routes` | which path leads where |
//! | `admit` | what every request passes: the guard, a time limit, the metrics |
//! | `limits` | what clients may take at most |
//! | `monitoring` | listeners that answer what monitoring asks, and nothing else |
//! | `framing`, `target` | heads of requests that are refused for their form |
//! | `places` | which connections are kept |
//! | `body` | bodies, read within bounds |
//! | `conditional` | `If-Match`, `If-None-Match` |
//! | `extract` | requests parsed at the border |
//! | `page` | long listings in bounded pages |
//! | `filter`, `sort` | which documents a query takes, in which order |
//! | `shape` | what the node's types look like in JSON |
//! | `problem` | everything that can go wrong, as problem details |
//! | `handlers` | the routes |

mod admit;
mod body;
mod conditional;
mod extract;
mod filter;
mod framing;
mod guard;
mod handlers;
mod limits;
mod monitoring;
mod openapi;
mod page;
mod places;
mod problem;
mod routes;
mod server;
mod shape;
mod sort;
mod target;
mod token;
mod unread;

pub use guard::{Guard, OPEN_PATHS};
pub use limits::{Limits, MAX_CONNECTIONS, MAX_RESERVED_CONNECTIONS};
pub use monitoring::{MAX_MONITORING_CONNECTIONS, Monitoring};
pub use page::MAX_PAGE_BYTES;
pub use problem::{Kind, Problem};
pub use server::{BindError, Server};
pub use token::{Token, TokenError};

use crate::{
    metrics::{ApiRefusal, Metrics},
    node::Node,
};
use body::BodyMemory;
use oplog::reading::View;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

/// The last part of the path that serves a layout.
pub(crate) const fn resource(view: View) -> &'static str {
    match view {
        View::Values => "events",
        View::Keys => "kv",
        View::Documents => "docs",
    }
}

/// Resyncs and verifications under way at once. More of them are refused.
pub const MAX_SLOW_REQUESTS: usize = 8;

/// Pages and queries being put together at once, each on a thread of its own. More of them wait their turn.
pub const MAX_SCANS: usize = 8;

/// Open streams of changes.
pub const MAX_CHANGE_STREAMS: usize = 128;

/// Backups being written at once. More of them are refused.
pub const MAX_BACKUPS: usize = 1;

/// Restores under way at once. More of them are refused.
pub const MAX_RESTORES: usize = 1;

/// What bodies may be larger than the largest entry by: bytes grow by a third as base64, JSON adds names and quotes.
const BODY_SLACK: usize = 64 * 1024;

/// What handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    node: Node,
    metrics: Arc<Metrics>,
    guard: Guard,
    body_limit: usize,
    limits: Limits,
    body_memory: BodyMemory,
    slow: Semaphore,
    scans: Semaphore,
    streams: Arc<Semaphore>,
    backups: Arc<Semaphore>,
    restores: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Api {
    /// The API of a node. `max_entry_bytes` bounds bodies; `stop` ends streams of changes.
    pub fn new(
        node: Node,
        metrics: Arc<Metrics>,
        guard: Guard,
        max_entry_bytes: usize,
        limits: Limits,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            node,
            metrics,
            guard,
            body_limit: (max_entry_bytes + max_entry_bytes / 3 + BODY_SLACK).next_multiple_of(BODY_SLACK),
            body_memory: BodyMemory::new(limits.body_memory_kib),
            limits,
            slow: Semaphore::new(MAX_SLOW_REQUESTS),
            scans: Semaphore::new(MAX_SCANS),
            streams: Arc::new(Semaphore::new(MAX_CHANGE_STREAMS)),
            backups: Arc::new(Semaphore::new(MAX_BACKUPS)),
            restores: Arc::new(Semaphore::new(MAX_RESTORES)),
            stop,
        }))
    }

    fn node(&self) -> &Node {
        &self.0.node
    }

    fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// The largest body, in bytes.
    fn body_limit(&self) -> usize {
        self.0.body_limit
    }

    /// The API's end.
    fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }

    fn body_memory(&self) -> &BodyMemory {
        &self.0.body_memory
    }

    /// A place for one more request that may take minutes.
    fn slow_place(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.0.slow.try_acquire().map_err(|_| {
            self.metrics().api_refused(ApiRefusal::Busy);
            Problem::new(Kind::Busy, format!("{MAX_SLOW_REQUESTS} resyncs and verifications are under way"))
        })
    }

    /// The place of the one backup that is written.
    fn backup_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.single(&self.0.backups, "another backup is being written")
    }

    /// The place of the one restore under way.
    fn restore_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.single(&self.0.restores, "another restore is under way")
    }

    fn single(&self, places: &Arc<Semaphore>, told: &str) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(places).try_acquire_owned().map_err(|_| {
            self.metrics().api_refused(ApiRefusal::Busy);
            Problem::new(Kind::Busy, told)
        })
    }

    fn shared_metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.0.metrics)
    }

    /// A turn to put a page together.
    async fn scan_turn(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.0.scans.acquire().await.map_err(|_| shutting_down())
    }

    /// A place for one more stream of changes.
    fn stream_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.0.streams).try_acquire_owned().map_err(|_| {
            self.metrics().api_refused(ApiRefusal::Streams);
            Problem::new(Kind::Busy, format!("{MAX_CHANGE_STREAMS} streams of changes are open"))
        })
    }
}

fn shutting_down() -> Problem {
    Problem::new(Kind::ShuttingDown, "ask again when the node is back")
}
