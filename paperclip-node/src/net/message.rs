//! Messages of gossip, and the topics that they come by.

use super::room::Held;
use bytes::Bytes;
use libp2p::{PeerId, gossipsub};
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::{mpsc, watch};

/// Messages of one topic that wait for its database. Further ones are dropped and counted; the
/// next exchange of heads brings what they said.
pub(super) const TOPIC_QUEUE: usize = 256;

/// Names a message so that it can be judged later.
#[derive(Debug, Clone)]
pub struct MessageId {
    pub(super) id: gossipsub::MessageId,
    pub(super) from: PeerId,
}

/// What a message is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Good: pass it on.
    Accept,
    /// Bad: do not.
    Reject,
    /// Cannot be told in time: do not pass it on, and blame nobody.
    Ignore,
}

/// A head that somebody published.
#[derive(Debug)]
pub struct GossipMessage {
    /// To be judged by [`Network::validate`](super::Network::validate).
    pub id: MessageId,
    /// The peer that it came from, not necessarily its author.
    pub from: PeerId,
    /// Whether that peer is its author, by the message's signature.
    pub own: bool,
    /// The block of a head, unless it is rubbish.
    pub data: Bytes,
    /// What it takes of the room for messages.
    pub(super) _held: Held,
}

/// A joined topic.
#[derive(Debug)]
pub struct Topic {
    /// Connected peers that are subscribed too.
    pub subscribers: watch::Receiver<Arc<BTreeSet<PeerId>>>,
    /// What they publish.
    pub messages: mpsc::Receiver<GossipMessage>,
}
