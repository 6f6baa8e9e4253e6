//! Databases: each is owned by one task, and everybody else holds a [`Database`].
//!
//! | file | concept |
//! | --- | --- |
//! | `task` | the one writer: takes commands, applies commits |
//! | `append` | local writes: signed one upon another, stored together, acknowledged when they are on disk |
//! | `joining` | entries of others: offered, fetched, verified, committed |
//! | `exchange` | the exchange of heads with the peers that serve the database |
//! | `followers` | who is told of every entry as it comes in |
//! | `replicas` | which peers these are |
//! | `backlog` | what entries that wait take of the node, and the part of each database |
//! | `refusals` | what was refused, how often and why |
//! | `staged` | verified entries that wait for their ancestors, on disk |
//! | `read` | reads, straight from the store |
//! | `reading` | how its operations are understood, as found from them |
//! | `settings` | what is chosen per database |

mod append;
mod backlog;
mod exchange;
mod followers;
mod joining;
mod open;
mod read;
mod reading;
mod refusals;
mod replicas;
mod settings;
mod staged;
mod task;
mod verify_pool;

pub use append::{Precondition, WriteError};
pub use backlog::{Backlog, MAX_NODE_PENDING, MAX_NODE_PENDING_BYTES, MAX_NODE_STAGED_BYTES, Waiting};
pub use open::{Context, OpenError, Opening};
pub use read::{Live, ReadError, Scanned};
pub use refusals::{MAX_REFUSALS_LISTED, Refusals, Refused};
pub use settings::Settings;
pub use task::Author;
pub use verify_pool::VerifyPool;

use crate::net::Held;
use bytes::Bytes;
use followers::Followers;
use libp2p::PeerId;
use oplog::{
    Address, Hash, access::Writers, javascript, manifest::Manifest, order::Position, reading::Reading,
    view::Operation,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::{DatabaseStore, StoreError, VerifyReport};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Commands that wait for a database's task; whoever sends more waits.
pub const COMMAND_QUEUE: usize = 1024;

/// Offers of heads that wait for a database's task; the exchanges that bring more wait.
const OFFER_QUEUE: usize = 1;

/// Changes that a slow follower may be behind before it loses some and must catch up from the log.
pub const CHANGE_QUEUE: usize = 1024;

/// Blocks listed as unreachable, per database.
pub const MAX_UNREACHABLE_LISTED: usize = 100;

/// An entry that came into the log, by a write here or from a peer.
#[derive(Debug, Clone)]
pub struct Change {
    /// Where it stands.
    pub position: Position,
    /// Its block.
    pub block: Bytes,
}

/// A block that no peer has given yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreachable {
    /// Which.
    pub hash: Hash,
    /// For how long it has been wanted.
    pub age: Duration,
    /// How often peers were asked.
    pub asked: u32,
}

/// How a database stands now.
#[derive(Debug, Clone, Default)]
pub struct LogStatus {
    /// Heads, greatest first.
    pub heads: Arc<[Position]>,
    /// Entries in the log.
    pub len: u64,
    /// Entries that wait for their ancestors or their verdict, parked ones included.
    pub pending: usize,
    /// Those that wait on disk until a peer comes who may have what they build on.
    pub parked: usize,
    /// Bytes of them in memory.
    pub pending_bytes: usize,
    /// Blocks that nobody gives.
    pub unreachable: Arc<[Unreachable]>,
    /// What was refused since the database was opened.
    pub refusals: Arc<Refusals>,
    /// Entries of others that JavaScript does not read as they are written, since the database was opened.
    pub unreadable: u64,
    /// Who may write.
    pub writers: Writers,
    /// How the operations are understood, as found from them.
    pub found: Reading,
    /// Why the task takes nothing any more, if so.
    pub failed: Option<Arc<StoreError>>,
}

impl LogStatus {
    /// The digest of the heads: equal digests, equal logs.
    pub fn digest(&self) -> String {
        oplog::log::heads_digest(self.heads.iter().map(|head| head.hash))
    }
}

/// How exchanges of heads went.
#[derive(Debug, Clone, Default)]
pub struct ExchangeStatus {
    /// Peers that serve the database.
    pub peers: Vec<PeerId>,
    /// When heads were last exchanged with any of them.
    pub last: Option<Instant>,
}

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

#[derive(Debug)]
enum Command {
    Append(Box<append::Write>),
    SetWriters(Writers),
    /// Answered when no entry is pending.
    Settled {
        reply: oneshot::Sender<()>,
    },
}

/// Heads that a peer sent in an exchange. They wait apart from the commands, so that writes do not wait for them.
#[derive(Debug)]
struct Offer {
    peer: PeerId,
    heads: Vec<Bytes>,
    /// What they take of the room for heads.
    held: Held,
    /// Dropped when they have been looked at.
    looked_at: oneshot::Sender<()>,
}

/// The handle to an open database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    address: Address,
    manifest: Arc<Manifest>,
    store: DatabaseStore,
    commands: mpsc::Sender<Command>,
    exchange_now: mpsc::Sender<exchange::Now>,
    status: watch::Receiver<LogStatus>,
    exchanges: watch::Receiver<ExchangeStatus>,
    followers: Followers,
    settings: watch::Sender<Settings>,
}

/// The database's task has ended: it was closed, or the node is shutting down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the database is closed")]
pub struct Closed;

impl Database {
    /// Its address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// What it is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What is chosen for it.
    pub fn settings(&self) -> Settings {
        self.settings.borrow().clone()
    }

    /// Changes what is chosen for it. Whose keys are taken changes when it is opened next.
    pub fn set(&self, settings: Settings) {
        self.settings.send_replace(settings);
    }

    /// How its operations are understood: as it was chosen, or as it was found from them.
    pub fn reading(&self) -> Reading {
        let chosen = self.settings.borrow().reading.clone();
        chosen.unwrap_or_else(|| self.status.borrow().found.clone())
    }

    /// How it stands, now and whenever that changes.
    pub fn status(&self) -> watch::Receiver<LogStatus> {
        self.status.clone()
    }

    /// How the exchanges of heads go.
    pub fn exchanges(&self) -> ExchangeStatus {
        self.exchanges.borrow().clone()
    }

    /// Entries from now on, as they come into the log. A follower that is more than [`CHANGE_QUEUE`] behind is told that
    /// it missed some.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.followers.follow()
    }

    /// Signs and stores an entry, giving its hash once it is on disk. Refused when JavaScript would not read it as it is
    /// written, unless the settings say that none does.
    pub async fn append(&self, operation: Operation) -> Result<Hash, WriteError> {
        self.append_if(operation, None).await
    }

    /// As [`append`](Self::append), if a condition on the key's entry holds as the write is made. No other write of this node
    /// comes between; writes of other nodes are merged as ever.
    pub async fn append_if(
        &self,
        operation: Operation,
        precondition: Option<Precondition>,
    ) -> Result<Hash, WriteError> {
        if !self.settings.borrow().no_javascript {
            javascript::check_operation(&operation)?;
        }
        let (reply, answer) = oneshot::channel();
        let write = Box::new(append::Write { operation, precondition, reply });
        self.commands.send(Command::Append(write)).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)?
    }

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
        self.exchange_now.send(exchange::Now { reply }).await.map_err(|_| Closed)?;
        let (peers, failed) = match tokio::time::timeout_at(deadline, answer).await {
            Ok(tally) => tally.map_err(|_| Closed)?,
            Err(_) => (0, self.exchanges.borrow().peers.len()),
        };
        let (reply, settled) = oneshot::channel();
        self.commands.send(Command::Settled { reply }).await.map_err(|_| Closed)?;
        let settled = matches!(tokio::time::timeout_at(deadline, settled).await, Ok(Ok(())));
        Ok(Asked { peers, failed, settled })
    }

    /// Checks every block, signature and index. Reads and writes go on meanwhile.
    pub async fn verify(&self) -> Result<VerifyReport, StoreError> {
        let store = self.store.clone();
        let verified = tokio::task::spawn_blocking(move || store.verify_signatures(|_| {})).await;
        verified.unwrap_or(Err(StoreError::Interrupted))
    }

    /// Hashes of its entries that are known to be damaged or missing on the disk.
    pub fn damaged(&self) -> Vec<Hash> {
        self.store.damaged()
    }

    /// Why its task has ended although nobody closed it, in one line; `None` while it runs.
    pub fn ended(&self) -> Option<String> {
        if let Some(error) = &self.status.borrow().failed {
            return Some(error.to_string());
        }
        self.commands.is_closed().then(|| "its task has ended; restart the node".to_owned())
    }

    /// Changes who may write, for a database whose access controller is a database.
    pub async fn set_writers(&self, writers: Writers) -> Result<(), Closed> {
        self.commands.send(Command::SetWriters(writers)).await.map_err(|_| Closed)?;
        // what was refused for lack of rights is offered again
        let (reply, _) = oneshot::channel();
        self.exchange_now.send(exchange::Now { reply }).await.map_err(|_| Closed)
    }
}
