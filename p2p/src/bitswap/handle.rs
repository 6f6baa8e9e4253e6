//! The handle that the rest of a program holds.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use cid::Cid;
use libp2p::PeerId;
use tokio::sync::{mpsc, oneshot};

use super::{
    Stats,
    command::Command,
    engine::{SessionId, Unmet},
    session::Session,
};

/// The exchange's driver has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the block exchange has ended")]
pub struct Ended;

/// Tells the exchange what happens and asks it for sessions. Cheap to clone. The exchange ends when all handles and
/// sessions are dropped.
///
/// The driver never waits for the swarm, so the loop that runs the swarm may wait for these methods.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    last_session: Arc<AtomicU64>,
}

impl Handle {
    pub(super) fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands, last_session: Arc::default() }
    }

    async fn command(&self, command: Command) -> Result<(), Ended> {
        self.commands.send(command).await.map_err(|_| Ended)
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Ended> {
        let (reply, answer) = oneshot::channel();
        self.command(command(reply)).await?;
        answer.await.map_err(|_| Ended)
    }

    /// `peer` is connected and its identify lists [`PROTOCOL`](super::PROTOCOL): from now on it is asked for what we
    /// want. To be told after every new connection to a peer that had none; telling twice does no harm.
    ///
    /// # Errors
    ///
    /// The exchange has ended.
    pub async fn peer_ready(&self, peer: PeerId) -> Result<(), Ended> {
        self.command(Command::PeerReady(peer)).await
    }

    /// The last connection to `peer` is closed. To be told for every peer, ready or not: a peer's wants are held
    /// until then.
    ///
    /// # Errors
    ///
    /// The exchange has ended.
    pub async fn peer_gone(&self, peer: PeerId) -> Result<(), Ended> {
        self.command(Command::PeerGone(peer)).await
    }

    /// Blocks are in the store now, fetched or made here: peers that asked for them in vain get them.
    ///
    /// # Errors
    ///
    /// The exchange has ended.
    pub async fn stored(&self, cids: Vec<Cid>) -> Result<(), Ended> {
        self.command(Command::Stored(cids)).await
    }

    /// A new session, which wants nothing yet.
    ///
    /// # Errors
    ///
    /// The exchange has ended.
    pub async fn session(&self) -> Result<Session, Ended> {
        let id = SessionId(self.last_session.fetch_add(1, Ordering::Relaxed));
        let (session, recipient) = Session::new(id, self.commands.clone());
        self.command(Command::Open { session: id, recipient }).await?;
        Ok(session)
    }

    /// What happened so far, and what is open now.
    ///
    /// # Errors
    ///
    /// The exchange has ended.
    pub async fn stats(&self) -> Result<Stats, Ended> {
        self.ask(Command::Stats).await
    }

    /// Every wanted block that has not arrived, with its age and how often it was asked for.
    ///
    /// # Errors
    ///
    /// The exchange has ended.
    pub async fn unmet(&self) -> Result<Vec<Unmet>, Ended> {
        self.ask(Command::Unmet).await
    }
}
