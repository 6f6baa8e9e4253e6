//! One inbound stream, from its first message to its end.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures::AsyncWriteExt as _;
use libp2p::PeerId;
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};

use super::{
    limits::READ_STALL,
    message::MessageError,
    wire::{self, Budget, Charged, ReadError},
};
use crate::streams::Stream;

/// Inbound messages that could not be read, by reason.
#[derive(Debug, Default)]
pub(super) struct Failures {
    pub(super) too_long: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) broken: AtomicU64,
    pub(super) over_memory: AtomicU64,
}

impl Failures {
    fn count(&self, error: &ReadError) {
        let counter = match error {
            ReadError::Message(MessageError::TooLong(_)) => &self.too_long,
            ReadError::Message(MessageError::TooManyParts(_) | MessageError::Malformed(_))
            | ReadError::BadLength => &self.malformed,
            ReadError::TimedOut => &self.timed_out,
            ReadError::OverMemory => &self.over_memory,
            ReadError::Broken(_) => &self.broken,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What reading a stream takes.
pub(super) struct Reader {
    pub(super) peer: PeerId,
    pub(super) slots: Arc<Semaphore>,
    pub(super) budget: Budget,
    pub(super) inbox: mpsc::Sender<(PeerId, Charged)>,
    pub(super) failures: Arc<Failures>,
}

impl Reader {
    /// Reads all messages. A bad one ends the stream with a reset.
    pub(super) async fn run(self, mut stream: Stream) {
        // Never closed; the error is the end of all readers.
        let Ok(_slot) = self.slots.acquire().await else {
            return;
        };
        close_write_half(&mut stream).await;
        loop {
            match wire::read(&mut stream, &self.budget).await {
                Ok(Some(charged)) => {
                    if self.inbox.send((self.peer, charged)).await.is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    self.failures.count(&error);
                    tracing::debug!(peer = %self.peer, %error, "bitswap stream given up");
                    return;
                }
            }
        }
    }
}

/// Closes our half of a stream that we only read.
async fn close_write_half(stream: &mut Stream) {
    // A stream that cannot be closed is about to fail the reading, too.
    let _ = timeout(READ_STALL, stream.close()).await;
}
