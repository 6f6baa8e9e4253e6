//! Counts of what happened to streams.

use std::sync::atomic::{AtomicU64, Ordering};

/// Totals since the start, see [`Control::stats`](super::Control::stats).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Outbound streams opened.
    pub opened: u64,
    /// Opens refused for want of a connection to the peer, or because it broke meanwhile.
    pub open_not_connected: u64,
    /// Opens refused by the peer: it does not speak the protocol.
    pub open_unsupported: u64,
    /// Opens given up after [`NEGOTIATION_TIMEOUT`](super::NEGOTIATION_TIMEOUT).
    pub open_timeout: u64,
    /// Opens refused by our own bounds.
    pub open_too_many: u64,
    /// Opens that failed on the connection.
    pub open_io: u64,
    /// Inbound streams handed to an acceptor's queue.
    pub accepted: u64,
    /// Inbound streams reset because the acceptor's queue was full.
    pub refused_queue_full: u64,
    /// Inbound streams reset because the connection holds [`MAX_INBOUND_STREAMS`](super::MAX_INBOUND_STREAMS) of
    /// the protocol.
    pub refused_peer_limit: u64,
    /// Inbound streams reset because the acceptor went away during the negotiation.
    pub refused_unaccepted: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) opened: AtomicU64,
    pub(super) open_not_connected: AtomicU64,
    pub(super) open_unsupported: AtomicU64,
    pub(super) open_timeout: AtomicU64,
    pub(super) open_too_many: AtomicU64,
    pub(super) open_io: AtomicU64,
    pub(super) accepted: AtomicU64,
    pub(super) refused_queue_full: AtomicU64,
    pub(super) refused_peer_limit: AtomicU64,
    pub(super) refused_unaccepted: AtomicU64,
}

impl Counters {
    pub(super) fn snapshot(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            opened: read(&self.opened),
            open_not_connected: read(&self.open_not_connected),
            open_unsupported: read(&self.open_unsupported),
            open_timeout: read(&self.open_timeout),
            open_too_many: read(&self.open_too_many),
            open_io: read(&self.open_io),
            accepted: read(&self.accepted),
            refused_queue_full: read(&self.refused_queue_full),
            refused_peer_limit: read(&self.refused_peer_limit),
            refused_unaccepted: read(&self.refused_unaccepted),
        }
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
