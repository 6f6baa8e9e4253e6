//! How many streams of a connection are in use, and who waits for one to end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures::task::AtomicWaker;

#[derive(Debug, Default)]
struct Shared {
    count: AtomicUsize,
    waiting: AtomicWaker,
}

/// Counts the [`Token`]s handed out and not dropped yet.
#[derive(Debug, Default)]
pub(super) struct LiveStreams(Arc<Shared>);

impl LiveStreams {
    pub(super) fn token(&self) -> Token {
        self.0.count.fetch_add(1, Ordering::AcqRel);
        Token(Arc::clone(&self.0))
    }

    /// Ready once fewer than `limit` streams live.
    pub(super) fn poll_below(&self, limit: usize, cx: &mut Context<'_>) -> Poll<()> {
        self.0.waiting.register(cx.waker());
        // Looked at after registering: a token that ends from here on wakes us.
        if self.0.count.load(Ordering::Acquire) < limit { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Held by a stream for as long as it lives.
#[derive(Debug)]
pub struct Token(Arc<Shared>);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::AcqRel);
        self.0.waiting.wake();
    }
}
