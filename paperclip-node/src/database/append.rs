//! Local writes.
//!
//! All writes that wait when the task turns to them are signed one upon another and stored as one batch; one flush, shared
//! with whatever other databases wrote meanwhile, brings them to disk, and only then are they acknowledged and announced.
//! The task goes on signing while the flush runs.

use super::{
    change::Change,
    followers::Followers,
    read::current,
    request::{Precondition, Write, WriteError},
    task::Task,
};
use crate::{metrics::Metrics, net::Network};
use bytes::Bytes;
use futures::future::BoxFuture;
use oplog::{Hash, view::KeyedOp};
use p2p::bitswap::Session;
use std::{collections::HashMap, sync::Arc};
use store::StoreError;
use tokio::sync::{mpsc, oneshot};

/// Batches whose flush is awaited; the task waits before it starts another one.
pub(super) const ACK_QUEUE: usize = 64;

/// Writes that are in the store but perhaps not on disk.
pub(super) struct Unflushed {
    flushed: BoxFuture<'static, Result<(), StoreError>>,
    writes: Vec<(oneshot::Sender<Result<Hash, WriteError>>, Change)>,
}

impl Task {
    /// Signs and stores what waits. Errors of single writes go to their writers, those of the store to all of them.
    pub(super) async fn append(&mut self, writes: Vec<Write>, session: &mut Session) {
        let Some(author) = self.signer.author(writes.len()) else {
            return refuse(writes, &WriteError::NotCertified);
        };
        if !self.writers.allow(&author.id) {
            return refuse(writes, &WriteError::NotAllowed(author.id.clone()));
        }
        let (mut added, mut replies) = (Vec::with_capacity(writes.len()), Vec::with_capacity(writes.len()));
        // What this batch writes stands above all else, so it is what its keys show.
        let mut written: HashMap<String, Option<Hash>> = HashMap::new();
        let conditional = writes.iter().any(|write| write.precondition.is_some());
        for Write { operation, precondition, reply } in writes {
            let keyed = if conditional { operation.keyed() } else { None };
            let key = keyed.as_ref().map(|keyed| keyed.key.as_str());
            let allowed = precondition.map_or(Ok(()), |wanted| self.check(&wanted, key, &written));
            match allowed.and_then(|()| Ok(self.log.append(operation, &author.writer)?)) {
                Ok(entry) => {
                    if let Some(KeyedOp { key, deleted }) = keyed {
                        written.insert(key, (!deleted).then_some(entry.position.hash));
                    }
                    added.push(entry);
                    replies.push(reply);
                }
                Err(error) => answer(reply, Err(error)),
            }
        }
        if added.is_empty() {
            return;
        }
        let changes: Vec<Change> = added.iter().map(Change::of).collect();
        if let Err(error) = self.commit(added) {
            let error = Arc::new(error);
            replies.into_iter().for_each(|reply| answer(reply, Err(WriteError::Store(Arc::clone(&error)))));
            self.recover(error, session).await;
            return self.publish_status();
        }
        // Before any acknowledgement: who was told of a write finds it in the status.
        self.publish_status();
        let flushed = Box::pin(self.blocks.flushed());
        let unflushed = Unflushed { flushed, writes: replies.into_iter().zip(changes).collect() };
        if self.unflushed.send(unflushed).await.is_err() {
            tracing::debug!(address = %self.address, "closed before the flush");
        }
    }

    /// Whether a write may be made of a key, with what this batch has written so far.
    fn check(
        &self,
        wanted: &Precondition,
        key: Option<&str>,
        written: &HashMap<String, Option<Hash>>,
    ) -> Result<(), WriteError> {
        let Some(key) = key else { return Ok(()) };
        let current = match written.get(key) {
            Some(hash) => *hash,
            None => tokio::task::block_in_place(|| current(&self.store, key))
                .map_err(|error| WriteError::Store(Arc::new(error)))?,
        };
        if wanted.holds(current.as_ref()) { Ok(()) } else { Err(WriteError::Precondition(current)) }
    }
}

/// Acknowledges and announces, batch after batch, what has reached the disk.
pub(super) async fn acknowledge(
    mut batches: mpsc::Receiver<Unflushed>,
    metrics: Arc<Metrics>,
    network: Network,
    topic: String,
    followers: Followers,
) {
    while let Some(batch) = batches.recv().await {
        if let Some((hash, block)) = batch.acknowledge(&metrics, &followers).await {
            // The newest stands on all the others of its batch: whoever hears of it fetches them.
            network.stored(vec![hash]).await;
            network.publish(topic.clone(), block).await;
        }
    }
}

impl Unflushed {
    /// Waits for the flush, counts and tells the writers and the followers. Gives the newest entry, unless the flush failed.
    async fn acknowledge(self, metrics: &Metrics, followers: &Followers) -> Option<(Hash, Bytes)> {
        let Self { flushed, writes } = self;
        if let Err(error) = flushed.await {
            let error = Arc::new(error);
            for (reply, _) in writes {
                answer(reply, Err(WriteError::Store(Arc::clone(&error))));
            }
            return None;
        }
        metrics.appended(writes.len() as u64);
        let mut newest = None;
        for (reply, change) in writes {
            answer(reply, Ok(change.position.hash));
            newest = Some((change.position.hash, change.block.clone()));
            followers.tell(change);
        }
        newest
    }
}

fn refuse(writes: Vec<Write>, error: &WriteError) {
    writes.into_iter().for_each(|write| answer(write.reply, Err(error.clone())));
}

/// A writer that has gone away does not learn what became of its write.
fn answer(reply: oneshot::Sender<Result<Hash, WriteError>>, result: Result<Hash, WriteError>) {
    drop(reply.send(result));
}

#[cfg(test)]
mod tests {
    use super::*;
    use oplog::order::{Clock, Position, Time};

    async fn acknowledged(metrics: &Metrics, flush: Result<(), StoreError>) -> Result<Hash, WriteError> {
        let (reply, told) = oneshot::channel();
        let position = Position::new(
            &Clock { id: "a".into(), time: Time::from_value(&1.into()).unwrap() },
            Hash::of(b"an entry"),
        );
        let change = Change { position, block: Bytes::from_static(b"an entry") };
        let flushed = Box::pin(async { flush });
        let batch = Unflushed { flushed, writes: vec![(reply, change)] };
        batch.acknowledge(metrics, &Followers::default()).await;
        told.await.unwrap()
    }

    #[tokio::test]
    async fn what_a_failed_flush_took_is_neither_acknowledged_nor_counted() {
        let metrics = Metrics::new().unwrap();
        let counted = || {
            let text = metrics.render().unwrap();
            text.contains("\npaperclip_entries_appended_total 1\n")
        };
        assert!(acknowledged(&metrics, Err(StoreError::Interrupted)).await.is_err() && !counted());
        assert!(acknowledged(&metrics, Ok(())).await.is_ok() && counted());
    }
}
