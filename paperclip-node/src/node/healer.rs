//! Healing: damaged blocks are fetched again from peers, by their hash, and written anew.

use crate::net::{Network, cid};
use oplog::Hash;
use p2p::bitswap::{Received, Session};
use std::{collections::HashSet, time::Duration};
use store::{Healed, Store};
use tokio_util::sync::CancellationToken;

/// Damaged blocks that are asked of peers at once. Others wait for their turn.
const MAX_HEALED_AT_ONCE: usize = 512;

/// How long blocks that nobody gives keep others from being asked for, when there are more of them than that.
const TURN: Duration = Duration::from_secs(30);

/// Asks peers for what is damaged in the store.
pub(super) struct Healer {
    pub(super) store: Store,
    pub(super) network: Network,
}

/// What is being asked for.
struct Asking {
    session: Session,
    wanted: HashSet<Hash>,
    /// The hash that was wanted last: the next turn begins behind it.
    last: Option<Hash>,
    /// Whether a block came that could not be written. It is asked for again in the next turn.
    unwritten: bool,
}

impl Healer {
    /// Heals until the node stops.
    pub(super) async fn run(self, stop: CancellationToken) {
        let Ok(session) = self.network.blocks().session().await else { return };
        let mut asking = Asking { session, wanted: HashSet::new(), last: None, unwritten: false };
        let mut damaged = self.store.damaged_count();
        let mut turns = tokio::time::interval(TURN);
        loop {
            damaged.borrow_and_update();
            asking.follow(&self.store.damaged());
            tokio::select! {
                () = stop.cancelled() => return,
                changed = damaged.changed() => if changed.is_err() {
                    return;
                },
                received = asking.session.recv() => match received {
                    Some(received) => self.heal(received, &mut asking).await,
                    None => return,
                },
                _ = turns.tick() => asking.take_turns(),
            }
        }
    }

    async fn heal(&self, Received { cid, data, .. }: Received, asking: &mut Asking) {
        let hash = Hash::of(&data);
        let store = self.store.clone();
        let healed = tokio::task::spawn_blocking(move || store.heal(&hash, &data)).await;
        match healed {
            Ok(Ok(Healed::Rewritten)) => {
                asking.wanted.remove(&hash);
                self.network.stored(vec![hash]).await;
                // Not waited for: what a crash undoes is damaged again, and healed again.
                tokio::spawn(self.store.flushed());
            }
            Ok(Ok(Healed::Whole | Healed::Unknown)) => drop(asking.wanted.remove(&hash)),
            Ok(Err(error)) => {
                tracing::error!(%cid, %error, "a damaged block cannot be written anew");
                asking.unwritten = true;
            }
            Err(_) => tracing::debug!("the node is shutting down"),
        }
    }
}

impl Asking {
    /// Wants what is damaged and no longer what is not.
    fn follow(&mut self, damaged: &[Hash]) {
        let known: HashSet<&Hash> = damaged.iter().collect();
        let whole: Vec<Hash> = self.wanted.iter().filter(|hash| !known.contains(hash)).copied().collect();
        for hash in whole {
            self.wanted.remove(&hash);
            self.session.cancel([&cid(hash)]);
        }
        let behind = self.last.map_or(0, |last| damaged.partition_point(|hash| *hash <= last));
        let in_turn = damaged[behind..].iter().chain(&damaged[..behind]);
        for hash in in_turn.filter(|hash| !self.wanted.contains(hash)).copied().collect::<Vec<_>>() {
            if self.wanted.len() >= MAX_HEALED_AT_ONCE || self.session.want([cid(hash)], None).is_err() {
                break;
            }
            self.wanted.insert(hash);
            self.last = Some(hash);
        }
    }

    /// Lets others be asked for, when as many as can be are asked for in vain, and what was not written once more.
    fn take_turns(&mut self) {
        if std::mem::take(&mut self.unwritten) || self.wanted.len() >= MAX_HEALED_AT_ONCE {
            let cids: Vec<_> = self.wanted.drain().map(cid).collect();
            self.session.cancel(&cids);
        }
    }
}
