//! Verifying entries on all cores.

use oplog::join::{Job, Verdict};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Jobs that one thread takes at a time: enough to make the hand-over cheap, few enough to keep all cores busy.
const CHUNK: usize = 16;

/// Up to this many jobs are done on the spot: handing them over takes about as long.
const ON_THE_SPOT: usize = 2;

/// Batches of verdicts that wait for a database. A thread whose database is behind waits for it.
pub(super) const VERDICT_QUEUE: usize = 256;

/// A thread per core for signatures, shared by all databases.
#[derive(Clone)]
pub struct VerifyPool(Arc<rayon::ThreadPool>);

impl VerifyPool {
    /// As many threads as there are cores.
    pub fn new() -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new().thread_name(|n| format!("verify-{n}")).build()?;
        Ok(Self(Arc::new(pool)))
    }

    /// Runs the jobs. A few are done at once and their verdicts returned; the verdicts of many come through `verdicts`.
    pub(super) fn run(&self, mut jobs: Vec<Job>, verdicts: &mpsc::Sender<Vec<Verdict>>) -> Vec<Verdict> {
        if jobs.len() <= ON_THE_SPOT {
            return jobs.into_iter().map(Job::run).collect();
        }
        while !jobs.is_empty() {
            let chunk = jobs.split_off(jobs.len().saturating_sub(CHUNK));
            let verdicts = verdicts.clone();
            self.0.spawn_fifo(move || {
                let done = chunk.into_iter().map(Job::run).collect();
                // a database that was closed needs no verdicts
                drop(verdicts.blocking_send(done));
            });
        }
        Vec::new()
    }
}
