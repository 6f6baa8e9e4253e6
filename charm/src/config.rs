//! The charm's options: from what Juju hands over to what the node needs, with every fault at once.

use std::fmt;
use std::net::IpAddr;

use juju_hooks::{ConfigValue, Settings as Given};
use paperclip_client::address;
use serde::{Deserialize, Serialize};

/// Ports below this need privileges that the service does not have.
const LOWEST_PORT: i64 = 1024;
/// Bounds of `cache-mib`, in MiB.
const CACHE_MIB: std::ops::RangeInclusive<i64> = 8..=65_536;
/// Bounds of `max-entry-bytes`, as the node has them.
const MAX_ENTRY: std::ops::RangeInclusive<i64> = 4_096..=4_190_208;
/// How many `extra-peers` are taken.
const MAX_EXTRA_PEERS: usize = 64;
/// How many characters of a refused value a fault shows.
const SHOWN: usize = 40;

/// Name and Juju type of every option, as in `config.yaml`.
pub const OPTIONS: [(&str, &str); 12] = [
    ("api-address", "string"),
    ("api-port", "int"),
    ("browser-listener", "boolean"),
    ("browser-port", "int"),
    ("cache-mib", "int"),
    ("durability", "string"),
    ("extra-peers", "string"),
    ("listen-port", "int"),
    ("log-format", "string"),
    ("log-level", "string"),
    ("max-entry-bytes", "int"),
    ("open-metrics", "boolean"),
];

/// Where the node's API listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApiAddress {
    /// 127.0.0.1: for programs on the machine only, no token.
    Loopback,
    /// The address of the `api` binding, whatever it is on each machine.
    Binding,
    /// This one, on every unit.
    Fixed(IpAddr),
}

/// Valid options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// Where peers reach the node.
    pub listen_port: u16,
    /// Where the API listens.
    pub api_address: ApiAddress,
    /// The API's port.
    pub api_port: u16,
    /// The port of the websocket listener for browsers, when there is one.
    pub browser_port: Option<u16>,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: String,
    /// `text` or `json`.
    pub log_format: String,
    /// `strict` or `relaxed`.
    pub durability: String,
    /// The node's cache, in bytes.
    pub cache_bytes: u64,
    /// Peers outside the cluster, as multiaddrs.
    pub extra_peers: Vec<String>,
    /// The largest entry the node takes, in bytes.
    pub max_entry_bytes: u64,
    /// Whether `/metrics` and the health checks need no token.
    pub open_metrics: bool,
}

/// One option whose value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The option.
    pub option: &'static str,
    /// What it holds.
    pub value: String,
    /// What it may hold.
    pub want: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} is not {}", self.option, self.value, self.want)
    }
}

/// Reads all options.
///
/// # Errors
/// Every fault, not only the first.
pub fn parse(given: &Given) -> Result<Settings, Vec<Fault>> {
    let mut reader = Reader { given, faults: Vec::new() };
    let browser_listener = reader.boolean("browser-listener");
    let browser_port = reader.port("browser-port");
    let settings = Settings {
        listen_port: reader.port("listen-port"),
        api_address: reader.api_address(),
        api_port: reader.port("api-port"),
        browser_port: browser_listener.then_some(browser_port),
        log_level: reader.choice("log-level", &["error", "warn", "info", "debug", "trace"]),
        log_format: reader.choice("log-format", &["text", "json"]),
        durability: reader.choice("durability", &["strict", "relaxed"]),
        cache_bytes: reader.number("cache-mib", CACHE_MIB).saturating_mul(1 << 20),
        extra_peers: reader.peers(),
        max_entry_bytes: reader.number("max-entry-bytes", MAX_ENTRY),
        open_metrics: reader.boolean("open-metrics"),
    };
    reader.distinct_ports(&settings);
    if reader.faults.is_empty() { Ok(settings) } else { Err(reader.faults) }
}

struct Reader<'a> {
    given: &'a Given,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, option: &'static str, want: impl Into<String>) {
        let value = match self.given.get(option) {
            None | Some(ConfigValue::Null) => "nothing".to_owned(),
            Some(value) => value.to_string().chars().take(SHOWN).collect(),
        };
        self.faults.push(Fault { option, value, want: want.into() });
    }

    fn text(&self, option: &str) -> Option<&str> {
        self.given.get(option).and_then(ConfigValue::as_str).map(str::trim)
    }

    fn number(&mut self, option: &'static str, range: std::ops::RangeInclusive<i64>) -> u64 {
        let value =
            self.given.get(option).and_then(ConfigValue::as_i64).filter(|value| range.contains(value));
        match value.and_then(|value| u64::try_from(value).ok()) {
            Some(value) => value,
            None => {
                self.fault(option, format!("{}-{}", range.start(), range.end()));
                0
            }
        }
    }

    fn port(&mut self, option: &'static str) -> u16 {
        u16::try_from(self.number(option, LOWEST_PORT..=i64::from(u16::MAX))).unwrap_or_default()
    }

    fn boolean(&mut self, option: &'static str) -> bool {
        match self.given.get(option).and_then(ConfigValue::as_bool) {
            Some(value) => value,
            None => {
                self.fault(option, "true or false");
                false
            }
        }
    }

    fn choice(&mut self, option: &'static str, choices: &[&str]) -> String {
        match self.text(option).filter(|value| choices.contains(value)) {
            Some(value) => value.to_owned(),
            None => {
                self.fault(option, format!("one of {}", choices.join(", ")));
                String::new()
            }
        }
    }

    fn api_address(&mut self) -> ApiAddress {
        match self.text("api-address") {
            Some("loopback") => ApiAddress::Loopback,
            Some("binding") => ApiAddress::Binding,
            other => match other.and_then(|text| text.parse().ok()) {
                Some(address) => ApiAddress::Fixed(address),
                None => {
                    self.fault("api-address", "loopback, binding or an IP address");
                    ApiAddress::Loopback
                }
            },
        }
    }

    fn peers(&mut self) -> Vec<String> {
        let text = self.text("extra-peers").unwrap_or_default();
        let mut peers: Vec<String> =
            text.split([',', ' ', '\n', '\t']).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        peers.sort();
        peers.dedup();
        if peers.len() > MAX_EXTRA_PEERS {
            self.fault("extra-peers", format!("at most {MAX_EXTRA_PEERS} addresses"));
        }
        for peer in peers.iter().filter(|peer| address::parse(peer).is_none()) {
            self.faults.push(Fault {
                option: "extra-peers",
                value: format!("{:?}", peer.chars().take(SHOWN).collect::<String>()),
                want: "a multiaddr such as /dns4/node.example/tcp/4747/p2p/12D3KooW…".into(),
            });
        }
        peers
    }

    fn distinct_ports(&mut self, settings: &Settings) {
        let Settings { listen_port, api_port, browser_port, .. } = *settings;
        if api_port != 0 && api_port == listen_port {
            self.fault("api-port", "different from listen-port");
        }
        if browser_port.is_some_and(|port| port != 0 && (port == listen_port || port == api_port)) {
            self.fault("browser-port", "different from listen-port and api-port");
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn given(changes: &[(&str, ConfigValue)]) -> Given {
        let mut given: Given = [
            ("api-address", json!("loopback")),
            ("api-port", json!(4748)),
            ("browser-listener", json!(false)),
            ("browser-port", json!(4749)),
            ("cache-mib", json!(64)),
            ("durability", json!("strict")),
            ("extra-peers", json!("")),
            ("listen-port", json!(4747)),
            ("log-format", json!("text")),
            ("log-level", json!("info")),
            ("max-entry-bytes", json!(1_048_576)),
            ("open-metrics", json!(true)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        given.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        given
    }

    #[test]
    fn defaults_are_valid() {
        let settings = parse(&given(&[])).unwrap();
        assert_eq!(settings.cache_bytes, 64 << 20);
        assert_eq!(settings.browser_port, None);
    }

    #[test]
    fn every_option_has_its_fault_and_all_are_told_at_once() {
        let bad = [
            ("api-address", json!("everywhere")),
            ("api-port", json!(0)),
            ("browser-listener", json!("yes")),
            ("browser-port", json!(65_536)),
            ("cache-mib", json!(1)),
            ("durability", json!("eventually")),
            ("extra-peers", json!("10.0.0.1:4747")),
            ("listen-port", json!(80)),
            ("log-format", json!("xml")),
            ("log-level", json!("")),
            ("max-entry-bytes", json!(-5)),
            ("open-metrics", json!(null)),
        ];
        let mut faults: Vec<&str> =
            parse(&given(&bad)).unwrap_err().iter().map(|fault| fault.option).collect();
        faults.sort_unstable();
        let names: Vec<&str> = OPTIONS.iter().map(|(name, _)| *name).collect();
        assert_eq!(faults, names);
    }

    #[test]
    fn a_fault_names_option_value_and_range() {
        let faults = parse(&given(&[("listen-port", json!(70_000))])).unwrap_err();
        assert_eq!(faults[0].to_string(), "listen-port: 70000 is not 1024-65535");
    }

    #[test]
    fn ports_must_differ() {
        let faults = parse(&given(&[("api-port", json!(4747))])).unwrap_err();
        assert_eq!(faults[0].option, "api-port");
        assert!(parse(&given(&[("browser-port", json!(4747))])).is_ok(), "not listened on, not compared");
        let on = [("browser-port", json!(4747)), ("browser-listener", json!(true))];
        assert_eq!(parse(&given(&on)).unwrap_err()[0].option, "browser-port");
    }

    #[test]
    fn peers_are_what_the_node_takes() {
        let two =
            parse(&given(&[("extra-peers", json!("/ip4/10.0.0.2/tcp/1, /ip4/10.0.0.1/tcp/1"))])).unwrap();
        assert_eq!(two.extra_peers, ["/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.2/tcp/1"]);
        let letters = "a".repeat(52);
        for bad in ["/dns4/a.example/tcp/443/wss", &format!("/ip4/10.0.0.1/tcp/1/p2p/{letters}")] {
            let faults = parse(&given(&[("extra-peers", json!(bad))])).unwrap_err();
            assert_eq!(faults[0].option, "extra-peers", "the node would exit for {bad}");
        }
    }
}
