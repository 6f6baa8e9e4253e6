//! Verifying entries on all cores.

use oplog::join::{Job, Verdict};
use rayon::prelude::*;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::mpsc;

/// Jobs that one thread takes at a time: enough to make the hand-over cheap, few enough to keep all cores busy.
const CHUNK: usize = 16;

/// Up to this many jobs are done on the spot: handing them over takes about as long.
const ON_THE_SPOT: usize = 2;

/// Chunks of one database that are with the pool or done and not taken back. Others wait, so that a database with very many
/// jobs leaves the threads to the others between two of its chunks.
pub(super) const MAX_CHUNKS_OUT: usize = 64;

/// Jobs of one database that wait for the pool. The database takes no more blocks and heads of peers until there are fewer.
const MAX_JOBS_WAITING: usize = 4096;

/// Bytes of the blocks in those jobs, with the same effect.
const MAX_JOB_BYTES_WAITING: usize = 16 << 20;

/// A thread per core for signatures, shared by all databases and by restores.
#[derive(Clone, Debug)]
pub struct VerifyPool(Arc<rayon::ThreadPool>);

impl VerifyPool {
    /// As many threads as there are cores.
    pub fn new() -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new().thread_name(|n| format!("verify-{n}")).build()?;
        Ok(Self(Arc::new(pool)))
    }

    /// Judges all of these on all cores, until one is refused. The calling thread waits, and must be none of the pool.
    pub(crate) fn judge<T: Sync, E: Send>(
        &self,
        all: &[T],
        judge: impl Fn(&T) -> Result<(), E> + Send + Sync,
    ) -> Result<(), E> {
        self.0.install(|| all.par_iter().try_for_each(judge))
    }
}

/// The jobs of one database: with the pool, and waiting for it. No thread of the pool ever waits for a database, because its
/// queue of verdicts has room for every chunk that is out.
pub(super) struct Verifier {
    pool: VerifyPool,
    verdicts: mpsc::Sender<Vec<Verdict>>,
    waiting: VecDeque<Job>,
    waiting_bytes: usize,
    out: usize,
}

impl Verifier {
    /// A verifier and the queue of its verdicts. Whoever takes chunks from the queue says so by [`taken`](Self::taken).
    pub(super) fn new(pool: VerifyPool) -> (Self, mpsc::Receiver<Vec<Verdict>>) {
        let (verdicts, queue) = mpsc::channel(MAX_CHUNKS_OUT);
        (Self { pool, verdicts, waiting: VecDeque::new(), waiting_bytes: 0, out: 0 }, queue)
    }

    /// Runs the jobs. A few are done at once and their verdicts returned; the verdicts of many come through the queue.
    pub(super) fn run(&mut self, jobs: Vec<Job>) -> Vec<Verdict> {
        if jobs.len() <= ON_THE_SPOT && self.waiting.is_empty() {
            return jobs.into_iter().map(Job::run).collect();
        }
        self.waiting_bytes += jobs.iter().map(Job::bytes).sum::<usize>();
        self.waiting.extend(jobs);
        self.hand_over();
        Vec::new()
    }

    /// So many chunks of verdicts were taken from the queue.
    pub(super) fn taken(&mut self, chunks: usize) {
        self.out -= chunks;
        self.hand_over();
    }

    /// Whether there is room for the jobs of further blocks.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < MAX_JOBS_WAITING && self.waiting_bytes < MAX_JOB_BYTES_WAITING
    }

    fn hand_over(&mut self) {
        while self.out < MAX_CHUNKS_OUT && !self.waiting.is_empty() {
            let chunk: Vec<Job> = self.waiting.drain(..CHUNK.min(self.waiting.len())).collect();
            self.waiting_bytes -= chunk.iter().map(Job::bytes).sum::<usize>();
            self.out += 1;
            let verdicts = self.verdicts.clone();
            self.pool.0.spawn_fifo(move || {
                let done = chunk.into_iter().map(Job::run).collect();
                // full it cannot be, and a database that was closed needs no verdicts
                drop(verdicts.try_send(done));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oplog::{
        Address, Hash,
        access::Writers,
        identity::Identity,
        join::{Effect, Joiner, Limits, Policy, Source},
        keys::SigningKey,
        log::{Log, Writer},
        memory::MemoryLog,
        view::Operation,
    };
    use std::time::Duration;

    /// One job, many times.
    fn jobs(count: usize) -> Vec<Job> {
        let key = SigningKey::from_bytes([1; 32]).unwrap();
        let identity = Identity::create(&key, &SigningKey::from_bytes([1; 32]).unwrap());
        let address = Address::new(Hash::of(b"a manifest"));
        let writer = Writer::new(identity.clone(), key);
        let head = Log::empty(address).append(Operation::put("key", 1.into()), &writer).unwrap().block;
        let mut joiner = Joiner::new(address, Writers::Anyone, Policy::default(), Limits::default());
        let mut effects = Vec::new();
        joiner.head(head, Source::Peer(1_u8), &MemoryLog::default(), &mut effects).unwrap();
        effects.clear();
        joiner.block(identity.encode(), &mut effects);
        let Some(Effect::Verify(job)) = effects.pop() else { panic!("an identity is verified") };
        vec![job; count]
    }

    #[tokio::test]
    async fn a_database_that_takes_no_verdicts_keeps_no_thread_from_the_others() {
        let pool = VerifyPool::new().unwrap();
        let jobs = jobs(MAX_CHUNKS_OUT * CHUNK + MAX_JOBS_WAITING);
        let (mut behind, mut verdicts) = Verifier::new(pool.clone());
        assert!(behind.run(jobs.clone()).is_empty());
        assert!(!behind.has_room(), "it is told to take no more");

        let (mut other, mut answered) = Verifier::new(pool);
        other.run(jobs[..CHUNK].to_vec());
        let answer = tokio::time::timeout(Duration::from_secs(20), answered.recv()).await;
        assert_eq!(answer.unwrap().unwrap().len(), CHUNK);

        let mut done = 0;
        while done < jobs.len() {
            done += verdicts.recv().await.unwrap().len();
            behind.taken(1);
        }
        assert!(behind.has_room() && behind.waiting_bytes == 0 && behind.out == 0);
    }
}
