//! Followers of a database: each is told of every entry as it comes into the log.

use super::change::{CHANGE_QUEUE, Change};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Tells followers. Cheap to clone; all clones are one.
///
/// A queue has room for all its changes from the start, so there is none while nobody follows: with thousands of databases
/// they would be most of a node's memory. The lock is held for as long as it takes to put a change into the queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Followers(Arc<Mutex<Option<broadcast::Sender<Change>>>>);

impl Followers {
    /// Changes from now on.
    pub(super) fn follow(&self) -> broadcast::Receiver<Change> {
        self.queue().get_or_insert_with(|| broadcast::channel(CHANGE_QUEUE).0).subscribe()
    }

    /// Tells whoever is there.
    pub(super) fn tell(&self, change: Change) {
        let mut queue = self.queue();
        if queue.as_ref().is_some_and(|followed| followed.send(change).is_err()) {
            *queue = None; // the last one has gone
        }
    }

    /// The queue is whole whoever panicked while holding it.
    fn queue(&self) -> MutexGuard<'_, Option<broadcast::Sender<Change>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use oplog::{
        Hash,
        order::{Position, Time},
    };

    fn change(text: &'static [u8]) -> Change {
        let position = Position { time: Time::ZERO, clock_id: "writer".into(), hash: Hash::of(text) };
        Change { position, block: Bytes::from_static(text) }
    }

    #[test]
    fn a_queue_lasts_as_long_as_somebody_follows() {
        let followers = Followers::default();
        followers.tell(change(b"heard by nobody"));
        assert!(followers.queue().is_none());
        let (mut one, mut other) = (followers.follow(), followers.follow());
        followers.tell(change(b"heard by both"));
        drop(other.try_recv().unwrap());
        drop(other);
        followers.tell(change(b"heard by one"));
        assert_eq!(one.try_recv().unwrap().block, b"heard by both"[..]);
        assert_eq!(one.try_recv().unwrap().block, b"heard by one"[..]);
        drop(one);
        followers.tell(change(b"heard by nobody"));
        assert!(followers.queue().is_none());
    }
}
