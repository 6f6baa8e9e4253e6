//! Resync and verification, when somebody asks for them.

use super::{
    error::NodeError,
    failure::Failure,
    handle::Node,
    info::DatabaseInfo,
    registry::{Registered, Standing},
};
use crate::database::{Database, PeersWanted, Resync};
use oplog::{Address, Hash};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use store::{StoreError, VerifyReport};

/// How long after its start a node that is asked for a resync waits for its configured peers to be connected.
const PEERS_COME_WITHIN: Duration = Duration::from_secs(15);

/// How long connected peers are waited for that have not said yet whether they serve the database.
const PEERS_TELL_WITHIN: Duration = Duration::from_secs(2);

/// Why a database could not be looked at.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unavailable {
    /// It is not open yet.
    #[error("its manifest or access list has not been found on any peer yet")]
    Opening,
    /// It cannot be opened, or its task has ended.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Unavailable {
    /// How the database stands.
    pub fn standing(&self) -> Standing {
        match self {
            Self::Opening => Standing::Opening,
            Self::Failed(failure) => Standing::Failed(failure.clone()),
        }
    }
}

/// A resync of one database.
#[derive(Debug, Clone)]
pub struct ResyncReport {
    /// Which.
    pub address: Address,
    /// Its name, if it is known.
    pub name: Option<String>,
    /// How many peers had to answer, if that was asked for.
    pub wait_peers: Option<usize>,
    /// Configured peers that are not connected, and so were not asked.
    pub unconnected: usize,
    /// Entries of it that are damaged here and have not been healed.
    pub damaged: usize,
    /// What came of it.
    pub outcome: Result<Resync, Unavailable>,
}

impl ResyncReport {
    /// Whether the node has what its peers have, whole. With `wait_peers`, as many answered. Without, at least one did, all that
    /// were asked did, and all configured peers are connected.
    pub fn is_complete(&self) -> bool {
        let Ok(Resync { peers, failed, settled, .. }) = self.outcome else { return false };
        settled
            && self.damaged == 0
            && match self.wait_peers {
                Some(wanted) => peers >= wanted.max(1),
                None => peers > 0 && failed == 0 && self.unconnected == 0,
            }
    }
}

/// A check of one database.
#[derive(Debug)]
pub struct DatabaseVerify {
    /// Which.
    pub address: Address,
    /// Its name, if it is known.
    pub name: Option<String>,
    /// Blocks that were damaged and have been healed meanwhile.
    pub healed: usize,
    /// What was found, after the healing.
    pub outcome: Result<VerifyReport, VerifyFailure>,
}

/// Why a database was not checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyFailure {
    /// It could not be looked at.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Node {
    /// Compares a database with the peers again, and fetches what is missing, at most until `timeout`. Waits for
    /// `wait_peers` peers to serve it; without, only for those that are about to connect.
    pub async fn resync(
        &self,
        wanted: &str,
        timeout: Duration,
        wait_peers: Option<usize>,
    ) -> Result<ResyncReport, NodeError> {
        let (info, database) = self.reach(wanted)?;
        let deadline = Instant::now() + timeout;
        let peers = match wait_peers {
            Some(count) => PeersWanted { count: count.max(1), within: timeout },
            None => PeersWanted { count: 1, within: self.peers_come(timeout).await },
        };
        let mut damaged = Vec::new();
        let outcome = match database {
            Ok(database) => {
                let ended = |_| Unavailable::Failed(database.ended().map_or(Failure::Closed, Failure::from));
                let resynced = database.resync(timeout, peers).await.map_err(ended);
                damaged = database.damaged();
                self.heal(&mut damaged, deadline.saturating_duration_since(Instant::now())).await;
                resynced
            }
            Err(unavailable) => Err(unavailable),
        };
        let unconnected = *self.0.network.unconnected().borrow();
        let damaged = damaged.len();
        Ok(ResyncReport { address: info.address, name: info.name, wait_peers, unconnected, damaged, outcome })
    }

    /// Waits for the configured peers of a node that has just started. Gives how long to wait for connected peers to tell
    /// what they serve.
    async fn peers_come(&self, timeout: Duration) -> Duration {
        let left = PEERS_COME_WITHIN.saturating_sub(self.0.started.elapsed()).min(timeout);
        let mut unconnected = self.0.network.unconnected();
        // Whether they came shows in the report.
        drop(tokio::time::timeout(left, unconnected.wait_for(|count| *count == 0)).await);
        let alone = self.0.network.peers().borrow().is_empty();
        if alone { Duration::ZERO } else { PEERS_TELL_WITHIN.min(timeout) }
    }

    /// Checks a database, block by block. With `repair`, waits at most so long for peers to give what is damaged, and then
    /// checks again.
    pub async fn verify(&self, wanted: &str, repair: Option<Duration>) -> Result<DatabaseVerify, NodeError> {
        let (info, database) = self.reach(wanted)?;
        let mut healed = 0;
        let outcome = match database {
            Ok(database) => self.check(&database, repair, &mut healed).await.map_err(VerifyFailure::from),
            Err(unavailable) => Err(unavailable.into()),
        };
        Ok(DatabaseVerify { address: info.address, name: info.name, healed, outcome })
    }

    async fn check(
        &self,
        database: &Database,
        repair: Option<Duration>,
        healed: &mut usize,
    ) -> Result<VerifyReport, StoreError> {
        let found = database.verify().await?;
        let Some(within) = repair.filter(|_| !found.damaged.is_empty()) else { return Ok(found) };
        let mut damaged = found.damaged;
        let before = damaged.len();
        self.heal(&mut damaged, within).await;
        *healed = before - damaged.len();
        database.verify().await
    }

    /// Waits until these blocks are healed, but not for ever. Leaves those that are not.
    async fn heal(&self, damaged: &mut Vec<Hash>, within: Duration) {
        let store = &self.0.store;
        let mut count = store.damaged_count();
        let healed = async {
            loop {
                count.borrow_and_update();
                let known: HashSet<Hash> = store.damaged().into_iter().collect();
                damaged.retain(|hash| known.contains(hash));
                if damaged.is_empty() || count.changed().await.is_err() {
                    return;
                }
            }
        };
        // What is left then is told.
        drop(tokio::time::timeout(within, healed).await);
    }

    fn reach(&self, wanted: &str) -> Result<(DatabaseInfo, Result<Database, Unavailable>), NodeError> {
        let info = self.info(wanted)?;
        let open = self.0.registry.borrow().get(&info.address).and_then(Registered::open).cloned();
        let database = match (&info.state, open) {
            (Standing::Open, Some(database)) => Ok(database),
            (Standing::Open, None) => Err(Unavailable::Failed(Failure::Closed)),
            (Standing::Opening, _) => Err(Unavailable::Opening),
            (Standing::Failed(failure), _) => Err(Unavailable::Failed(failure.clone())),
        };
        Ok((info, database))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resync_is_complete_only_when_somebody_was_asked() {
        let report = |peers, failed, unconnected, wait_peers| ResyncReport {
            address: Address::new(Hash::of(b"a")),
            name: None,
            wait_peers,
            unconnected,
            damaged: 0,
            outcome: Ok(Resync { peers, failed, fetched: 0, settled: true }),
        };
        assert!(report(1, 0, 0, None).is_complete());
        assert!(!report(0, 0, 0, None).is_complete(), "nobody was asked");
        assert!(!report(1, 1, 0, None).is_complete(), "one did not answer");
        assert!(!report(1, 0, 1, None).is_complete(), "a configured peer is down");
        assert!(report(2, 1, 1, Some(2)).is_complete(), "as many as were wanted");
        assert!(!report(1, 0, 0, Some(2)).is_complete());
        assert!(!report(0, 0, 0, Some(0)).is_complete());
        assert!(!ResyncReport { damaged: 1, ..report(1, 0, 0, None) }.is_complete());
        let mut unsettled = report(1, 0, 0, None);
        unsettled.outcome = Ok(Resync { peers: 1, failed: 0, fetched: 0, settled: false });
        assert!(!unsettled.is_complete());
        unsettled.outcome = Err(Unavailable::Opening);
        assert!(!unsettled.is_complete());
    }
}
