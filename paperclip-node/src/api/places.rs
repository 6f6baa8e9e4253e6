//! Places for connections: a bounded number, given to newcomers at the cost of those who keep the node waiting longest.
//!
//! Bounds per address would not do: behind a reverse proxy, and on loopback, all clients have one address.

use super::Limits;
use crate::metrics::{ApiRefusal, Metrics};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Whom a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The client: nothing came, or half the head of a request.
    Head,
    /// The client, which may ask again or not.
    Idle,
    /// The client: the body of a request has not come wholly.
    Body,
    /// The node: a request is being answered.
    Answer,
}

#[derive(Debug)]
struct Holder {
    reserved: bool,
    phase: Phase,
    since: Instant,
    /// Since when the client takes nothing of what is written to it.
    unread: Option<Instant>,
    closed: CancellationToken,
}

/// All places of a server.
#[derive(Clone)]
pub(super) struct Places(Arc<Inner>);

struct Inner {
    limits: Limits,
    metrics: Arc<Metrics>,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    holders: HashMap<u64, Holder>,
    /// The number of the next place.
    next: u64,
}

impl Places {
    pub(super) fn new(limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner { limits, metrics, table: Mutex::default() }))
    }

    /// A place for a new connection: a free one, one of a connection that keeps the node waiting, or a reserved one. `None`
    /// when all are taken by requests that are being answered.
    pub(super) fn take(&self) -> Option<Place> {
        let Inner { limits, metrics, .. } = &*self.0;
        let mut table = self.0.table();
        let reserved = !table.make_room(false, limits.connections, limits.grace, metrics);
        if reserved && !table.make_room(true, limits.reserved, limits.grace, metrics) {
            metrics.api_refused(ApiRefusal::Connections);
            return None;
        }
        let (id, closed) = (table.next, CancellationToken::new());
        table.next += 1;
        let holder = Holder {
            reserved,
            phase: Phase::Head,
            since: Instant::now(),
            unread: None,
            closed: closed.clone(),
        };
        table.holders.insert(id, holder);
        metrics.api_connections().inc();
        Some(Place(Arc::new(Held { id, reserved, closed, places: Arc::clone(&self.0) })))
    }

    /// Closes connections whose clients took too long for a head, or to ask again.
    pub(super) fn expire(&self) {
        let now = Instant::now();
        let limits = &self.0.limits;
        self.0.table().close(|holder| {
            let waited = now.duration_since(holder.since);
            match holder.phase {
                Phase::Head if waited >= limits.head => {
                    self.0.metrics.api_refused(ApiRefusal::SlowHead);
                    true
                }
                Phase::Idle => waited >= limits.idle,
                Phase::Head | Phase::Body | Phase::Answer => false,
            }
        });
    }

    /// Closes connections that wait for clients to ask, but for those whose request may be on its way.
    pub(super) fn close_waiting(&self) {
        let (now, grace) = (Instant::now(), self.0.limits.grace);
        self.0.table().close(|holder| match holder.phase {
            Phase::Head => now.duration_since(holder.since) >= grace,
            Phase::Idle => true,
            Phase::Body | Phase::Answer => false,
        });
    }
}

impl Inner {
    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing that holds the lock can panic between two changes that belong together.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Whether one more place can be given, if need be by taking it from a connection that waits for its client.
    fn make_room(&mut self, reserved: bool, most: usize, grace: Duration, metrics: &Metrics) -> bool {
        let of_kind = |holder: &&Holder| holder.reserved == reserved;
        if self.holders.values().filter(of_kind).count() < most {
            return true;
        }
        let now = Instant::now();
        let alike = self.holders.iter().filter(|(_, holder)| of_kind(holder));
        let yielding = alike.filter_map(|(id, holder)| Some((holder.turn(now, grace)?, holder.since, *id)));
        let Some((_, _, id)) = yielding.min() else { return false };
        if let Some(holder) = self.holders.remove(&id) {
            metrics.api_refused(ApiRefusal::Displaced);
            holder.closed.cancel();
        }
        true
    }

    fn close(&mut self, mut which: impl FnMut(&Holder) -> bool) {
        self.holders.retain(|_, holder| {
            let close = which(holder);
            if close {
                holder.closed.cancel();
            }
            !close
        });
    }
}

/// The place of one connection; given back when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Place(Arc<Held>);

struct Held {
    id: u64,
    reserved: bool,
    closed: CancellationToken,
    places: Arc<Inner>,
}

impl Place {
    /// Whether the connection is one that only monitoring is answered on.
    pub(super) fn is_reserved(&self) -> bool {
        self.0.reserved
    }

    /// The connection's end: its place was given to another one, or its client took too long.
    pub(super) fn closed(&self) -> &CancellationToken {
        &self.0.closed
    }

    /// Bytes have come.
    pub(super) fn received(&self) {
        self.change(|holder| {
            if holder.phase == Phase::Idle {
                holder.enter(Phase::Head);
            }
        });
    }

    /// A request's head has come. Tells whether the connection still has its place.
    pub(super) fn begin(&self) -> bool {
        self.change(|holder| holder.enter(Phase::Answer));
        !self.0.closed.is_cancelled()
    }

    /// The node waits for a body. Bytes that are fewer than a client is expected to send make no progress.
    pub(super) fn await_body(&self, progress: bool) {
        self.change(|holder| {
            if progress || holder.phase != Phase::Body {
                holder.enter(Phase::Body);
            }
        });
    }

    /// The node works on an answer.
    pub(super) fn answer(&self) {
        self.change(|holder| holder.phase = Phase::Answer);
    }

    /// The client leaves what is written to it unread, or does so no longer.
    pub(super) fn unread(&self, stuck: bool) {
        self.change(|holder| holder.unread = stuck.then(Instant::now));
    }

    /// The answer was given.
    pub(super) fn answered(&self) {
        self.change(|holder| holder.enter(Phase::Idle));
    }

    fn change(&self, change: impl FnOnce(&mut Holder)) {
        if let Some(holder) = self.0.places.table().holders.get_mut(&self.0.id) {
            change(holder);
        }
    }
}

impl Holder {
    /// When this connection's turn is to lose its place: lower ones before higher ones, `None` for never. One that has just
    /// come is about to ask.
    fn turn(&self, now: Instant, grace: Duration) -> Option<u8> {
        let late = now.duration_since(self.since) >= grace;
        if let Some(unread) = self.unread {
            return (now.duration_since(unread) >= grace).then_some(2);
        }
        match self.phase {
            Phase::Head if late => Some(0),
            Phase::Idle => Some(1),
            Phase::Body if late => Some(2),
            Phase::Head => Some(3),
            Phase::Body | Phase::Answer => None,
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.places.table().holders.remove(&self.id);
        self.places.metrics.api_connections().dec();
    }
}
