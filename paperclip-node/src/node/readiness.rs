//! Readiness: whether a node can serve, and what keeps it from it.

use super::{handle::Node, keeper::Boot};
use crate::database::{Database, TaskFault};
use oplog::Address;
use store::StoreError;

/// Whether the node can serve.
#[derive(Debug, Clone)]
pub enum Readiness {
    /// It can.
    Ready,
    /// It cannot, for each of these reasons.
    NotReady(Vec<Obstacle>),
}

/// Why a node cannot serve. The page on status has what to do about each.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Obstacle {
    /// A flush failed.
    #[error("the store no longer writes after a failed flush; restart the node")]
    FailedFlush,
    /// The disk was full at the start.
    #[error("{}", StoreError::ReadOnly)]
    ReadOnly,
    /// It cannot write in its cluster's name.
    #[error("the node's key is not certified by the cluster yet")]
    NotCertified,
    /// No peer can connect.
    #[error("the node does not listen yet")]
    NotListening,
    /// It has just started.
    #[error("databases that the node holds are still being opened")]
    OpeningDatabases,
    /// The task of a database has ended.
    #[error("database {address} takes no more entries: {fault}")]
    DatabaseEnded {
        /// Which.
        address: Address,
        /// Why.
        fault: TaskFault,
    },
}

impl Node {
    /// Whether the node can serve: the store writes, the databases that it held before are open again, and it may write.
    pub fn ready(&self) -> Readiness {
        let stats = self.0.store.stats();
        let mut obstacles: Vec<Obstacle> = [
            (stats.poisoned, Obstacle::FailedFlush),
            (stats.read_only, Obstacle::ReadOnly),
            (self.0.identity.borrow().hash.is_none(), Obstacle::NotCertified),
            (self.0.network.listen_addrs().is_empty(), Obstacle::NotListening),
            (*self.0.boot.borrow() != Boot::Done, Obstacle::OpeningDatabases),
        ]
        .into_iter()
        .filter_map(|(stands, obstacle)| stands.then_some(obstacle))
        .collect();
        for (address, known) in self.0.registry.borrow().iter() {
            if let Some(fault) = known.open().and_then(Database::ended) {
                obstacles.push(Obstacle::DatabaseEnded { address: *address, fault });
            }
        }
        if obstacles.is_empty() { Readiness::Ready } else { Readiness::NotReady(obstacles) }
    }
}
