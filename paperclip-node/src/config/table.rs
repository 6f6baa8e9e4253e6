//! The table of settings: one row each. A row has the field of [`Config`] and its type, how it is read, and its [`Key`].

use super::{
    fault::Fault,
    given::Given,
    key::{Allowed, Key, Unit},
    values::{
        Read, choice, cluster_id, dialable, filter, number, optional_path, path, seconds, seconds_or_never,
        socket, sockets, tcp_listeners, websocket_listeners,
    },
};
use crate::logging::{Filter, LogFormat};
use libp2p::Multiaddr;
use oplog::{entry::MAX_ENTRY_BYTES, join::DEFAULT_MAX_PENDING_BYTES};
use paperclip_client::address::DIALABLE;
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use store::{DEFAULT_CACHE_BYTES, Durability};

const DIRECTORY: Allowed = Allowed::text("DIR", "a path");
const FILE: Allowed = Allowed::text("FILE", "a path");
const MIB: u64 = 1 << 20;
const YEAR: u64 = 31_536_000;

/// One setting whose value has a type.
#[derive(Debug)]
pub struct Setting<T: 'static> {
    /// Its names, default and help.
    pub key: Key,
    read: Read<T>,
}

impl<T> Setting<T> {
    /// Reads it from what was given. `None` when a fault leaves open what it is.
    fn value(&self, given: &impl Fn(&Key) -> Given, faults: &mut Vec<Fault>) -> Option<T> {
        let value = (self.read)(&self.key, &given(&self.key), faults);
        value.filter(|_| !faults.iter().any(|fault| fault.is_about(&self.key)))
    }
}

macro_rules! settings {
    ($($field:ident: $type:ty = $read:expr, $key:expr;)+) => {
        /// How a node runs: the value of every setting of [`SETTINGS`].
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Config {
            $(
                #[doc = concat!("See [`SETTINGS`]: `", stringify!($field), "`.")]
                pub $field: $type,
            )+
        }

        /// The type of [`SETTINGS`].
        #[derive(Debug)]
        pub struct Settings {
            $(
                #[doc = concat!("The row of `", stringify!($field), "`.")]
                pub $field: Setting<$type>,
            )+
        }

        /// Every setting.
        pub static SETTINGS: Settings = Settings { $($field: Setting { key: $key, read: $read },)+ };

        /// The keys of all settings, in the order of the reference.
        pub static KEYS: &[&Key] = &[$(&SETTINGS.$field.key,)+];

        /// What is known of each setting while faults are collected.
        pub(super) struct Draft {
            $(pub(super) $field: Option<$type>,)+
        }

        impl Draft {
            pub(super) fn read(given: &impl Fn(&Key) -> Given, faults: &mut Vec<Fault>) -> Self {
                Self { $($field: SETTINGS.$field.value(given, faults),)+ }
            }

            pub(super) fn finish(self) -> Option<Config> {
                Some(Config { $($field: self.$field?,)+ })
            }
        }

        #[cfg(test)]
        const FIELDS: &[&str] = &[$(stringify!($field),)+];
    };
}

settings! {
    data_dir: PathBuf = path,
        Key::new("data-dir", DIRECTORY, "Directory for the node's keys and its store.").or("./paperclip-data");

    listen: Vec<Multiaddr> = tcp_listeners,
        Key::new(
            "listen",
            Allowed::text("MULTIADDR", "/ip4|ip6/<address>/tcp/<port>"),
            "Address to listen on for peers: /ip4|ip6/<address>/tcp/<port>.",
        )
        .list("listen")
        .or("/ip4/0.0.0.0/tcp/4747");

    websocket_listen: Vec<Multiaddr> = websocket_listeners,
        Key::new(
            "websocket-listen",
            Allowed::text("MULTIADDR", "/ip4|ip6/<address>/tcp/<port>/ws"),
            "Address to listen on for browsers: /ip4|ip6/<address>/tcp/<port>/ws.",
        )
        .list("websocket-listen");

    peers: Vec<Multiaddr> = dialable,
        Key::new(
            "peers",
            Allowed::text("MULTIADDR", DIALABLE),
            "Peer to dial, and to dial again whenever the connection is lost.",
        )
        .list("peer");

    announce: Vec<Multiaddr> = dialable,
        Key::new(
            "announce",
            Allowed::text("MULTIADDR", "/ip4|ip6|dns4|dns6|dns/<host>/tcp/<port>[/ws]"),
            "Additional address to announce to peers, such as the public address of a NAT.",
        )
        .list("announce");

    api: SocketAddr = socket,
        Key::new(
            "api",
            Allowed::text("ADDR", "<IP address>:<port>"),
            "Address of the HTTP API. An address other than loopback needs api-token-file.",
        )
        .or("127.0.0.1:4748");

    api_token_file: Option<PathBuf> = optional_path,
        Key::new(
            "api-token-file",
            FILE,
            "File with the bearer token that the API requires, readable by its owner only.",
        );

    metrics_open: bool = choice,
        Key::new(
            "metrics-open",
            Allowed::choice::<bool>(),
            "Answer /metrics, /healthz and /readyz without the token.",
        )
        .or("false");

    metrics_listen: Vec<SocketAddr> = sockets,
        Key::new(
            "metrics-listen",
            Allowed::text("ADDR", "<IP address>:<port>"),
            "Address that answers /metrics, /healthz and /readyz to everybody, and nothing else.",
        )
        .list("metrics-listen");

    planned_nodes: usize = number,
        Key::new(
            "planned-nodes",
            Allowed::number(0, 100_000, Unit::Things),
            "Number of nodes that the cluster is meant to have, for alerts; 0 if it is not known.",
        )
        .or("0");

    log_level: Filter = filter,
        Key::new(
            "log-level",
            Allowed::text("LEVEL", "error, warn, info, debug, trace or a filter"),
            "error, warn, info, debug or trace, or a filter such as info,paperclip_node::net=debug.",
        )
        .or("info");

    log_format: LogFormat = choice,
        Key::new("log-format", Allowed::choice::<LogFormat>(), "Format of log lines on standard error.")
            .or("text");

    durability: Durability = choice,
        Key::new(
            "durability",
            Allowed::choice::<Durability>(),
            "strict: acknowledge writes once they are on disk. relaxed: at once; a crash can lose the last half second.",
        )
        .or("strict");

    // sled needs a few MiB to work at all.
    cache_bytes: u64 = number,
        Key::new(
            "cache-bytes",
            Allowed::number(8 * MIB, 1 << 40, Unit::Bytes),
            "Memory for pages of the index; the process uses about twice that.",
        )
        .or_number(DEFAULT_CACHE_BYTES);

    // At least one entry of the largest size.
    join_memory_bytes: usize = number,
        Key::new(
            "join-memory-bytes",
            Allowed::number(4 * MIB, 1 << 36, Unit::Bytes),
            "Memory for fetched entries of a database that wait for their ancestors; more of them wait on disk.",
        )
        .or_number(DEFAULT_MAX_PENDING_BYTES as u64);

    // An entry's own fields take up to 3 KiB.
    max_entry_bytes: usize = number,
        Key::new(
            "max-entry-bytes",
            Allowed::number(4096, MAX_ENTRY_BYTES as u64, Unit::Bytes),
            "Largest entry to write or accept. The default is what fits a message of the protocol.",
        )
        .or_number(MAX_ENTRY_BYTES as u64);

    // In lower case, whatever was given.
    cluster_id: Option<String> = cluster_id,
        Key::new(
            "cluster-id",
            Allowed::text("HEX", "a root key's public half: 66 hex digits"),
            "Public half of the cluster's root key: the id that the node's entries carry.",
        );

    certificate: Option<PathBuf> = optional_path,
        Key::new(
            "certificate",
            FILE,
            "File with the certificate of the node's signing key, as identity certify prints it.",
        );

    root_key: Option<PathBuf> = optional_path,
        Key::new(
            "root-key",
            FILE,
            "File with the cluster's root key. The node certifies itself with it at start and keeps no copy.",
        );

    exchange_interval: Duration = seconds,
        Key::new(
            "exchange-interval",
            Allowed::number(1, 86_400, Unit::Seconds),
            "Time between two comparisons of heads with a peer, varied by up to a quarter.",
        )
        .or("30");

    scrub_interval: Option<Duration> = seconds_or_never,
        Key::new(
            "scrub-interval",
            Allowed::number(0, YEAR, Unit::Seconds),
            "Time in which every block is read and checked once; 0 turns this off.",
        )
        .or("604800");

    max_connections: usize = number,
        Key::new(
            "max-connections",
            Allowed::number(8, 100_000, Unit::Things),
            "Maximum number of connections to peers.",
        )
        .or("512");
}

/// The setting of this name, for tests that have them in a table.
#[cfg(test)]
pub(super) fn named(name: &str) -> &'static Key {
    KEYS.iter().find(|key| key.name == name).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DefaultValue, MAX_FILE_BYTES, MAX_ITEMS, Sources};
    use std::collections::BTreeSet;

    const PAGE: &str = include_str!("../../../docs/reference/configuration.md");

    #[test]
    fn names_are_those_of_the_fields_and_flags_are_used_once() {
        let fields: Vec<String> = FIELDS.iter().map(|field| field.replace('_', "-")).collect();
        assert_eq!(KEYS.iter().map(|key| key.name).collect::<Vec<_>>(), fields);
        let flags: BTreeSet<&str> = KEYS.iter().map(|key| key.flag).collect();
        assert_eq!(flags.len(), KEYS.len());
    }

    #[test]
    fn variables_are_named_after_keys() {
        assert_eq!(SETTINGS.api_token_file.key.env(), "PAPERCLIP_API_TOKEN_FILE");
    }

    /// The part of the reference that is made from the table.
    fn reference() -> String {
        let mut page = String::new();
        for key in KEYS {
            let default = key.default.text().map_or_else(|| "none".to_owned(), |text| format!("`{text}`"));
            let help = key.help.replace('<', "\\<");
            page +=
                &format!("* `{}` (`--{}`, `{}`), default {default}. {help}\n", key.name, key.flag, key.env());
        }
        page
    }

    fn bounds() -> String {
        let mut page = "| key | bounds |\n| --- | --- |\n".to_owned();
        for key in KEYS {
            if let Allowed::Number { least, most, unit } = key.allowed {
                let (least, most) = (amount(least, unit), amount(most, unit));
                let word = match unit {
                    Unit::Seconds => " seconds",
                    Unit::Bytes if !most.contains('i') => " bytes",
                    Unit::Bytes | Unit::Things => "",
                };
                page += &format!("| `{}` | {least} to {most}{word} |\n", key.name);
            }
        }
        page + &format!(
            "| lists | {} items |\n| the file | {} |\n",
            amount(MAX_ITEMS as u64, Unit::Things),
            amount(MAX_FILE_BYTES, Unit::Bytes)
        )
    }

    /// Bytes as the largest unit that divides them, other numbers with commas.
    fn amount(number: u64, unit: Unit) -> String {
        let binary = [("TiB", 40), ("GiB", 30), ("MiB", 20)];
        let exact = binary.iter().find(|(_, power)| number >> power > 0 && number.is_multiple_of(1 << power));
        if let (Unit::Bytes, Some((name, power))) = (unit, exact) {
            return format!("{} {name}", number >> power);
        }
        let digits = number.to_string();
        let groups = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap());
        groups.collect::<Vec<_>>().join(",")
    }

    #[test]
    fn the_reference_is_made_from_the_table() {
        // Where its lines break is the page's affair.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let page = words(PAGE);
        for part in [reference(), bounds()] {
            assert!(page.contains(&words(&part)), "docs/reference/configuration.md must contain:\n\n{part}");
        }
        assert_eq!(page.matches("` (`--").count(), KEYS.len());
    }

    #[test]
    fn defaults_are_values_that_are_allowed() {
        let (mut faults, sources) = (Vec::new(), Sources::default());
        assert!(Draft::read(&|key| sources.get(key), &mut faults).finish().is_some(), "{faults:?}");
        assert_eq!(SETTINGS.cluster_id.key.default, DefaultValue::Nothing);
    }
}
