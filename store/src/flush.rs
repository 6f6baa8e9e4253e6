//! Group commit: one thread brings the journal to disk for all that wait, and marks its end before they are told.

use super::{
    config::{Durability, FlushObserver, StoreConfig},
    disk::DiskFile,
    error::Poison,
    journal::{FRAMES_START, Journal, Offset},
    writes::{self, Writes},
};
use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::{sync::watch, time::timeout};

/// How often the journal is brought to disk unasked where durability is relaxed.
const RELAXED_INTERVAL: Duration = Duration::from_millis(500);

/// What has been written.
#[derive(Debug)]
struct Tail {
    writes: u64,
    end: Offset,
    file: Arc<dyn DiskFile>,
}

/// What is on disk.
#[derive(Debug, Clone, Default)]
struct Progress {
    writes: u64,
    synced: Offset,
    poison: Option<Poison>,
}

#[derive(Debug)]
struct Shared {
    tail: Mutex<Tail>,
    writes: Arc<Mutex<Writes>>,
    progress: watch::Sender<Progress>,
    wanted: AtomicBool,
    stopping: AtomicBool,
    durability: Durability,
    deadline: Duration,
    observer: Option<FlushObserver>,
    flushes: AtomicU64,
    flush_micros: AtomicU64,
}

/// The thread that flushes, and what it shares with writers and waiters.
#[derive(Debug)]
pub(super) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts the thread. The journal as it is counts as flushed: [`Journal`] syncs the file that it continues.
    pub(super) fn start(writes: &Arc<Mutex<Writes>>, config: &StoreConfig) -> io::Result<Self> {
        let (end, file) = {
            let journal = &writes::lock(writes).journal;
            (journal.end(), journal.file())
        };
        let shared = Arc::new(Shared {
            tail: Mutex::new(Tail { writes: 0, end, file }),
            writes: Arc::clone(writes),
            progress: watch::Sender::new(Progress { writes: 0, synced: end, poison: None }),
            wanted: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            durability: config.durability,
            deadline: config.flush_deadline,
            observer: config.on_flush.clone(),
            flushes: AtomicU64::new(0),
            flush_micros: AtomicU64::new(0),
        });
        let run = {
            let shared = Arc::clone(&shared);
            move || shared.run()
        };
        let thread = thread::Builder::new().name("store-flush".to_owned()).spawn(run)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Notes that the journal was written up to its end.
    pub(super) fn written(&self, journal: &Journal) {
        let mut tail = self.shared.tail();
        let end = journal.end();
        debug_assert!(tail.end <= end, "the journal only grows");
        debug_assert!(self.synced() <= end, "on disk is what was written");
        if end.segment > tail.end.segment {
            // The file before was synced before this one was begun.
            let begun = Offset { at: FRAMES_START, ..end };
            self.shared.progress.send_modify(|progress| progress.synced = progress.synced.max(begun));
        }
        tail.writes += 1;
        tail.end = end;
        tail.file = journal.file();
    }

    /// Everything before this is on disk.
    pub(super) fn synced(&self) -> Offset {
        self.shared.progress.borrow().synced
    }

    /// Stops all writing, for the first of the reasons given.
    pub(super) fn poison(&self, poison: Poison) -> Poison {
        self.shared.poison(poison)
    }

    /// Whether writing goes on.
    pub(super) fn check(&self) -> Result<(), Poison> {
        self.shared.progress.borrow().poison.clone().map_or(Ok(()), Err)
    }

    /// Resolves when what was written before this call is on disk.
    pub(super) fn flushed(&self) -> impl Future<Output = Result<(), Poison>> + Send + use<> {
        let target = match self.shared.durability {
            Durability::Strict => self.shared.tail().writes,
            Durability::Relaxed => 0,
        };
        let mut progress = self.shared.progress.subscribe();
        if progress.borrow().writes < target {
            self.wake();
        }
        let shared = Arc::clone(&self.shared);
        async move {
            let arrived =
                progress.wait_for(|progress| progress.writes >= target || progress.poison.is_some());
            match timeout(shared.deadline, arrived).await {
                Ok(Ok(progress)) => progress.poison.clone().map_or(Ok(()), Err),
                Ok(Err(_)) | Err(_) => Err(shared.poison(Poison::Stalled(shared.deadline))),
            }
        }
    }

    /// Marks the end of the journal as it was found, which counts as flushed.
    pub(super) fn mark_start(&self) {
        self.shared.mark(self.synced());
    }

    /// Brings the journal to disk on this thread, which must not be writing.
    pub(super) fn flush_now(&self) -> Result<(), Poison> {
        self.shared.flush();
        self.check()
    }

    /// How many flushes there were, and what they took together.
    pub(super) fn flushes(&self) -> (u64, Duration) {
        let micros = self.shared.flush_micros.load(Ordering::Relaxed);
        (self.shared.flushes.load(Ordering::Relaxed), Duration::from_micros(micros))
    }

    fn wake(&self) {
        self.shared.wanted.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Flusher {
    /// Flushes for the last time and ends the thread.
    pub(super) fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.wake();
        // A thread that hangs in a flush would keep the process from ending.
        if self.check().is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ended = thread.join();
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn run(&self) {
        loop {
            let stopping = self.stopping.load(Ordering::Acquire);
            let relaxed = self.durability == Durability::Relaxed;
            if self.wanted.swap(false, Ordering::AcqRel) || relaxed || stopping {
                self.flush();
            }
            if stopping {
                return;
            }
            if relaxed { thread::park_timeout(RELAXED_INTERVAL) } else { thread::park() }
        }
    }

    fn flush(&self) {
        let (writes, end, file) = {
            let tail = self.tail();
            (tail.writes, tail.end, Arc::clone(&tail.file))
        };
        let done = |progress: &Progress| progress.writes >= writes || progress.poison.is_some();
        if done(&self.progress.borrow()) {
            return;
        }
        let start = Instant::now();
        if let Err(error) = file.sync() {
            self.poison(Poison::Sync(Arc::new(error)));
            return;
        }
        let took = start.elapsed();
        self.flushes.fetch_add(1, Ordering::Relaxed);
        self.flush_micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        if let Some(observer) = &self.observer {
            observer.observe(took);
        }
        self.mark(end);
        self.progress.send_modify(|progress| {
            debug_assert!(progress.writes < writes || progress.synced >= end, "what is on disk stays there");
            progress.writes = progress.writes.max(writes);
            progress.synced = progress.synced.max(end);
        });
    }

    /// Marks the journal's end if nothing follows what is `synced`. Without the mark a later start takes damage there for the end
    /// of a write that a crash cut off, so it is there before anybody is told that the write is on disk.
    fn mark(&self, synced: Offset) {
        let mut writes = writes::lock(&self.writes);
        if let Err(error) = writes.mark_synced(synced) {
            tracing::debug!(%error, "the journal's end is not marked");
            if writes.journal.is_broken() {
                self.poison(Poison::Journal);
            }
        }
    }

    fn poison(&self, poison: Poison) -> Poison {
        let mut first = poison.clone();
        self.progress.send_if_modified(|progress| match &progress.poison {
            Some(earlier) => {
                first = earlier.clone();
                false
            }
            None => {
                tracing::error!(%poison, "the store stops writing");
                progress.poison = Some(poison);
                true
            }
        });
        first
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
