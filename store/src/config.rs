//! What an operator can choose about the store.

use std::{fmt, sync::Arc, time::Duration};

/// When an acknowledged write is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Before it is acknowledged: [`Store::flushed`](super::Store::flushed) waits for the disk.
    #[default]
    Strict,
    /// Within half a second: a power cut may lose the last acknowledged writes, never the consistency of what stays.
    Relaxed,
}

/// Is called with the time that each flush took.
#[derive(Clone)]
pub struct FlushObserver(Arc<dyn Fn(Duration) + Send + Sync>);

impl FlushObserver {
    /// Calls `observe` on the flusher's thread; it must not block.
    pub fn new(observe: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }

    pub(super) fn observe(&self, took: Duration) {
        (self.0)(took);
    }
}

impl fmt::Debug for FlushObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlushObserver")
    }
}

/// The default of [`StoreConfig::cache_bytes`]; `docs/reference/store.md` has the memory that it gives.
pub const DEFAULT_CACHE_BYTES: u64 = 32 << 20;

/// The default of [`StoreConfig::max_staged_bytes`].
pub const DEFAULT_MAX_STAGED_BYTES: u64 = 1 << 30;

/// The default of [`StoreConfig::flush_deadline`].
pub const DEFAULT_FLUSH_DEADLINE: Duration = Duration::from_secs(60);

/// Bounds and choices of a store.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Pages kept in memory, in bytes as they are on disk. What the process takes is about twice that.
    pub cache_bytes: u64,
    /// When an acknowledged write is on disk.
    pub durability: Durability,
    /// Bytes of blocks that were fetched and not committed yet, all databases together.
    pub max_staged_bytes: u64,
    /// A flush that takes longer than this counts as failed, and with it the disk: the store stops writing.
    pub flush_deadline: Duration,
    /// Told how long each flush took.
    pub on_flush: Option<FlushObserver>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            cache_bytes: DEFAULT_CACHE_BYTES,
            durability: Durability::default(),
            max_staged_bytes: DEFAULT_MAX_STAGED_BYTES,
            flush_deadline: DEFAULT_FLUSH_DEADLINE,
            on_flush: None,
        }
    }
}
