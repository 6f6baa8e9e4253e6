//! Counts of dials.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How dials ended since the start, those that somebody asked for included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DialStats {
    /// With a connection.
    pub connected: u64,
    /// Without one.
    pub failed: u64,
}

/// The counters behind [`DialStats`].
#[derive(Debug, Clone, Default)]
pub(super) struct DialCounters(Arc<(AtomicU64, AtomicU64)>);

impl DialCounters {
    pub(super) fn ended(&self, connected: bool) {
        let counter = if connected { &self.0.0 } else { &self.0.1 };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> DialStats {
        DialStats { connected: self.0.0.load(Ordering::Relaxed), failed: self.0.1.load(Ordering::Relaxed) }
    }
}
