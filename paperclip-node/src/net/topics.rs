//! Topics of gossip: those that the node has joined, and those that its peers are subscribed to.

use super::{
    message::{GossipMessage, MessageId, TOPIC_QUEUE, Topic},
    room::{MAX_GOSSIP_BYTES_WAITING, Room},
};
use bytes::Bytes;
use libp2p::{
    PeerId,
    gossipsub::{MaxCountSubscriptionFilter, TopicHash, TopicSubscriptionFilter},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{mpsc, watch};

/// Topics that are remembered of one peer: those of as many databases as a cluster may pin, and of their access controllers.
const MAX_TOPICS_PER_PEER: usize = 20_480;

/// Topics that are remembered of all peers together, some 200 bytes each. Beyond it the peer with the most topics that are none
/// of ours has to go.
const MAX_TOPICS: u64 = 262_144;

/// The longest name of a topic, in bytes. An address has 59.
const MAX_TOPIC_BYTES: usize = 256;

/// How many topics there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TopicStats {
    /// Joined by this node.
    pub joined: u64,
    /// Subscriptions of peers to topics that this node has joined as well.
    pub shared: u64,
    /// Subscriptions of peers that are remembered.
    pub remembered: u64,
    /// Messages that found their topic's queue full, or no room for one more of their peer.
    pub dropped: u64,
    /// Bytes of messages that wait.
    pub waiting_bytes: u64,
}

/// The counters behind [`TopicStats`], shared by the network's task and its handles.
#[derive(Debug, Clone, Default)]
pub(super) struct TopicCounters(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    joined: AtomicU64,
    shared: AtomicU64,
    remembered: AtomicU64,
    dropped: AtomicU64,
    room: Room,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            joined: AtomicU64::default(),
            shared: AtomicU64::default(),
            remembered: AtomicU64::default(),
            dropped: AtomicU64::default(),
            room: Room::new(MAX_GOSSIP_BYTES_WAITING),
        }
    }
}

impl TopicCounters {
    pub(super) fn snapshot(&self) -> TopicStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TopicStats {
            joined: read(&self.0.joined),
            shared: read(&self.0.shared),
            remembered: read(&self.0.remembered),
            dropped: read(&self.0.dropped),
            waiting_bytes: self.0.room.total(),
        }
    }
}

/// The subscriptions of peers that gossipsub takes. Its own choice is 100 topics of a peer, and nothing at all of a request with
/// more than 100. A peer beyond these bounds is heard no further.
pub(super) type SubscriptionBounds = MaxCountSubscriptionFilter<NameBound>;

pub(super) fn subscription_bounds() -> SubscriptionBounds {
    MaxCountSubscriptionFilter {
        filter: NameBound,
        max_subscribed_topics: MAX_TOPICS_PER_PEER,
        max_subscriptions_per_request: MAX_TOPICS_PER_PEER,
    }
}

/// Passes over topics with names longer than any of ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameBound;

impl TopicSubscriptionFilter for NameBound {
    fn can_subscribe(&mut self, topic: &TopicHash) -> bool {
        topic.as_str().len() <= MAX_TOPIC_BYTES
    }
}

#[derive(Debug)]
struct Joined {
    subscribers: watch::Sender<Arc<BTreeSet<PeerId>>>,
    messages: mpsc::Sender<GossipMessage>,
}

/// Joined topics, and who is subscribed to what. A subscription is told once, often before the topic is joined.
#[derive(Debug)]
pub(super) struct Topics {
    joined: HashMap<TopicHash, Joined>,
    of_peers: HashMap<PeerId, BTreeSet<TopicHash>>,
    counters: TopicCounters,
}

impl Topics {
    pub(super) fn new(counters: TopicCounters) -> Self {
        Self { joined: HashMap::new(), of_peers: HashMap::new(), counters }
    }

    pub(super) fn join(&mut self, topic: TopicHash) -> Topic {
        let subscribed = self.of_peers.iter().filter(|(_, topics)| topics.contains(&topic));
        let subscribers: BTreeSet<PeerId> = subscribed.map(|(peer, _)| *peer).collect();
        let (subscribers, seen) = watch::channel(Arc::new(subscribers));
        let (messages, queue) = mpsc::channel(TOPIC_QUEUE);
        self.leave(&topic);
        add(&self.counters.0.joined, 1);
        add(&self.counters.0.shared, subscribers.borrow().len());
        self.joined.insert(topic, Joined { subscribers, messages });
        Topic { subscribers: seen, messages: queue }
    }

    pub(super) fn leave(&mut self, topic: &TopicHash) {
        if let Some(left) = self.joined.remove(topic) {
            subtract(&self.counters.0.joined, 1);
            subtract(&self.counters.0.shared, left.subscribers.borrow().len());
        }
    }

    /// Whether anybody would hear a message. A topic that is not joined may have listeners.
    pub(super) fn is_heard(&self, topic: &TopicHash) -> bool {
        self.joined.get(topic).is_none_or(|joined| !joined.subscribers.borrow().is_empty())
    }

    /// A peer has subscribed. Who has to go for it and is forgotten, if too many topics are remembered now.
    pub(super) fn subscribed(&mut self, peer: PeerId, topic: TopicHash) -> Option<PeerId> {
        if let Some(joined) = self.joined.get(&topic)
            && change(joined, |subscribers| subscribers.insert(peer))
        {
            add(&self.counters.0.shared, 1);
        }
        if self.of_peers.entry(peer).or_default().insert(topic) {
            add(&self.counters.0.remembered, 1);
        }
        if self.counters.snapshot().remembered <= MAX_TOPICS {
            return None;
        }
        let greediest = self.greediest()?;
        self.gone(greediest);
        Some(greediest)
    }

    fn greediest(&self) -> Option<PeerId> {
        let foreign = |topics: &BTreeSet<TopicHash>| {
            topics.iter().filter(|topic| !self.joined.contains_key(*topic)).count()
        };
        self.of_peers.iter().max_by_key(|(_, topics)| foreign(topics)).map(|(peer, _)| *peer)
    }

    pub(super) fn unsubscribed(&mut self, peer: PeerId, topic: &TopicHash) {
        if self.of_peers.get_mut(&peer).is_some_and(|topics| topics.remove(topic)) {
            self.forget(peer, topic);
        }
    }

    pub(super) fn gone(&mut self, peer: PeerId) {
        for topic in self.of_peers.remove(&peer).unwrap_or_default() {
            self.forget(peer, &topic);
        }
    }

    fn forget(&self, peer: PeerId, topic: &TopicHash) {
        subtract(&self.counters.0.remembered, 1);
        if let Some(joined) = self.joined.get(topic)
            && change(joined, |subscribers| subscribers.remove(&peer))
        {
            subtract(&self.counters.0.shared, 1);
        }
    }

    /// Hands a message to whoever joined its topic.
    pub(super) fn deliver(&self, topic: &TopicHash, id: MessageId, own: bool, data: Bytes) {
        let Some(joined) = self.joined.get(topic) else { return };
        let from = id.from;
        let mut held = self.counters.0.room.hold(from);
        let fits = held.take(data.len());
        if !fits || joined.messages.try_send(GossipMessage { id, from, own, data, _held: held }).is_err() {
            add(&self.counters.0.dropped, 1);
            tracing::debug!(%topic, "topic queue full; an exchange of heads will tell");
        }
    }
}

fn change(joined: &Joined, change: impl FnOnce(&mut BTreeSet<PeerId>) -> bool) -> bool {
    joined.subscribers.send_if_modified(|subscribers| change(Arc::make_mut(subscribers)))
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

fn subtract(counter: &AtomicU64, count: usize) {
    counter.fetch_sub(count as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::gossipsub::IdentTopic;

    fn topic(nth: usize) -> TopicHash {
        IdentTopic::new(format!("/orbitdb/{nth}")).hash()
    }

    #[test]
    fn what_is_remembered_is_what_peers_are_subscribed_to() {
        let counters = TopicCounters::default();
        let mut topics = Topics::new(counters.clone());
        let (a, b) = (PeerId::random(), PeerId::random());
        topics.subscribed(a, topic(1));
        topics.subscribed(a, topic(2));
        topics.subscribed(b, topic(1));
        topics.subscribed(b, topic(1));
        let joined = topics.join(topic(1));
        assert_eq!(**joined.subscribers.borrow(), BTreeSet::from([a, b]));
        let expected = TopicStats { joined: 1, shared: 2, remembered: 3, ..TopicStats::default() };
        assert_eq!(counters.snapshot(), expected);
        topics.gone(a);
        topics.unsubscribed(b, &topic(9));
        assert_eq!(**joined.subscribers.borrow(), BTreeSet::from([b]));
        topics.leave(&topic(1));
        assert_eq!(counters.snapshot(), TopicStats { remembered: 1, ..TopicStats::default() });
        assert!(topics.is_heard(&topic(1)), "nothing is known of a topic that is not joined");
    }

    #[test]
    fn who_fills_the_memory_with_topics_of_its_own_has_to_go() {
        let mut topics = Topics::new(TopicCounters::default());
        let sibling = PeerId::random();
        let ours = |nth| IdentTopic::new(format!("/orbitdb/ours-{nth}")).hash();
        let _joined: Vec<Topic> = (0..MAX_TOPICS_PER_PEER).map(|nth| topics.join(ours(nth))).collect();
        let told = (0..MAX_TOPICS_PER_PEER).filter_map(|nth| topics.subscribed(sibling, ours(nth))).count();
        assert_eq!(told, 0);
        let mut gone = Vec::new();
        let greedy: Vec<PeerId> = (0..12).map(|_| PeerId::random()).collect();
        for (rank, peer) in greedy.iter().enumerate() {
            for nth in 0..MAX_TOPICS_PER_PEER - rank {
                gone.extend(topics.subscribed(*peer, topic(nth)));
            }
        }
        assert_eq!(gone, greedy[..1], "its place is enough for all the others");
    }
}
