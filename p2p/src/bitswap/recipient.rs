//! Recipient of a session's blocks: the driver's end of a session.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use cid::Cid;
use libp2p::PeerId;
use tokio::sync::mpsc;

use super::limits::SESSION_MEMORY;

/// A wanted block. Its bytes hash to its CID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its name.
    pub cid: Cid,
    /// Its bytes.
    pub data: Bytes,
    /// Who sent it.
    pub from: PeerId,
}

/// What the driver tells a session: exactly one of these for every want that it was given.
#[derive(Debug)]
pub(super) enum Event {
    Received(Received),
    Cancelled(Cid),
    /// The block came but there was no memory for it.
    Overflowed(Cid),
}

/// The driver's end of a session.
#[derive(Debug, Clone)]
pub(super) struct Recipient {
    pub(super) events: mpsc::Sender<Event>,
    /// Bytes of blocks in `events`.
    pub(super) queued: Arc<AtomicUsize>,
}

impl Recipient {
    /// Tells the session of a block, or only that it came if too many bytes wait already. Says whether the block
    /// itself was handed over.
    pub(super) fn deliver(&self, received: Received) -> bool {
        let (cid, length) = (received.cid, received.data.len());
        let fits = self.queued.load(Ordering::Acquire) + length <= SESSION_MEMORY;
        if fits {
            self.queued.fetch_add(length, Ordering::AcqRel);
            self.tell(Event::Received(received));
        } else {
            self.tell(Event::Overflowed(cid));
        }
        fits
    }

    pub(super) fn confirm_cancel(&self, cid: Cid) {
        self.tell(Event::Cancelled(cid));
    }

    /// Ends when the session does.
    pub(super) async fn closed(&self) {
        self.events.closed().await;
    }

    fn tell(&self, event: Event) {
        // The queue has room for one event per want. It is closed when the session is gone, which is noticed soon.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            tracing::error!("a session was told more than it asked for");
        }
    }
}
