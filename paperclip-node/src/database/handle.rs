//! The handle to a database, which everybody but its task holds.

use super::{
    change::Change,
    exchange::ExchangeNow,
    followers::Followers,
    request::{Closed, Command, Precondition, Write, WriteError},
    settings::Settings,
    status::{ExchangeStatus, LogStatus, TaskFault},
};
use oplog::{
    Address, Hash, access::Writers, javascript, manifest::Manifest, reading::Reading, view::Operation,
};
use std::sync::Arc;
use store::{DatabaseStore, StoreError, VerifyReport};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// The handle to an open database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pub(super) address: Address,
    pub(super) manifest: Arc<Manifest>,
    pub(super) store: DatabaseStore,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) exchange_now: mpsc::Sender<ExchangeNow>,
    pub(super) status: watch::Receiver<LogStatus>,
    pub(super) exchanges: watch::Receiver<ExchangeStatus>,
    pub(super) followers: Followers,
    pub(super) settings: watch::Sender<Settings>,
}

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
        let write = Box::new(Write { operation, precondition, reply });
        self.commands.send(Command::Append(write)).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)?
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

    /// Why its task has ended although nobody closed it; `None` while it runs.
    pub fn ended(&self) -> Option<TaskFault> {
        if let Some(error) = &self.status.borrow().failed {
            return Some(TaskFault::Store(Arc::clone(error)));
        }
        self.commands.is_closed().then_some(TaskFault::Ended)
    }

    /// Changes who may write, for a database whose access controller is a database.
    pub async fn set_writers(&self, writers: Writers) -> Result<(), Closed> {
        self.commands.send(Command::SetWriters(writers)).await.map_err(|_| Closed)?;
        // what was refused for lack of rights is offered again
        let (reply, _) = oneshot::channel();
        self.exchange_now.send(ExchangeNow { reply }).await.map_err(|_| Closed)
    }
}
