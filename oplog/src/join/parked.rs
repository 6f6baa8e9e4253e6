//! Parked entries: verified, on disk, and waiting for blocks that nobody connected has. They take no want, and little memory.
//!
//! When the peer that led to them comes back it offers its head again, and the fetch goes on where it was; so it does when
//! another peer comes who may have what is missing.

use super::Source;
use crate::{hash::Hash, shares::Shares};
use hashlink::LinkedHashMap;
use std::collections::{HashMap, VecDeque};

/// The shortest pause, in ticks, between two times that parked heads are looked at again. It doubles while that leads to nothing.
const WAKE_AFTER: u32 = 15;

/// How often the pause doubles at most.
const MAX_DOUBLINGS: u32 = 7;

/// Ticks after which a parked entry is given up.
const GIVE_UP_AFTER: u32 = 43_200;

/// Parked entries that take as much memory as a pending one.
pub(super) const PARKED_PER_ENTRY: usize = 4;

#[derive(Debug, Clone, Copy)]
pub(super) struct ParkedEntry<P> {
    pub(super) source: Source<P>,
    /// What it takes on disk.
    pub(super) bytes: u32,
    /// Whether nothing parked builds on it.
    head: bool,
    since: u32,
}

/// Hashes in the order in which they were parked, some of which may have gone.
#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Hash>,
    heads: VecDeque<Hash>,
}

/// All parked entries of a joiner.
#[derive(Debug)]
pub(super) struct Parked<P> {
    entries: HashMap<Hash, ParkedEntry<P>>,
    queues: LinkedHashMap<Option<P>, Queue>,
    room: Shares<Option<P>>,
    heads: Shares<Option<P>>,
    now: u32,
    /// Whether heads are to be looked at again.
    woken: bool,
    wake_at: u32,
    doublings: u32,
}

impl<P: Copy + Eq + std::hash::Hash> Parked<P> {
    pub(super) fn new(entries: usize, heads: usize) -> Self {
        Self {
            entries: HashMap::new(),
            queues: LinkedHashMap::new(),
            room: Shares::new(entries as u64),
            heads: Shares::new(heads as u64),
            now: 0,
            woken: false,
            wake_at: 0,
            doublings: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Takes an entry out.
    pub(super) fn take(&mut self, hash: &Hash) -> Option<ParkedEntry<P>> {
        let entry = self.entries.remove(hash)?;
        let peer = entry.source.peer();
        self.room.give_back(peer, 1);
        if entry.head {
            self.heads.give_back(peer, 1);
        }
        self.tidy(peer);
        Some(entry)
    }

    fn tidy(&mut self, peer: Option<P>) {
        let (left, heads) = (self.room.held(peer), self.heads.held(peer));
        let (entries, Some(queue)) = (&self.entries, self.queues.get_mut(&peer)) else { return };
        if left == 0 {
            self.queues.remove(&peer);
            return;
        }
        for (queue, left) in [(&mut queue.entries, left), (&mut queue.heads, heads)] {
            if queue.len() as u64 > left * 2 + 64 {
                queue.retain(|hash| entries.contains_key(hash));
            }
        }
    }

    pub(super) fn insert(&mut self, hash: Hash, source: Source<P>, bytes: u32, head: bool) {
        let peer = source.peer();
        let queue = self.queues.entry(peer).or_insert_with(Queue::default);
        self.room.take_always(peer, 1);
        queue.entries.push_back(hash);
        if head {
            self.heads.take_always(peer, 1);
            queue.heads.push_back(hash);
        }
        self.entries.insert(hash, ParkedEntry { source, bytes, head, since: self.now });
    }

    /// The oldest of a peer, or of its heads.
    pub(super) fn oldest(&mut self, peer: Option<P>, heads: bool) -> Option<Hash> {
        let queue = self.queues.get_mut(&peer)?;
        let queue = if heads { &mut queue.heads } else { &mut queue.entries };
        while let Some(hash) = queue.front() {
            if self.entries.get(hash).is_some_and(|entry| entry.source.peer() == peer) {
                return Some(*hash);
            }
            queue.pop_front();
        }
        None
    }

    /// One that has to go because its peer has more than there is room for, or because its time is over.
    pub(super) fn next_out(&mut self) -> Option<Hash> {
        let peers: Vec<Option<P>> = self.queues.keys().copied().collect();
        for peer in peers {
            let over = |shares: &Shares<Option<P>>| shares.held(peer) > shares.allowance(peer);
            let (entries, heads) = (over(&self.room), over(&self.heads));
            let Some(oldest) = self.oldest(peer, heads && !entries) else { continue };
            let since = self.entries.get(&oldest).map_or(self.now, |entry| entry.since);
            if entries || heads || self.now.wrapping_sub(since) >= GIVE_UP_AFTER {
                return Some(oldest);
            }
        }
        None
    }

    /// Whether no peer has more than there is room for.
    pub(super) fn is_bounded(&self) -> bool {
        self.room.over().is_empty() && self.heads.over().is_empty()
    }

    /// The hashes of all, in no order that means something.
    pub(super) fn hashes(&self) -> impl Iterator<Item = &Hash> {
        self.entries.keys()
    }

    /// What each takes on disk, and whose share that is of.
    pub(super) fn staged(&self) -> impl Iterator<Item = (Option<P>, u64)> {
        self.entries.values().map(|entry| (entry.source.peer(), entry.bytes.into()))
    }

    /// Panics when a share is not the number of entries, or one is in no queue.
    pub(super) fn check(&self) {
        let mut counts: HashMap<Option<P>, (u64, u64)> = HashMap::new();
        for (hash, entry) in &self.entries {
            let (all, heads) = counts.entry(entry.source.peer()).or_default();
            (*all, *heads) = (*all + 1, *heads + u64::from(entry.head));
            let queue = self.queues.get(&entry.source.peer());
            assert!(
                queue.is_some_and(|queue| queue.entries.contains(hash)),
                "a parked entry is in line to go"
            );
        }
        let (all, heads) = counts.values().fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        assert_eq!((self.room.total(), self.heads.total()), (all, heads), "parked entries are counted");
        let held = |peer: &Option<P>| (self.room.held(*peer), self.heads.held(*peer));
        assert!(counts.iter().all(|(peer, count)| held(peer) == *count), "by the peer that led to them");
    }

    /// A moment has passed.
    pub(super) fn tick(&mut self) {
        self.now = self.now.wrapping_add(1);
    }

    /// Heads are to be looked at again.
    pub(super) fn wake(&mut self) {
        self.woken = true;
    }

    /// The next time that heads are to be looked at they are looked at at once.
    pub(super) fn forget_pause(&mut self) {
        (self.doublings, self.wake_at) = (0, self.now);
    }

    /// The heads that are to be looked at again now.
    pub(super) fn heads_due(&mut self) -> Vec<(Hash, Source<P>)> {
        let early = self.wake_at.wrapping_sub(self.now).cast_signed() > 0;
        if !self.woken || early {
            return Vec::new();
        }
        self.woken = false;
        if self.entries.is_empty() {
            return Vec::new();
        }
        self.wake_at = self.now.wrapping_add(WAKE_AFTER << self.doublings);
        self.doublings = (self.doublings + 1).min(MAX_DOUBLINGS);
        let heads = self.entries.iter().filter(|(_, entry)| entry.head);
        let mut due: Vec<_> = heads.map(|(hash, entry)| (*hash, entry.source)).collect();
        due.sort_unstable_by_key(|(hash, _)| *hash);
        due
    }
}
