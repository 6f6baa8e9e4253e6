//! Commands to the driver: what handles and sessions ask of it.

use cid::Cid;
use libp2p::PeerId;
use tokio::sync::oneshot;

use super::{
    Stats,
    engine::{SessionId, Unmet},
    recipient::Recipient,
};

/// What the driver is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    PeerReady(PeerId),
    PeerGone(PeerId),
    Stored(Vec<Cid>),
    Open { session: SessionId, recipient: Recipient },
    Want { session: SessionId, cids: Vec<Cid>, hint: Option<PeerId> },
    Cancel { session: SessionId, cids: Vec<Cid> },
    Stats(oneshot::Sender<Stats>),
    Unmet(oneshot::Sender<Vec<Unmet>>),
}
