//! Resync of a database: heads are exchanged with every peer now, and what they offer is waited for.

use super::{
    exchange::ExchangeNow,
    handle::Database,
    request::{Closed, Command},
};
use std::time::Duration;
use tokio::sync::oneshot;

/// What came of a resync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resync {
    /// Peers that heads were exchanged with.
    pub peers: usize,
    /// Peers where that failed.
    pub failed: usize,
    /// Entries that came in meanwhile.
    pub fetched: u64,
    /// Whether everything that was offered has been settled. If not, the time ran out.
    pub settled: bool,
}

/// What peers said when they were asked for their heads.
#[derive(Debug, Clone, Copy)]
struct Asked {
    peers: usize,
    failed: usize,
    settled: bool,
}

/// How many peers a resync waits for, and for how long, when fewer have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeersWanted {
    /// Peers that serve the database.
    pub count: usize,
    /// At most so long.
    pub within: Duration,
}

impl Database {
    /// Waits for peers that serve the database, exchanges heads with every one that does, and waits until what they offered
    /// is settled; at most `timeout`, all in all.
    pub async fn resync(&self, timeout: Duration, wanted: PeersWanted) -> Result<Resync, Closed> {
        let before = self.status.borrow().len;
        let start = tokio::time::Instant::now();
        let deadline = start + timeout;
        // Those that are there are asked first: waiting for others must not use up the time to ask.
        let mut asked = self.ask(deadline).await?;
        if asked.peers < wanted.count {
            let mut exchanges = self.exchanges.clone();
            let come = exchanges.wait_for(|status| status.peers.len() >= wanted.count);
            let come = tokio::time::timeout_at(start + wanted.within, come).await.map(|come| come.map(drop));
            if let Ok(come) = come {
                come.map_err(|_| Closed)?;
                asked = self.ask(deadline).await?;
            }
        }
        let Asked { peers, failed, settled } = asked;
        let fetched = self.status.borrow().len.saturating_sub(before);
        Ok(Resync { peers, failed, fetched, settled })
    }

    /// Exchanges heads with every peer that serves the database now and waits until what they offered is settled, at most
    /// until `deadline`.
    async fn ask(&self, deadline: tokio::time::Instant) -> Result<Asked, Closed> {
        let (reply, answer) = oneshot::channel();
        self.exchange_now.send(ExchangeNow { reply }).await.map_err(|_| Closed)?;
        let (peers, failed) = match tokio::time::timeout_at(deadline, answer).await {
            Ok(tally) => tally.map_err(|_| Closed)?,
            Err(_) => (0, self.exchanges.borrow().peers.len()),
        };
        let (reply, settled) = oneshot::channel();
        self.commands.send(Command::Settled { reply }).await.map_err(|_| Closed)?;
        let settled = matches!(tokio::time::timeout_at(deadline, settled).await, Ok(Ok(())));
        Ok(Asked { peers, failed, settled })
    }
}
