//! From texts to a checked configuration, with every fault at once.

use super::{Config, ConfigError, Durability, Fault, Given, Key, MAX_ITEMS, Sources};
use crate::logging::{Filter, LogFormat};
use libp2p::{Multiaddr, multiaddr::Protocol};
use oplog::{entry::MAX_ENTRY_BYTES, keys::PublicKey};
use std::{
    net::{Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

/// Bounds of `cache-bytes`: sled needs a few MiB to work at all.
const CACHE_BYTES: RangeInclusive<u64> = 8 << 20..=1 << 40;
/// Bounds of `join-memory-bytes`: at least one entry of the largest size.
const JOIN_MEMORY_BYTES: RangeInclusive<u64> = 4 << 20..=1 << 36;
/// Bounds of `max-entry-bytes`: an entry's own fields take up to 3 KiB.
const ENTRY_BYTES: RangeInclusive<u64> = 4096..=MAX_ENTRY_BYTES as u64;
/// Bounds of `scrub-interval`, in seconds: up to a year.
const SCRUB_SECONDS: RangeInclusive<u64> = 0..=31_536_000;

/// Bounds of `exchange-interval`, in seconds.
const EXCHANGE_SECONDS: RangeInclusive<u64> = 1..=86_400;
/// Bounds of `max-connections`.
const CONNECTIONS: RangeInclusive<u64> = 8..=100_000;

pub(super) fn config(sources: &Sources, faults: Vec<Fault>) -> Result<Config, ConfigError> {
    let mut read = Reader { sources, faults };
    let config = Config {
        data_dir: read.path("data-dir").unwrap_or_default(),
        listen: read.addresses("listen", "/ip4|ip6/<address>/tcp/<port>", is_tcp_listener),
        websocket_listen: read.addresses(
            "websocket-listen",
            "/ip4|ip6/<address>/tcp/<port>/ws",
            is_websocket_listener,
        ),
        peers: read.addresses(
            "peers",
            "/ip4|ip6|dns4|dns6|dns/<host>/tcp/<port>[/ws][/p2p/<id>]",
            is_dialable,
        ),
        announce: read.addresses("announce", "/ip4|ip6|dns4|dns6|dns/<host>/tcp/<port>[/ws]", is_dialable),
        api: read.api(),
        api_token_file: read.path("api-token-file"),
        metrics_open: read.choice("metrics-open", &[("true", true), ("false", false)], false),
        log_level: read
            .one("log-level", "error, warn, info, debug, trace or a filter", Filter::parse)
            .unwrap_or_default(),
        log_format: read.choice(
            "log-format",
            &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            LogFormat::Text,
        ),
        durability: read.choice(
            "durability",
            &[("strict", Durability::Strict), ("relaxed", Durability::Relaxed)],
            Durability::Strict,
        ),
        cache_bytes: read.number("cache-bytes", CACHE_BYTES),
        join_memory_bytes: read.size("join-memory-bytes", JOIN_MEMORY_BYTES),
        max_entry_bytes: read.size("max-entry-bytes", ENTRY_BYTES),
        cluster_id: read.cluster_id(),
        certificate: read.path("certificate"),
        root_key: read.path("root-key"),
        exchange_interval: Duration::from_secs(read.number("exchange-interval", EXCHANGE_SECONDS)),
        scrub_interval: match read.number("scrub-interval", SCRUB_SECONDS) {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        },
        max_connections: read.size("max-connections", CONNECTIONS),
    };
    let mut faults = read.faults;
    let conflicts = conflicts(&config, &faults);
    faults.extend(conflicts);
    if faults.is_empty() { Ok(config) } else { Err(ConfigError(faults)) }
}

struct Reader<'a> {
    sources: &'a Sources,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn given(&self, name: &str) -> Option<(&'static Key, Given)> {
        let key = Key::named(name)?;
        Some((key, self.sources.get(key)))
    }

    /// The last item given, parsed. A flag given twice counts as the second one, as command lines do.
    fn one<T>(&mut self, name: &str, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (key, given) = self.given(name)?;
        let text = given.items.last()?;
        let parsed = parse(text);
        if parsed.is_none() {
            self.faults.push(Fault::new(key, given.place, text, wanted));
        }
        parsed
    }

    fn path(&mut self, name: &str) -> Option<PathBuf> {
        self.one(name, "a path", |text| Some(PathBuf::from(text)).filter(|path| !path.as_os_str().is_empty()))
    }

    fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)], default: T) -> T {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let pick = |text: &str| choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        self.one(name, &names.join(" or "), pick).unwrap_or(default)
    }

    fn number(&mut self, name: &str, range: RangeInclusive<u64>) -> u64 {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        self.one(name, &wanted, |text| text.parse().ok().filter(|number| range.contains(number)))
            .unwrap_or(*range.start())
    }

    fn size(&mut self, name: &str, range: RangeInclusive<u64>) -> usize {
        usize::try_from(self.number(name, range)).unwrap_or(usize::MAX)
    }

    fn addresses(&mut self, name: &str, wanted: &str, fits: fn(&Multiaddr) -> bool) -> Vec<Multiaddr> {
        let Some((key, given)) = self.given(name) else {
            return Vec::new();
        };
        if given.items.len() > MAX_ITEMS {
            let wanted = format!("at most {MAX_ITEMS}");
            self.faults.push(Fault::new(key, given.place, &given.items.len().to_string(), wanted));
        }
        let mut addresses = Vec::new();
        for text in given.items.iter().take(MAX_ITEMS) {
            match text.parse().ok().filter(fits) {
                Some(address) if !addresses.contains(&address) => addresses.push(address),
                Some(_) => {}
                None => self.faults.push(Fault::new(key, given.place, text, wanted)),
            }
        }
        addresses
    }

    fn api(&mut self) -> SocketAddr {
        let fallback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.one("api", "<IP address>:<port>", |text| {
            // Client commands name the same thing as a URL, and may share its variable.
            let text = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
            let literal = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
            literal.as_deref().unwrap_or(text).parse().ok()
        })
        .unwrap_or(fallback)
    }

    fn cluster_id(&mut self) -> Option<String> {
        self.one("cluster-id", "a root key's public half: 66 hex digits", |text| {
            let id = text.to_ascii_lowercase();
            PublicKey::from_hex(&id).is_ok().then_some(id)
        })
    }
}

/// What no setting shows alone. Settings whose values are `faults` take part in no conflict.
fn conflicts(config: &Config, faults: &[Fault]) -> Vec<Fault> {
    let mut conflicts = Vec::new();
    let mut conflict = |names: [&str; 2], told: String| {
        let told_already = |name: &&str| faults.iter().any(|fault| fault.is_about(name));
        if !names.iter().any(told_already) {
            conflicts.extend(Key::named(names[0]).map(|key| Fault::conflict(key, told)));
        }
    };
    if !config.api.ip().to_canonical().is_loopback() && config.api_token_file.is_none() {
        conflict(
            ["api", "api-token-file"],
            format!("{} is reachable from other machines; set api-token-file as well", config.api),
        );
    }
    if config.certificate.is_some() && config.root_key.is_some() {
        conflict(
            ["root-key", "certificate"],
            "a node has either a certificate or the root key, not both".to_owned(),
        );
    }
    if config.join_memory_bytes < config.max_entry_bytes {
        conflict(
            ["join-memory-bytes", "max-entry-bytes"],
            format!("less than max-entry-bytes, {}", config.max_entry_bytes),
        );
    }
    conflicts
}

fn is_tcp_listener(address: &Multiaddr) -> bool {
    matches!(
        address.iter().collect::<Vec<_>>().as_slice(),
        [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Tcp(_)]
    )
}

fn is_websocket_listener(address: &Multiaddr) -> bool {
    matches!(
        address.iter().collect::<Vec<_>>().as_slice(),
        [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Tcp(_), Protocol::Ws(_)]
    )
}

/// Whether the node's transports can dial the address: TCP, plain or as a websocket.
pub(crate) fn is_dialable(address: &Multiaddr) -> bool {
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    let Some((host, rest)) = parts.split_first() else {
        return false;
    };
    let host_fits = matches!(
        host,
        Protocol::Ip4(_) | Protocol::Ip6(_) | Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)
    );
    let rest_fits = matches!(
        rest,
        [Protocol::Tcp(port)]
        | [Protocol::Tcp(port), Protocol::P2p(_)]
        | [Protocol::Tcp(port), Protocol::Ws(_)]
        | [Protocol::Tcp(port), Protocol::Ws(_), Protocol::P2p(_)]
        if *port > 0
    );
    host_fits && rest_fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KEYS;
    use std::collections::BTreeSet;

    const PEER: &str = "/dns4/node.example/tcp/4747/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";

    fn flags(given: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let flags =
            given.iter().map(|(name, text)| (Key::named(name).unwrap(), vec![(*text).to_owned()])).collect();
        Config::load(flags, [], None)
    }

    fn faults(given: &[(&str, &str)]) -> Vec<Fault> {
        match flags(given) {
            Err(ConfigError(faults)) => faults,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_given_is_the_defaults() {
        let config = flags(&[]).unwrap();
        assert_eq!(config.api, "127.0.0.1:4748".parse().unwrap());
        assert_eq!(config.listen, ["/ip4/0.0.0.0/tcp/4747".parse::<Multiaddr>().unwrap()]);
        assert_eq!((config.durability, config.metrics_open), (Durability::Strict, false));
        assert_eq!(config.max_entry_bytes, MAX_ENTRY_BYTES);
        assert_eq!(config.cache_bytes, 32 << 20);
    }

    #[test]
    fn every_setting_that_can_be_wrong_is_told_with_all_the_others() {
        let told = faults(&[
            ("data-dir", ""),
            ("listen", "/ip4/0.0.0.0/udp/1"),
            ("websocket-listen", "/ip4/0.0.0.0/tcp/4749"),
            ("peers", "10.0.0.1:4747"),
            ("announce", "/ip4/1.2.3.4/tcp/0"),
            ("api", "everywhere"),
            ("metrics-open", "yes"),
            ("log-level", "loud[["),
            ("log-format", "xml"),
            ("durability", "eventually"),
            ("cache-bytes", "64M"),
            ("join-memory-bytes", "-1"),
            ("max-entry-bytes", "99999999"),
            ("cluster-id", "03ab"),
            ("exchange-interval", "0"),
            ("scrub-interval", "weekly"),
            ("max-connections", "1"),
        ]);
        let keys: BTreeSet<&str> = told.iter().map(Fault::key).collect();
        // The rest are files, which are looked at when they are read.
        let files = ["api-token-file", "certificate", "root-key"];
        let expected: BTreeSet<&str> =
            KEYS.iter().map(|key| key.name).filter(|name| !files.contains(name)).collect();
        assert_eq!(keys, expected);
        assert!(told.iter().any(|fault| {
            fault.to_string() == "--cache-bytes: 64M is not a whole number from 8388608 to 1099511627776"
        }));
    }

    #[test]
    fn an_open_api_beyond_loopback_is_refused() {
        assert_eq!(
            faults(&[("api", "0.0.0.0:4748")])[0].to_string(),
            "api: 0.0.0.0:4748 is reachable from other machines; set api-token-file as well"
        );
        assert!(flags(&[("api", "0.0.0.0:4748"), ("api-token-file", "token")]).is_ok());
        for loopback in ["127.1.2.3:1", "[::1]:4748", "localhost:4748", "http://127.0.0.1:4748/"] {
            assert!(flags(&[("api", loopback)]).is_ok(), "{loopback}");
        }
    }

    #[test]
    fn conflicts_are_told_with_faults_unless_these_are_their_cause() {
        let given = [("durability", "maybe"), ("cache-bytes", "3"), ("api", "0.0.0.0:4783")];
        let keys = |faults: Vec<Fault>| faults.iter().map(|fault| fault.key().to_owned()).collect::<Vec<_>>();
        assert_eq!(keys(faults(&given)), ["durability", "cache-bytes", "api"]);
        assert_eq!(keys(faults(&[("api", "0.0.0.0:4783"), ("api-token-file", "")])), ["api-token-file"]);
        assert_eq!(keys(faults(&[("max-entry-bytes", "many"), ("join-memory-bytes", "1")])).len(), 2);
    }

    #[test]
    fn a_certificate_and_the_root_key_exclude_each_other() {
        assert_eq!(faults(&[("certificate", "a"), ("root-key", "b")])[0].key(), "root-key");
    }

    #[test]
    fn peers_are_what_can_be_dialled() {
        for good in [PEER, "/ip6/::1/tcp/1", "/dns/a/tcp/443/ws"] {
            assert!(flags(&[("peers", good)]).is_ok(), "{good}");
        }
        for bad in ["/ip4/1.2.3.4/udp/1/quic-v1", "/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"]
        {
            assert_eq!(faults(&[("peers", bad)])[0].key(), "peers", "{bad}");
        }
    }
}
