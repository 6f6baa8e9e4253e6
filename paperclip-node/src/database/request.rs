//! Requests to a database's task: writes with their conditions, changes of who may write, heads that peers offer. And how
//! they fail.

use super::restore::Restore;
use crate::net::Held;
use bytes::Bytes;
use libp2p::PeerId;
use oplog::{Hash, access::Writers, javascript::Unreadable, log::AppendError, view::Operation};
use std::{fmt, sync::Arc};
use store::StoreError;
use tokio::sync::oneshot;

/// Commands that wait for a database's task; whoever sends more waits.
pub const COMMAND_QUEUE: usize = 1024;

/// Offers of heads that wait for a database's task; the exchanges that bring more wait.
pub(super) const OFFER_QUEUE: usize = 1;

/// A request to the task.
#[derive(Debug)]
pub(super) enum Command {
    Append(Box<Write>),
    SetWriters(Writers),
    Restore(Restore),
    /// Answered when no entry is pending.
    Settled {
        reply: oneshot::Sender<()>,
    },
}

/// Heads that a peer sent in an exchange. They wait apart from the commands, so that writes do not wait for them.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) peer: PeerId,
    pub(super) heads: Vec<Bytes>,
    /// What they take of the room for heads.
    pub(super) held: Held,
    /// Dropped when they have been looked at.
    pub(super) looked_at: oneshot::Sender<()>,
}

/// A write of this node.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) operation: Operation,
    pub(super) precondition: Option<Precondition>,
    pub(super) reply: oneshot::Sender<Result<Hash, WriteError>>,
}

/// The database's task has ended: it was closed, or the node is shutting down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the database is closed")]
pub struct Closed;

/// Why a write was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The node's signing key is not certified by the cluster's root key yet.
    #[error("this node has no certificate yet and cannot write; see `paperclip-node identity show`")]
    NotCertified,
    /// The access controller does not list the cluster.
    #[error("identity {0} may not write to this database")]
    NotAllowed(String),
    /// The key shows another entry than the writer has made a condition of.
    #[error("{}", shown(.0.as_ref()))]
    Precondition(Option<Hash>),
    /// The log cannot take the entry.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The store failed; nothing of the write is acknowledged.
    #[error("{0}")]
    Store(Arc<StoreError>),
    /// JavaScript would not read the entry as it is written.
    #[error(
        "{0}. It would refuse the entry and all that builds on it. If no JavaScript reads this database: paperclip-node db set DB --javascript false"
    )]
    Unreadable(#[from] Unreadable),
    /// The database is closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

fn shown(current: Option<&Hash>) -> String {
    match current {
        Some(hash) => format!("the key is at entry {hash} now; nothing was written"),
        None => "the key does not exist now; nothing was written".to_owned(),
    }
}

/// What must hold of the entry that a key shows, if it shows one, for a write of the key to be made.
pub struct Precondition(Box<Holds>);

type Holds = dyn Fn(Option<&Hash>) -> bool + Send;

impl Precondition {
    /// A write is made if `holds` says so.
    pub fn new(holds: impl Fn(Option<&Hash>) -> bool + Send + 'static) -> Self {
        Self(Box::new(holds))
    }

    /// Whether it holds of the entry that the key shows now.
    pub(super) fn holds(&self, current: Option<&Hash>) -> bool {
        (self.0)(current)
    }
}

impl fmt::Debug for Precondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Precondition(…)")
    }
}
