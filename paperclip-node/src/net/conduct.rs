//! Offences: what a peer does that no honest replica does. They are counted per peer, and a peer that goes on loses its
//! connections.

use libp2p::PeerId;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Offences of one peer, counted while it is connected, after which its connections are closed. More than one, because a
/// JavaScript replica takes some blocks that are refused here and offers them in good faith: it comes back after a
/// disconnect, and what was refused once is not judged again.
const MAX_OFFENCES: u32 = 32;

/// The same of messages that a peer only passes on. JavaScript passes on whatever it hears, so the author is to blame; but who
/// passes on this many is of no use as a neighbour.
const MAX_RELAYED_OFFENCES: u32 = 1024;

/// How long a peer whose connections were closed is refused.
pub(super) const REFUSED_FOR: Duration = Duration::from_secs(60);

/// Refused peers that are remembered; beyond it the one refused longest ago may come back early.
const MAX_REFUSED: usize = 1024;

/// What a peer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Offence {
    /// Offered a block that is not the canonical encoding of an entry or an identity.
    NotCanonical,
    /// Offered a block that is no entry at all, or a heads stream that holds something else than blocks.
    Undecodable,
    /// Offered an entry of another log.
    WrongLog,
    /// Offered an entry whose signature, or whose identity's, does not fit.
    BadSignature,
    /// Is subscribed to more topics of its own than there is room for.
    TooManyTopics,
    /// Passed on the message of another peer that is one of the above.
    Relayed,
}

impl Offence {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NotCanonical,
        Self::Undecodable,
        Self::WrongLog,
        Self::BadSignature,
        Self::TooManyTopics,
        Self::Relayed,
    ];

    /// A short name for a metric's label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotCanonical => "not-canonical",
            Self::Undecodable => "undecodable",
            Self::WrongLog => "wrong-log",
            Self::BadSignature => "bad-signature",
            Self::TooManyTopics => "too-many-topics",
            Self::Relayed => "relayed",
        }
    }
}

/// Totals since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConductStats {
    /// Offences, in the order of [`Offence::ALL`].
    pub offences: [u64; Offence::ALL.len()],
    /// Peers whose connections were closed for them.
    pub disconnected: u64,
}

/// The counters behind [`ConductStats`], shared by the network's task and its handles.
#[derive(Debug, Clone, Default)]
pub(super) struct ConductCounters(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    offences: [AtomicU64; Offence::ALL.len()],
    disconnected: AtomicU64,
}

impl ConductCounters {
    pub(super) fn snapshot(&self) -> ConductStats {
        ConductStats {
            offences: self.0.offences.each_ref().map(|counter| counter.load(Ordering::Relaxed)),
            disconnected: self.0.disconnected.load(Ordering::Relaxed),
        }
    }
}

/// The offences of one connected peer.
#[derive(Debug, Default)]
struct Record {
    own: u32,
    relayed: u32,
}

/// The offences of connected peers.
#[derive(Debug, Default)]
pub(super) struct Conduct {
    offences: HashMap<PeerId, Record>,
    /// Until when who is refused, oldest first.
    refused: VecDeque<(Instant, PeerId)>,
    counters: ConductCounters,
}

impl Conduct {
    pub(super) fn new(counters: ConductCounters) -> Self {
        Self { offences: HashMap::new(), refused: VecDeque::new(), counters }
    }

    /// Notes what a connected peer did, `times` times. Whether it has to go.
    pub(super) fn offended(&mut self, peer: PeerId, offence: Offence, times: u32) -> bool {
        if let Some(at) = Offence::ALL.iter().position(|known| *known == offence) {
            self.counters.0.offences[at].fetch_add(times.into(), Ordering::Relaxed);
        }
        let record = self.offences.entry(peer).or_default();
        let (count, bound) = match offence {
            Offence::Relayed => (&mut record.relayed, MAX_RELAYED_OFFENCES),
            _ => (&mut record.own, MAX_OFFENCES),
        };
        let before = *count;
        *count = before.saturating_add(times);
        let over = before < bound && *count >= bound;
        if over {
            self.counters.0.disconnected.fetch_add(1, Ordering::Relaxed);
        }
        over
    }

    /// Notes that a peer is refused from now on. Who is not any more, for want of room.
    pub(super) fn refuse(&mut self, peer: PeerId, now: Instant) -> Option<PeerId> {
        self.refused.push_back((now + REFUSED_FOR, peer));
        (self.refused.len() > MAX_REFUSED).then(|| self.refused.pop_front()).flatten().map(|(_, peer)| peer)
    }

    /// One peer whose time is over.
    pub(super) fn forgiven(&mut self, now: Instant) -> Option<PeerId> {
        let (until, _) = self.refused.front()?;
        (*until <= now).then(|| self.refused.pop_front()).flatten().map(|(_, peer)| peer)
    }

    /// When [`forgiven`](Self::forgiven) has somebody again.
    pub(super) fn next_forgiven(&self) -> Option<Instant> {
        self.refused.front().map(|(until, _)| *until)
    }

    /// The peer has gone: it begins anew when it comes back.
    pub(super) fn gone(&mut self, peer: &PeerId) {
        self.offences.remove(peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_refused_for_a_while_and_so_many_are_remembered() {
        let (mut conduct, now) = (Conduct::default(), Instant::now());
        let peers: Vec<PeerId> = (0..=MAX_REFUSED).map(|_| PeerId::random()).collect();
        let early: Vec<PeerId> = peers.iter().filter_map(|peer| conduct.refuse(*peer, now)).collect();
        assert_eq!(early, peers[..1]);
        assert_eq!((conduct.forgiven(now), conduct.next_forgiven()), (None, Some(now + REFUSED_FOR)));
        let mut forgiven = 0;
        while conduct.forgiven(now + REFUSED_FOR).is_some() {
            forgiven += 1;
        }
        assert_eq!((forgiven, conduct.next_forgiven()), (MAX_REFUSED, None));
    }

    #[test]
    fn a_peer_has_to_go_once_at_the_bound_and_begins_anew_when_it_comes_back() {
        let (mut conduct, peer, other) = (Conduct::default(), PeerId::random(), PeerId::random());
        for _ in 1..MAX_OFFENCES {
            assert!(!conduct.offended(peer, Offence::BadSignature, 1));
        }
        assert!(!conduct.offended(other, Offence::BadSignature, 1), "each peer answers for itself");
        assert!(conduct.offended(peer, Offence::NotCanonical, 1));
        assert!(!conduct.offended(peer, Offence::NotCanonical, 1), "it is told to go once");
        conduct.gone(&peer);
        assert!(!conduct.offended(peer, Offence::WrongLog, MAX_OFFENCES - 1));
        assert!(conduct.offended(peer, Offence::WrongLog, u32::MAX));
        let stats = conduct.counters.snapshot();
        assert_eq!(stats.disconnected, 2);
        assert_eq!(
            stats.offences,
            [2, 0, u64::from(MAX_OFFENCES - 1) + u64::from(u32::MAX), u64::from(MAX_OFFENCES), 0, 0]
        );
    }

    #[test]
    fn what_a_peer_only_passes_on_is_forgiven_for_longer() {
        let (mut conduct, peer) = (Conduct::default(), PeerId::random());
        assert!(!conduct.offended(peer, Offence::Relayed, MAX_RELAYED_OFFENCES - 1));
        assert!(!conduct.offended(peer, Offence::Undecodable, 1), "its own are counted apart");
        assert!(conduct.offended(peer, Offence::Relayed, 1));
    }
}
