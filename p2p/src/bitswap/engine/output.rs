//! What the engine wants done, and how its being done is reported.

use bytes::Bytes;
use cid::Cid;
use libp2p::PeerId;

use super::{Job, SessionId};
use crate::bitswap::message::{Message, WantKind};

/// What a message carries; each kind has a lane of its own to every peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Purpose {
    /// Our wants and cancels.
    Ask,
    /// Blocks and presences for the peer.
    Answer,
}

/// How sending a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// All of it was handed to the connection.
    Delivered,
    /// It was not, or not all of it.
    Failed,
    /// There is no connection to the peer.
    NotConnected,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// Send a message and report by [`Engine::sent`](super::Engine::sent).
    Send {
        /// What the report names.
        job: Job,
        /// To whom.
        peer: PeerId,
        /// On which lane.
        purpose: Purpose,
        /// What.
        message: Message,
    },
    /// Look blocks up, in order, and report by [`Engine::looked_up`](super::Engine::looked_up).
    LookUp {
        /// What the report names.
        job: Job,
        /// For whom.
        peer: PeerId,
        /// What, and whether the block itself is asked for.
        wanted: Vec<(Cid, WantKind)>,
    },
    /// Hand a wanted block to a session. Happens once for each want.
    Deliver {
        /// To whom.
        session: SessionId,
        /// The block's name, which its bytes were checked against.
        cid: Cid,
        /// Its bytes.
        data: Bytes,
        /// Who sent it.
        from: PeerId,
    },
}

/// What a message held, for the counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// Blocks.
    pub blocks: u64,
    /// Bytes of blocks.
    pub bytes: u64,
    /// Haves and dont-haves.
    pub presences: u64,
}

impl From<&Message> for Content {
    fn from(message: &Message) -> Self {
        Self {
            blocks: message.blocks.len() as u64,
            bytes: message.blocks.iter().map(|block| block.data.len() as u64).sum(),
            presences: message.presences.len() as u64,
        }
    }
}
