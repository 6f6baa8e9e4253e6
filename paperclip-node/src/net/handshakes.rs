//! Handshakes of inbound connections: how many may be under way, whose, and which one gives way to a newcomer. Pure.
//!
//! A newcomer is always let in. Where a bound is reached, the oldest handshake gives way: of the same host when that host
//! has used its share, else of the host with the most. So silent connections shut out neither other hosts nor honest
//! connections of the same host, which need a few milliseconds.

use libp2p::{Multiaddr, multiaddr::Protocol};
use std::{
    collections::{HashMap, VecDeque},
    net::{Ipv4Addr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Handshakes of inbound connections under way at a time.
pub(super) const MAX_HALF_OPEN: usize = 128;

/// Those of one host.
pub(super) const MAX_HALF_OPEN_PER_HOST: usize = 64;

/// How long the handshake of an inbound connection may take, from the first byte to the muxer.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where connections come from, as far as one sender can be told from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Host {
    V4(Ipv4Addr),
    /// The first 64 bits: whoever has one address there has all of them.
    V6([u16; 4]),
    /// An address without an IP.
    Unknown,
}

impl Host {
    pub(super) fn of(address: &Multiaddr) -> Self {
        match address.iter().next() {
            Some(Protocol::Ip4(ip)) => Self::V4(ip),
            Some(Protocol::Ip6(ip)) => Self::of_v6(ip),
            _ => Self::Unknown,
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Self {
        match ip.to_ipv4_mapped() {
            Some(ip) => Self::V4(ip),
            None => {
                let [a, b, c, d, ..] = ip.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// Names a handshake until it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct HandshakeId(u64);

/// The handshakes under way, each with what ends it.
#[derive(Debug)]
pub(super) struct HalfOpen<E> {
    /// Oldest first, never empty.
    hosts: HashMap<Host, VecDeque<(HandshakeId, E)>>,
    whose: HashMap<HandshakeId, Host>,
    next: u64,
}

impl<E> Default for HalfOpen<E> {
    fn default() -> Self {
        Self { hosts: HashMap::new(), whose: HashMap::new(), next: 0 }
    }
}

impl<E> HalfOpen<E> {
    /// Takes a newcomer in. What ends another handshake is given back when that one has to go for it.
    pub(super) fn admit(&mut self, host: Host, end: E) -> (HandshakeId, Option<E>) {
        let displaced = if self.hosts.get(&host).is_some_and(|own| own.len() >= MAX_HALF_OPEN_PER_HOST) {
            self.remove_oldest(host)
        } else if self.whose.len() >= MAX_HALF_OPEN {
            let greediest = self.hosts.iter().max_by_key(|(_, own)| own.len()).map(|(host, _)| *host);
            greediest.and_then(|host| self.remove_oldest(host))
        } else {
            None
        };
        let id = HandshakeId(self.next);
        self.next += 1;
        self.hosts.entry(host).or_default().push_back((id, end));
        self.whose.insert(id, host);
        (id, displaced)
    }

    fn remove_oldest(&mut self, host: Host) -> Option<E> {
        let (id, _) = self.hosts.get(&host)?.front()?;
        self.remove(*id)
    }

    /// A handshake has ended. One that had to go before is not known any more, which is no matter.
    pub(super) fn ended(&mut self, id: HandshakeId) {
        drop(self.remove(id));
    }

    fn remove(&mut self, id: HandshakeId) -> Option<E> {
        let host = self.whose.remove(&id)?;
        let own = self.hosts.get_mut(&host)?;
        let at = own.iter().position(|(known, _)| *known == id)?;
        let (_, end) = own.remove(at)?;
        if own.is_empty() {
            self.hosts.remove(&host);
        }
        Some(end)
    }
}

/// How handshakes of inbound connections ended since the start, and how many are under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HandshakeStats {
    /// Under way now.
    pub open: u64,
    /// Ended with a connection.
    pub done: u64,
    /// Broken, or not what we speak.
    pub failed: u64,
    /// Not over within [`HANDSHAKE_TIMEOUT`].
    pub timed_out: u64,
    /// Had to go for newcomers.
    pub displaced: u64,
}

/// The counters behind [`HandshakeStats`].
#[derive(Debug, Clone, Default)]
pub(super) struct HandshakeCounters(Arc<Counters>);

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) open: AtomicU64,
    pub(super) done: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) displaced: AtomicU64,
}

impl HandshakeCounters {
    pub(super) fn counters(&self) -> &Counters {
        &self.0
    }

    pub(super) fn snapshot(&self) -> HandshakeStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HandshakeStats {
            open: read(&self.0.open),
            done: read(&self.0.done),
            failed: read(&self.0.failed),
            timed_out: read(&self.0.timed_out),
            displaced: read(&self.0.displaced),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host::of(&text.parse().unwrap())
    }

    #[test]
    fn the_oldest_of_a_host_that_has_used_its_share_goes() {
        let mut half_open = HalfOpen::default();
        let (greedy, other) = (host("/ip4/10.0.0.1/tcp/1"), host("/ip4/10.0.0.2/tcp/1"));
        assert_eq!(half_open.admit(other, 1_000).1, None);
        for nth in 0..MAX_HALF_OPEN_PER_HOST {
            assert_eq!(half_open.admit(greedy, nth).1, None);
        }
        for nth in 0..3 {
            assert_eq!(half_open.admit(greedy, 2_000).1, Some(nth));
        }
    }

    #[test]
    fn a_full_house_takes_from_the_host_with_the_most() {
        let mut half_open = HalfOpen::default();
        let honest = host("/ip4/10.9.9.9/tcp/1");
        let (id, _) = half_open.admit(honest, 1_000_000);
        for nth in 0..MAX_HALF_OPEN * 2 {
            let from = host(&format!("/ip4/10.0.0.{}/tcp/1", nth % 3));
            let (_, displaced) = half_open.admit(from, nth);
            assert_ne!(displaced, Some(1_000_000), "one is less than anybody else has");
            assert!(half_open.whose.len() <= MAX_HALF_OPEN);
        }
        half_open.ended(id);
        half_open.ended(id);
        assert_eq!(half_open.whose.len(), MAX_HALF_OPEN - 1);
        assert!(!half_open.hosts.contains_key(&honest));
    }

    #[test]
    fn hosts_are_told_apart_by_what_one_owner_has() {
        let same = host("/ip6/2001:db8:1:2::1/tcp/1");
        assert_eq!(same, host("/ip6/2001:db8:1:2:ffff::9/tcp/9/ws"));
        assert_ne!(same, host("/ip6/2001:db8:1:3::1/tcp/1"));
        assert_eq!(host("/ip6/::ffff:10.0.0.1/tcp/1"), host("/ip4/10.0.0.1/tcp/7"));
        assert_eq!(host("/dns4/example/tcp/1"), Host::Unknown);
    }
}
