//! The table of settings: one row each, from which flags, environment variables, file keys and their reference are made.

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its key in a configuration file.
    pub name: &'static str,
    /// Its flag, without the dashes. The same as the name but for lists, whose flag is given once for each item.
    pub flag: &'static str,
    /// What stands for its value in help texts.
    pub value: &'static str,
    /// Whether it is a list.
    pub many: bool,
    /// Its default as text; empty when there is none.
    pub default: &'static str,
    /// What it is, in one or two sentences.
    pub help: &'static str,
}

impl Key {
    const fn one(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Self {
        Self { name, flag: name, value, many: false, default, help }
    }

    const fn list(
        name: &'static str,
        flag: &'static str,
        value: &'static str,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self { name, flag, value, many: true, default, help }
    }

    /// Its environment variable: `PAPERCLIP_` and the name. Items of a list are separated by commas there.
    pub fn env(&self) -> String {
        format!("PAPERCLIP_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }

    /// The setting of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }
}

/// Every setting, in the order of the reference.
pub const KEYS: [Key; 20] = [
    Key::one("data-dir", "DIR", "./paperclip-data", "Directory for the node's keys and its store."),
    Key::list(
        "listen",
        "listen",
        "MULTIADDR",
        "/ip4/0.0.0.0/tcp/4747",
        "Address to listen on for peers: /ip4|ip6/<address>/tcp/<port>.",
    ),
    Key::list(
        "websocket-listen",
        "websocket-listen",
        "MULTIADDR",
        "",
        "Address to listen on for browsers: /ip4|ip6/<address>/tcp/<port>/ws.",
    ),
    Key::list(
        "peers",
        "peer",
        "MULTIADDR",
        "",
        "Peer to dial, and to dial again whenever the connection is lost.",
    ),
    Key::list(
        "announce",
        "announce",
        "MULTIADDR",
        "",
        "Further address to announce to peers, such as the public address of a NAT.",
    ),
    Key::one(
        "api",
        "ADDR",
        "127.0.0.1:4748",
        "Address of the HTTP API. Anything but a loopback address needs api-token-file.",
    ),
    Key::one(
        "api-token-file",
        "FILE",
        "",
        "File with the bearer token that the API asks for, readable by its owner only.",
    ),
    Key::one(
        "metrics-open",
        "true|false",
        "false",
        "Answer /metrics, /healthz and /readyz without the token.",
    ),
    Key::one(
        "log-level",
        "LEVEL",
        "info",
        "error, warn, info, debug or trace, or a filter such as info,paperclip_node::net=debug.",
    ),
    Key::one("log-format", "text|json", "text", "Format of log lines on standard error."),
    Key::one(
        "durability",
        "strict|relaxed",
        "strict",
        "strict: acknowledge writes once they are on disk. relaxed: at once; a crash can lose the last half second.",
    ),
    Key::one(
        "cache-bytes",
        "BYTES",
        "33554432",
        "Memory for pages of the store; the process takes about twice that.",
    ),
    Key::one(
        "join-memory-bytes",
        "BYTES",
        "33554432",
        "Memory for fetched entries of a database that wait for their ancestors; more of them wait on disk.",
    ),
    Key::one(
        "max-entry-bytes",
        "BYTES",
        "4190208",
        "Largest entry to write or accept. The default is what fits a message of the protocol.",
    ),
    Key::one(
        "cluster-id",
        "HEX",
        "",
        "Public half of the cluster's root key: the id that the node's entries carry.",
    ),
    Key::one(
        "certificate",
        "FILE",
        "",
        "File with the certificate of the node's signing key, as identity certify prints it.",
    ),
    Key::one(
        "root-key",
        "FILE",
        "",
        "File with the cluster's root key. The node certifies itself with it at start and keeps no copy.",
    ),
    Key::one(
        "exchange-interval",
        "SECONDS",
        "30",
        "Time between two comparisons of heads with a peer, give or take a quarter.",
    ),
    Key::one(
        "scrub-interval",
        "SECONDS",
        "604800",
        "Time of one pass that reads and checks every block; 0 for none.",
    ),
    Key::one("max-connections", "NUMBER", "512", "Maximum number of connections to peers."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_flags_are_used_once() {
        let names: BTreeSet<&str> = KEYS.iter().map(|key| key.name).collect();
        let flags: BTreeSet<&str> = KEYS.iter().map(|key| key.flag).collect();
        assert_eq!((names.len(), flags.len()), (KEYS.len(), KEYS.len()));
    }

    #[test]
    fn the_reference_lists_every_setting_with_its_default_and_meaning() {
        let page = include_str!("../../../docs/reference/configuration.md");
        for key in KEYS {
            let default =
                if key.default.is_empty() { "none".to_owned() } else { format!("`{}`", key.default) };
            let help = key.help.replace('|', "\\|");
            let row = format!("| `{}` | `--{}` | `{}` | {default} | {help} |", key.name, key.flag, key.env());
            assert!(page.contains(&row), "{row}");
        }
        assert_eq!(page.matches("| `--").count(), KEYS.len());
    }

    #[test]
    fn variables_are_named_after_keys() {
        assert_eq!(Key::named("api-token-file").unwrap().env(), "PAPERCLIP_API_TOKEN_FILE");
    }
}
