//! When to exchange heads with whom. Pure: time and jitter are given.
//!
//! JavaScript exchanges once per connection and relies on pubsub from then on, so what is lost stays lost. We exchange with
//! every peer that serves the database as soon as it appears, again and again at an interval, and soon again after a
//! failure: a JavaScript peer subscribes before it accepts its heads protocol (wire document, section 9).

use libp2p::PeerId;
use p2p::backoff::{Backoff, spread};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Pause after the first exchange that failed; it doubles with every further one.
const FIRST_RETRY: Duration = Duration::from_millis(200);

/// Exchanges of one database that run at a time, so that a slow peer delays few others.
const MAX_RUNNING: usize = 8;

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Heads went both ways.
    Done,
    /// The peer does not serve the database.
    NotServed,
    /// The stream could not be opened, or broke.
    Failed,
}

#[derive(Debug)]
struct Turn {
    at: Instant,
    running: bool,
    failures: u32,
}

/// The exchanges of one database.
#[derive(Debug)]
pub struct Schedule {
    interval: Duration,
    peers: BTreeMap<PeerId, Turn>,
}

impl Schedule {
    /// A schedule that repeats exchanges about every `interval`.
    pub fn new(interval: Duration) -> Self {
        Self { interval, peers: BTreeMap::new() }
    }

    /// The peers that serve the database now; new ones are due at once.
    pub fn set_peers(&mut self, peers: &BTreeSet<PeerId>, now: Instant) {
        self.peers.retain(|peer, _| peers.contains(peer));
        for peer in peers {
            self.peers.entry(*peer).or_insert(Turn { at: now, running: false, failures: 0 });
        }
    }

    /// Repeats exchanges about every `interval` from now on.
    pub fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// Makes one peer due: it has just said that it serves the database. Failures before that say nothing.
    pub fn hurry(&mut self, peer: &PeerId, now: Instant) {
        if let Some(turn) = self.peers.get_mut(peer) {
            turn.at = turn.at.min(now);
            turn.failures = 0;
        }
    }

    /// Makes every peer due.
    pub fn all_now(&mut self, now: Instant) {
        self.peers.values_mut().for_each(|turn| turn.at = turn.at.min(now));
    }

    /// Peers to exchange with now, which are then taken to be under way.
    pub fn due(&mut self, now: Instant) -> Vec<PeerId> {
        let running = self.peers.values().filter(|turn| turn.running).count();
        let free = MAX_RUNNING.saturating_sub(running);
        let due = self.peers.iter_mut().filter(|(_, turn)| !turn.running && turn.at <= now).take(free);
        due.map(|(peer, turn)| {
            turn.running = true;
            *peer
        })
        .collect()
    }

    /// An exchange with `peer` that we started has ended. `jitter` from 0 to 1 spreads the next one.
    pub fn ended(&mut self, peer: &PeerId, outcome: Outcome, now: Instant, jitter: f64) {
        let Some(turn) = self.peers.get_mut(peer) else { return };
        turn.running = false;
        let pause = match outcome {
            Outcome::Done => {
                turn.failures = 0;
                self.interval
            }
            Outcome::NotServed | Outcome::Failed => {
                let pause = Backoff::new(FIRST_RETRY, self.interval).pause(turn.failures);
                turn.failures = turn.failures.saturating_add(1);
                pause
            }
        };
        turn.at = now + spread(pause, jitter);
    }

    /// An exchange that `peer` started went well: heads went both ways, so ours with it can wait. One that is due already
    /// may be one that somebody waits for.
    pub fn answered(&mut self, peer: &PeerId, now: Instant, jitter: f64) {
        let next = now + spread(self.interval, jitter);
        if let Some(turn) = self.peers.get_mut(peer).filter(|turn| !turn.running && turn.at > now) {
            turn.at = turn.at.max(next);
            turn.failures = 0;
        }
    }

    /// When [`due`](Self::due) has something again.
    pub fn next(&self) -> Option<Instant> {
        let running = self.peers.values().filter(|turn| turn.running).count();
        let waiting = self.peers.values().filter(|turn| !turn.running).map(|turn| turn.at);
        waiting.min().filter(|_| running < MAX_RUNNING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    #[test]
    fn a_new_peer_is_due_at_once_and_then_at_the_interval() {
        let (mut schedule, now, peer) = (Schedule::new(INTERVAL), Instant::now(), PeerId::random());
        schedule.set_peers(&BTreeSet::from([peer]), now);
        assert_eq!(schedule.due(now), [peer]);
        assert!(schedule.due(now).is_empty() && schedule.next().is_none());
        schedule.ended(&peer, Outcome::Done, now, 0.5);
        assert_eq!(schedule.next(), Some(now + INTERVAL));
        schedule.all_now(now);
        assert_eq!(schedule.due(now), [peer]);
    }

    #[test]
    fn failures_are_retried_soon_and_never_later_than_the_interval() {
        let (mut schedule, mut now, peer) = (Schedule::new(INTERVAL), Instant::now(), PeerId::random());
        schedule.set_peers(&BTreeSet::from([peer]), now);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            assert_eq!(schedule.due(now), [peer]);
            schedule.ended(&peer, Outcome::Failed, now, 0.5);
            let next = schedule.next().unwrap();
            pauses.push(next - now);
            now = next;
        }
        assert_eq!((pauses[0], pauses[11]), (FIRST_RETRY, INTERVAL));
        schedule.set_peers(&BTreeSet::new(), now);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn an_exchange_that_the_peer_started_counts_as_well() {
        let (mut schedule, now, peer) = (Schedule::new(INTERVAL), Instant::now(), PeerId::random());
        schedule.set_peers(&BTreeSet::from([peer]), now);
        schedule.answered(&peer, now, 0.5);
        assert_eq!(schedule.due(now), [peer], "due already");
        schedule.answered(&peer, now, 0.5);
        schedule.ended(&peer, Outcome::Failed, now, 0.5);
        assert_eq!(schedule.next(), Some(now + FIRST_RETRY));
        schedule.answered(&peer, now, 0.5);
        assert_eq!(schedule.next(), Some(now + INTERVAL));
        let later = now + INTERVAL / 2;
        schedule.answered(&peer, later, 0.5);
        assert_eq!(schedule.next(), Some(later + INTERVAL));
        schedule.hurry(&peer, later);
        assert_eq!(schedule.due(later), [peer]);
    }

    #[test]
    fn so_many_run_at_a_time() {
        let (mut schedule, now) = (Schedule::new(INTERVAL), Instant::now());
        let peers: BTreeSet<PeerId> = (0..20).map(|_| PeerId::random()).collect();
        schedule.set_peers(&peers, now);
        let running = schedule.due(now);
        assert_eq!(running.len(), MAX_RUNNING);
        assert_eq!((schedule.due(now).len(), schedule.next()), (0, None));
        schedule.ended(&running[0], Outcome::Done, now, 0.0);
        assert_eq!(schedule.due(now).len(), 1);
    }
}
