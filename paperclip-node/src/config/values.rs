//! Values of settings: how the texts that were given become types.

use super::{
    fault::Fault,
    given::{Given, MAX_ITEMS},
    key::{Allowed, Choice, Key},
};
use crate::logging::Filter;
use libp2p::{Multiaddr, multiaddr::Protocol};
use oplog::keys::PublicKey;
use paperclip_client::address::is_dialable;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Reads what was given. `None` leaves at least one fault.
pub(super) type Read<T> = fn(&Key, &Given, &mut Vec<Fault>) -> Option<T>;

/// The last item given, parsed. A flag given twice counts as the second one, as command lines do.
fn last<T>(
    key: &Key,
    given: &Given,
    faults: &mut Vec<Fault>,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<Option<T>> {
    let Some(text) = given.items.last() else { return Some(None) };
    let parsed = parse(text);
    if parsed.is_none() {
        faults.push(Fault::new(key, given.place, text));
    }
    parsed.map(Some)
}

/// The same for a setting that has a value always.
fn one<T>(key: &Key, given: &Given, faults: &mut Vec<Fault>, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    let value = last(key, given, faults, parse)?;
    if value.is_none() {
        faults.push(Fault::new(key, given.place, "nothing"));
    }
    value
}

fn parse_path(text: &str) -> Option<PathBuf> {
    Some(PathBuf::from(text)).filter(|path| !path.as_os_str().is_empty())
}

pub(super) fn path(key: &Key, given: &Given, faults: &mut Vec<Fault>) -> Option<PathBuf> {
    one(key, given, faults, parse_path)
}

pub(super) fn optional_path(key: &Key, given: &Given, faults: &mut Vec<Fault>) -> Option<Option<PathBuf>> {
    last(key, given, faults, parse_path)
}

pub(super) fn choice<T: Choice>(key: &Key, given: &Given, faults: &mut Vec<Fault>) -> Option<T> {
    one(key, given, faults, |text| {
        T::CHOICES.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice)
    })
}

pub(super) fn number<T: TryFrom<u64>>(key: &Key, given: &Given, faults: &mut Vec<Fault>) -> Option<T> {
    one(key, given, faults, |text| {
        let number = text.parse().ok()?;
        let fits = match key.allowed {
            Allowed::Number { least, most, .. } => (least..=most).contains(&number),
            Allowed::Choice(_) | Allowed::Text { .. } => false,
        };
        T::try_from(number).ok().filter(|_| fits)
    })
}

pub(super) fn seconds(key: &Key, given: &Given, faults: &mut Vec<Fault>) -> Option<Duration> {
    number(key, given, faults).map(Duration::from_secs)
}

/// 0 is `None`.
pub(super) fn seconds_or_never(
    key: &Key,
    given: &Given,
    faults: &mut Vec<Fault>,
) -> Option<Option<Duration>> {
    seconds(key, given, faults).map(|time| Some(time).filter(|time| !time.is_zero()))
}

pub(super) fn filter(key: &Key, given: &Given, faults: &mut Vec<Fault>) -> Option<Filter> {
    one(key, given, faults, Filter::parse)
}

pub(super) fn socket(key: &Key, given: &Given, faults: &mut Vec<Fault>) -> Option<SocketAddr> {
    one(key, given, faults, |text| {
        // Client commands name the same thing as a URL, and may share its variable.
        parse_socket(text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/'))
    })
}

fn parse_socket(text: &str) -> Option<SocketAddr> {
    let literal = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    literal.as_deref().unwrap_or(text).parse().ok()
}

pub(super) fn sockets(key: &Key, given: &Given, faults: &mut Vec<Fault>) -> Option<Vec<SocketAddr>> {
    list(key, given, faults, parse_socket)
}

pub(super) fn cluster_id(key: &Key, given: &Given, faults: &mut Vec<Fault>) -> Option<Option<String>> {
    last(key, given, faults, |text| {
        let id = text.to_ascii_lowercase();
        PublicKey::from_hex(&id).is_ok().then_some(id)
    })
}

/// Every item given, parsed and without doubles.
fn list<T: PartialEq>(
    key: &Key,
    given: &Given,
    faults: &mut Vec<Fault>,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let found_before = faults.len();
    if given.items.len() > MAX_ITEMS {
        faults.push(Fault::too_many(key, given.place, given.items.len()));
    }
    let mut parsed = Vec::new();
    for text in given.items.iter().take(MAX_ITEMS) {
        match parse(text) {
            Some(item) if !parsed.contains(&item) => parsed.push(item),
            Some(_) => {}
            None => faults.push(Fault::new(key, given.place, text)),
        }
    }
    (faults.len() == found_before).then_some(parsed)
}

fn addresses(
    key: &Key,
    given: &Given,
    faults: &mut Vec<Fault>,
    fits: fn(&Multiaddr) -> bool,
) -> Option<Vec<Multiaddr>> {
    list(key, given, faults, |text| text.parse().ok().filter(fits))
}

pub(super) fn dialable(key: &Key, given: &Given, faults: &mut Vec<Fault>) -> Option<Vec<Multiaddr>> {
    addresses(key, given, faults, is_dialable)
}

pub(super) fn tcp_listeners(key: &Key, given: &Given, faults: &mut Vec<Fault>) -> Option<Vec<Multiaddr>> {
    addresses(key, given, faults, |address| {
        matches!(
            address.iter().collect::<Vec<_>>().as_slice(),
            [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Tcp(_)]
        )
    })
}

pub(super) fn websocket_listeners(
    key: &Key,
    given: &Given,
    faults: &mut Vec<Fault>,
) -> Option<Vec<Multiaddr>> {
    addresses(key, given, faults, |address| {
        matches!(
            address.iter().collect::<Vec<_>>().as_slice(),
            [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Tcp(_), Protocol::Ws(_)]
        )
    })
}
