//! Opening one database: from its address to its tasks.

use super::{
    failure::OpenFailure,
    fetch, guard,
    registry::{Registered, Registry, State},
};
use crate::database::{Context, Database, OpenError, Settings};
use oplog::{
    Address,
    access::{AccessList, Writers},
    manifest::{AccessAddress, Manifest},
};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// What an opener tells the keeper.
pub(super) enum News {
    /// It is served.
    Opened(Database),
    /// It cannot be.
    Failed(Address, OpenFailure),
    /// The access controller of a database must be open first.
    NeedsGuard(Address),
}

/// Opens one database.
pub(super) struct Opener {
    pub(super) address: Address,
    pub(super) settings: Settings,
    pub(super) context: Context,
    pub(super) registry: watch::Receiver<Arc<Registry>>,
    pub(super) news: mpsc::Sender<News>,
    pub(super) stop: CancellationToken,
}

/// A guard with its own list.
struct Guard {
    database: Database,
    inner: AccessList,
    /// Its heads before its rights were read.
    read: Arc<[oplog::order::Position]>,
}

impl Opener {
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        let opened = tokio::select! {
            () = stop.cancelled() => return,
            opened = self.open() => opened,
        };
        let news = match opened {
            Ok(database) => News::Opened(database),
            Err(failure) => News::Failed(self.address, failure),
        };
        self.tell(news).await;
    }

    async fn open(&mut self) -> Result<Database, OpenFailure> {
        let (store, network) = (self.context.store.clone(), self.context.network.clone());
        let block = fetch::block(&store, &network, self.address.manifest()).await?;
        let manifest = Manifest::decode(&block)?;
        let mut blocks = vec![(self.address.manifest(), block)];
        let mut guard = None;
        let writers = match manifest.access {
            AccessAddress::Ipfs(hash) => {
                let block = fetch::block(&store, &network, hash).await?;
                let writers = AccessList::decode(&block)?.writers();
                blocks.push((hash, block));
                writers
            }
            AccessAddress::OrbitDb(address) => {
                let (opened, writers) = self.guard(address).await?;
                guard = Some(opened);
                writers
            }
        };
        // Peers that pin the database need these from us; they go to disk with the next flush.
        store.put_blocks(&blocks).map_err(OpenError::from)?;
        network.stored(blocks.into_iter().map(|(hash, _)| hash).collect()).await;
        let opening = self.context.open(manifest, writers, self.settings.clone(), self.stop.clone()).await?;
        let database = opening.database;
        if let Some(Guard { database: guard, inner, read }) = guard {
            let damaged = self.context.store.damaged_count();
            let follow = guard::follow(guard, inner, read, database.clone(), damaged, self.stop.clone());
            self.context.tasks.spawn(follow);
        }
        Ok(database)
    }

    /// Waits for the access controller to be open, and reads it.
    async fn guard(&mut self, address: Address) -> Result<(Guard, Writers), OpenFailure> {
        self.tell(News::NeedsGuard(address)).await;
        let settled = |registry: &Arc<Registry>| {
            registry.get(&address).is_some_and(|known| !matches!(known.state, State::Opening))
        };
        let registry = self.registry.wait_for(settled).await.map_err(|_| OpenFailure::Stopping)?.clone();
        let database = match registry.get(&address).map(|known: &Registered| &known.state) {
            Some(State::Open(database)) => database.clone(),
            Some(State::Failed(failure)) => return Err(OpenFailure::Guard(Arc::clone(failure))),
            Some(State::Opening) | None => return Err(OpenFailure::Stopping),
        };
        let AccessAddress::Ipfs(inner) = database.manifest().access else {
            return Err(OpenFailure::GuardedGuard);
        };
        let inner = fetch::block(&self.context.store, &self.context.network, inner).await?;
        let inner = AccessList::decode(&inner)?;
        let damaged = self.context.store.damaged_count();
        // Before the rights are read: a grant that comes meanwhile is then seen as a change.
        let read = database.status().borrow().heads.clone();
        let writers = guard::whole_writers(&database, &inner, damaged).await?;
        Ok((Guard { database, inner, read }, writers))
    }

    async fn tell(&self, news: News) {
        if self.news.send(news).await.is_err() {
            tracing::debug!(address = %self.address, "the node is shutting down");
        }
    }
}
