//! One consumer's wants.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use cid::Cid;
use libp2p::PeerId;
use tokio::sync::mpsc;

use super::{
    command::Command,
    engine::SessionId,
    limits::{SESSION_BACKLOG, SESSION_WINDOW},
    recipient::{Event, Received, Recipient},
};

/// The wants do not fit into what the session may keep for later; none of them was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a session keeps no more than {SESSION_BACKLOG} wants for later")]
pub struct BacklogFull;

/// What the session thinks of a want that is with the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Wanted,
    Cancelled,
    /// Cancelled, and wanted again before the driver confirmed that.
    WantedAgain,
}

/// The wants of one consumer (a database), and the blocks that arrive for it.
///
/// Any number of wants up to [`SESSION_BACKLOG`] may be put in; [`SESSION_WINDOW`] of them are under way at a time,
/// and a block counts as under way until [`Session::recv`] has returned it. So a consumer that is slow to take its
/// blocks slows only itself. Sessions that want the same block each get it, and it is fetched once.
///
/// Dropping a session cancels all that it wants.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Event>,
    queued: Arc<AtomicUsize>,
    /// With the driver.
    under_way: HashMap<Cid, Status>,
    backlog: VecDeque<(Cid, Option<PeerId>)>,
    /// What `backlog` holds and was not cancelled.
    waiting: HashSet<Cid>,
    /// To be told to the driver; each is in `under_way`.
    cancels: VecDeque<Cid>,
}

impl Session {
    pub(super) fn new(id: SessionId, commands: mpsc::Sender<Command>) -> (Self, Recipient) {
        let (sender, events) = mpsc::channel(SESSION_WINDOW);
        let queued = Arc::new(AtomicUsize::new(0));
        let recipient = Recipient { events: sender, queued: Arc::clone(&queued) };
        let session = Self {
            id,
            commands,
            events,
            queued,
            under_way: HashMap::new(),
            backlog: VecDeque::new(),
            waiting: HashSet::new(),
            cancels: VecDeque::new(),
        };
        (session, recipient)
    }

    /// Wants blocks, in this order. `hint` is the peer that is asked first, best the one that mentioned them. What
    /// is wanted already is not wanted twice. Does not wait; asking goes on in [`Session::recv`] if need be.
    ///
    /// # Errors
    ///
    /// More than [`SESSION_BACKLOG`] wants would have to be kept for later. Take some blocks first.
    pub fn want(
        &mut self,
        cids: impl IntoIterator<Item = Cid>,
        hint: Option<PeerId>,
    ) -> Result<(), BacklogFull> {
        let cids: Vec<Cid> = cids.into_iter().collect();
        if self.backlog.len() + cids.len() > SESSION_BACKLOG {
            return Err(BacklogFull);
        }
        for cid in cids {
            match self.under_way.get_mut(&cid) {
                Some(Status::Wanted | Status::WantedAgain) => {}
                Some(status) => *status = Status::WantedAgain,
                None if self.waiting.insert(cid) => self.backlog.push_back((cid, hint)),
                None => {}
            }
        }
        self.feed();
        Ok(())
    }

    /// Wants blocks no longer. None of them is returned by [`Session::recv`] from now on.
    pub fn cancel<'a>(&mut self, cids: impl IntoIterator<Item = &'a Cid>) {
        for cid in cids {
            self.waiting.remove(cid);
            match self.under_way.get_mut(cid) {
                Some(status @ Status::Wanted) => {
                    *status = Status::Cancelled;
                    self.cancels.push_back(*cid);
                }
                // Its cancel is with the driver, or in `cancels`, already.
                Some(status @ Status::WantedAgain) => *status = Status::Cancelled,
                Some(Status::Cancelled) | None => {}
            }
        }
        if self.waiting.is_empty() {
            self.backlog.clear();
        }
        self.feed();
    }

    /// Wants that have not been answered: under way and for later.
    pub fn open(&self) -> usize {
        self.waiting.len() + self.under_way.values().filter(|status| **status != Status::Cancelled).count()
    }

    /// The next wanted block. Waits for as long as it takes, for ever if nothing is wanted; `None` once the exchange
    /// has ended. Nothing is lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<Received> {
        loop {
            self.feed();
            let event = if self.can_feed() {
                tokio::select! {
                    event = self.events.recv() => event,
                    // There is room for a command now, or nobody to take it.
                    permit = self.commands.reserve() => match permit {
                        Ok(_) => continue,
                        Err(_) => None,
                    },
                }
            } else {
                self.events.recv().await
            };
            if let Some(received) = self.settle(event?) {
                return Some(received);
            }
        }
    }

    /// Takes note of what the driver told, and gives the block if it is wanted still.
    fn settle(&mut self, event: Event) -> Option<Received> {
        match event {
            Event::Received(received) => {
                self.queued.fetch_sub(received.data.len(), Ordering::AcqRel);
                let status = self.under_way.remove(&received.cid)?;
                (status != Status::Cancelled).then_some(received)
            }
            Event::Cancelled(cid) => {
                if self.under_way.remove(&cid) == Some(Status::WantedAgain) {
                    self.want_again(cid);
                }
                None
            }
            Event::Overflowed(cid) => {
                if self.under_way.remove(&cid).is_some_and(|status| status != Status::Cancelled) {
                    self.want_again(cid);
                }
                None
            }
        }
    }

    fn want_again(&mut self, cid: Cid) {
        if self.waiting.insert(cid) {
            self.backlog.push_front((cid, None));
        }
    }

    fn can_feed(&self) -> bool {
        !self.cancels.is_empty() || (!self.backlog.is_empty() && self.under_way.len() < SESSION_WINDOW)
    }

    /// Hands as much to the driver as both can take.
    fn feed(&mut self) {
        while self.can_feed() {
            let Ok(permit) = self.commands.try_reserve() else {
                return;
            };
            let session = self.id;
            if !self.cancels.is_empty() {
                let cids = self.cancels.drain(..).collect();
                permit.send(Command::Cancel { session, cids });
                continue;
            }
            let room = SESSION_WINDOW - self.under_way.len();
            let hint = self.backlog.front().and_then(|(_, hint)| *hint);
            let mut cids = Vec::new();
            while cids.len() < room
                && let Some((cid, _)) = self.backlog.front().copied().filter(|(_, next)| *next == hint)
            {
                self.backlog.pop_front();
                // Others were cancelled while they waited.
                if self.waiting.remove(&cid) {
                    self.under_way.insert(cid, Status::Wanted);
                    cids.push(cid);
                }
            }
            if !cids.is_empty() {
                permit.send(Command::Want { session, cids, hint });
            }
        }
    }
}
