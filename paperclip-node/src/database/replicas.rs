//! The peers that may have a database: those that say so by gossip, and the nodes of the same cluster, which will have it.

use crate::net::heads::Outcome;
use libp2p::PeerId;
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::watch::{Receiver, error::RecvError};

type Peers = Receiver<Arc<BTreeSet<PeerId>>>;

/// Peers to exchange heads with.
pub(super) struct Replicas {
    subscribers: Peers,
    siblings: Peers,
    /// Subscribers that were known when changes were last noted.
    known: Arc<BTreeSet<PeerId>>,
    /// Siblings with whom the last exchange went well.
    reached: BTreeSet<PeerId>,
}

impl Replicas {
    pub(super) fn new(subscribers: Peers, siblings: Peers) -> Self {
        Self { subscribers, siblings, known: Arc::default(), reached: BTreeSet::new() }
    }

    /// Waits until peers come or go.
    pub(super) async fn changed(&mut self) -> Result<(), RecvError> {
        tokio::select! {
            changed = self.subscribers.changed() => changed,
            changed = self.siblings.changed() => changed,
        }
    }

    /// Takes notice of who is there now, giving those who have subscribed since the last time.
    pub(super) fn note_changes(&mut self) -> Vec<PeerId> {
        let subscribers = Arc::clone(&self.subscribers.borrow_and_update());
        let siblings = Arc::clone(&self.siblings.borrow_and_update());
        self.reached.retain(|peer| siblings.contains(peer));
        let new = subscribers.difference(&self.known).copied().collect();
        self.known = subscribers;
        new
    }

    /// Everybody who may have it.
    pub(super) fn all(&self) -> BTreeSet<PeerId> {
        self.subscribers.borrow().union(&self.siblings.borrow()).copied().collect()
    }

    /// Those who have it, as far as is known.
    pub(super) fn serving(&self) -> Vec<PeerId> {
        self.subscribers.borrow().union(&self.reached).copied().collect()
    }

    /// Notes how an exchange ended. Whether [`serving`](Self::serving) may have changed.
    pub(super) fn ended(&mut self, peer: PeerId, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Done => self.siblings.borrow().contains(&peer) && self.reached.insert(peer),
            Outcome::NotServed => self.reached.remove(&peer),
            Outcome::Failed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::watch;

    #[tokio::test]
    async fn siblings_are_asked_without_a_subscription_and_named_once_they_answer() {
        let (subscriber, sibling) = (PeerId::random(), PeerId::random());
        let (subscribed, subscribers) = watch::channel(Arc::default());
        let (related, siblings) = watch::channel(Arc::new(BTreeSet::from([sibling])));
        let mut replicas = Replicas::new(subscribers, siblings);
        assert_eq!(replicas.all(), BTreeSet::from([sibling]));
        assert!(replicas.serving().is_empty());
        assert!(!replicas.ended(sibling, Outcome::NotServed));
        assert!(replicas.ended(sibling, Outcome::Done) && !replicas.ended(sibling, Outcome::Done));
        assert_eq!(replicas.serving(), [sibling]);

        subscribed.send_replace(Arc::new(BTreeSet::from([subscriber])));
        replicas.changed().await.unwrap();
        assert_eq!(replicas.note_changes(), [subscriber]);
        assert!(replicas.note_changes().is_empty());
        related.send_replace(Arc::default());
        replicas.changed().await.unwrap();
        assert!(replicas.note_changes().is_empty());
        assert_eq!(replicas.serving(), [subscriber], "one that has gone is not named");
    }
}
