//! When to dial the configured peers. Pure: time and jitter are given.

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use p2p::backoff::{Backoff, spread};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Pause after the first failed dial; it doubles with every further one.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause between two dials of a peer.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Keeps the configured peers connected: dials, and dials again with growing pauses.
#[derive(Debug, Default)]
pub(super) struct Dialer {
    targets: BTreeMap<Multiaddr, Target>,
}

#[derive(Debug)]
struct Target {
    /// Who answers there: named by the address, or known since the first connection.
    peer: Option<PeerId>,
    state: State,
    /// When it came to be connected, or not.
    since: Instant,
    failures: u32,
    last_error: Option<String>,
    /// It is known by the log that it is not reached.
    warned: bool,
}

/// A configured peer as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredPeer {
    /// Where it is dialled.
    pub address: Multiaddr,
    /// Who it is, if the address says so or it was connected before.
    pub peer: Option<PeerId>,
    /// How it stands.
    pub state: DialState,
    /// Since it is connected, or is not; for one that never was, since the start.
    pub since: Instant,
    /// Why the last dial failed, in one line; none while it is connected.
    pub last_error: Option<String>,
}

/// How a configured peer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialState {
    /// It is connected.
    Connected,
    /// It is being dialled.
    Dialling,
    /// It was not reached, or has gone; when it is dialled again.
    Failed {
        /// The next dial.
        next: Instant,
    },
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Waiting {
        until: Instant,
    },
    Dialing,
    Connected,
    /// It is this node itself.
    Own,
}

impl Dialer {
    /// Replaces the configured peers; those that stay keep their state.
    pub(super) fn set(&mut self, addresses: &[Multiaddr], local: PeerId, now: Instant) {
        self.targets.retain(|address, _| addresses.contains(address));
        for address in addresses {
            let peer = last_peer(address);
            let own = peer == Some(local);
            self.targets.entry(address.clone()).or_insert_with(|| Target {
                peer,
                state: if own { State::Own } else { State::Waiting { until: now } },
                since: now,
                failures: 0,
                last_error: None,
                warned: false,
            });
        }
    }

    /// The peers to dial now, which are then taken to be dialled. `connected` tells who is there already.
    pub(super) fn due(&mut self, now: Instant, connected: impl Fn(&PeerId) -> bool) -> Vec<Multiaddr> {
        let mut due = Vec::new();
        for (address, target) in &mut self.targets {
            match target.state {
                State::Waiting { until } if until <= now => {
                    target.state = if target.peer.is_some_and(|peer| connected(&peer)) {
                        State::Connected
                    } else {
                        due.push(address.clone());
                        State::Dialing
                    };
                }
                _ => {}
            }
        }
        due
    }

    /// When [`due`](Self::due) has something again.
    pub(super) fn next(&self) -> Option<Instant> {
        let waiting = self.targets.values().filter_map(|target| match target.state {
            State::Waiting { until } => Some(until),
            _ => None,
        });
        waiting.min()
    }

    /// Configured peers, this node itself left out, that are not connected now.
    pub(super) fn unconnected(&self) -> usize {
        let waiting = |target: &&Target| matches!(target.state, State::Waiting { .. } | State::Dialing);
        self.targets.values().filter(waiting).count()
    }

    /// The configured peers, this node itself left out.
    pub(super) fn configured(&self) -> Vec<ConfiguredPeer> {
        let shown = |(address, target): (&Multiaddr, &Target)| {
            let state = match target.state {
                State::Own => return None,
                State::Connected => DialState::Connected,
                State::Dialing => DialState::Dialling,
                State::Waiting { until } => DialState::Failed { next: until },
            };
            Some(ConfiguredPeer {
                address: address.clone(),
                peer: target.peer,
                state,
                since: target.since,
                last_error: target.last_error.clone(),
            })
        };
        self.targets.iter().filter_map(shown).collect()
    }

    /// A connection stands, dialled at `address` if by us.
    pub(super) fn connected(&mut self, peer: PeerId, address: Option<&Multiaddr>, now: Instant) {
        for (configured, target) in &mut self.targets {
            if target.peer == Some(peer) || address == Some(configured) {
                target.peer = Some(peer);
                if target.state != State::Connected {
                    target.since = now;
                }
                target.state = State::Connected;
                target.failures = 0;
                target.last_error = None;
                target.warned = false;
            }
        }
    }

    /// The last connection to a peer is gone.
    pub(super) fn disconnected(&mut self, peer: PeerId, now: Instant, jitter: f64) {
        let lost = |target: &&mut Target| target.peer == Some(peer) && target.state == State::Connected;
        self.targets.values_mut().filter(lost).for_each(|target| {
            target.since = now;
            target.pause(now, jitter);
        });
    }

    /// A dial failed; `own` when it reached this node itself, which is not tried again. Whether this is the first failure since
    /// the peer was connected, which people are to be told of.
    pub(super) fn failed(
        &mut self,
        address: &Multiaddr,
        own: bool,
        reason: String,
        now: Instant,
        jitter: f64,
    ) -> bool {
        let Some(target) = self.targets.get_mut(address) else { return false };
        if own {
            target.state = State::Own;
            return false;
        }
        target.pause(now, jitter);
        target.last_error = Some(reason);
        !std::mem::replace(&mut target.warned, true)
    }
}

impl Target {
    /// `jitter` from 0 to 1 spreads the pause, so that a restarted cluster does not dial in step.
    fn pause(&mut self, now: Instant, jitter: f64) {
        let pause = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE).pause(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.state = State::Waiting { until: now + spread(pause, jitter) };
    }
}

/// The peer id at the end of an address, if it has one.
pub(super) fn last_peer(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last()? {
        Protocol::P2p(peer) => Some(peer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn pauses_grow_to_a_bound_and_start_over_after_a_connection() {
        let (mut dialer, mut now) = (Dialer::default(), Instant::now());
        let (local, peer) = (PeerId::random(), PeerId::random());
        dialer.set(&[address(1)], local, now);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            assert_eq!(dialer.due(now, |_| false), [address(1)]);
            assert!(dialer.due(now, |_| false).is_empty(), "one dial at a time");
            let first = dialer.failed(&address(1), false, "nobody there".into(), now, 0.5);
            assert_eq!(first, pauses.is_empty(), "told once");
            let next = dialer.next().unwrap();
            pauses.push(next - now);
            now = next;
        }
        assert!(pauses.is_sorted());
        assert_eq!((pauses[0], pauses[11]), (FIRST_PAUSE, LONGEST_PAUSE));

        assert_eq!((dialer.due(now, |_| false).len(), dialer.unconnected()), (1, 1));
        let down = &dialer.configured()[0];
        assert_eq!((down.state, down.last_error.as_deref()), (DialState::Dialling, Some("nobody there")));
        dialer.connected(peer, Some(&address(1)), now);
        let up = &dialer.configured()[0];
        assert_eq!((up.state, up.peer, up.last_error.as_deref()), (DialState::Connected, Some(peer), None));
        assert_eq!(dialer.unconnected(), 0);
        assert_eq!(dialer.next(), None);
        dialer.disconnected(peer, now, 0.5);
        assert_eq!(dialer.next(), Some(now + FIRST_PAUSE));
    }

    #[test]
    fn a_peer_that_came_by_itself_is_not_dialled() {
        let (mut dialer, now, peer) = (Dialer::default(), Instant::now(), PeerId::random());
        let named = address(1).with(Protocol::P2p(peer));
        dialer.set(&[named], PeerId::random(), now);
        assert!(dialer.due(now, |other| *other == peer).is_empty());
        dialer.disconnected(peer, now, 0.0);
        assert!(dialer.next().is_some());
    }

    #[test]
    fn the_node_itself_is_not_dialled() {
        let (mut dialer, now, local) = (Dialer::default(), Instant::now(), PeerId::random());
        dialer.set(&[address(1).with(Protocol::P2p(local)), address(2)], local, now);
        assert_eq!(dialer.due(now, |_| false), [address(2)]);
        assert!(!dialer.failed(&address(2), true, "itself".into(), now, 0.0));
        assert!(dialer.configured().is_empty());
        assert_eq!((dialer.next(), dialer.unconnected()), (None, 0));
    }
}
