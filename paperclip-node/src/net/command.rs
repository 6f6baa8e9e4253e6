//! Commands to the task that owns the swarm.

use super::{
    conduct::Offence,
    errors::ConnectError,
    message::{MessageId, Topic, Validity},
};
use bytes::Bytes;
use libp2p::{Multiaddr, PeerId};
use tokio::sync::oneshot;

#[derive(Debug)]
pub(super) enum Command {
    Subscribe { topic: String, reply: oneshot::Sender<Topic> },
    Unsubscribe { topic: String },
    Publish { topic: String, data: Bytes },
    Validate { id: MessageId, verdict: Validity },
    Misbehaved { peer: PeerId, offence: Offence, times: u32 },
    Dial { address: Multiaddr, reply: oneshot::Sender<Result<PeerId, ConnectError>> },
}
