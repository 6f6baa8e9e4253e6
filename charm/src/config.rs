//! The charm's options: from what Juju hands over to what the node needs, with every fault at once.

use std::fmt;
use std::net::IpAddr;

use juju_hooks::{ConfigValue, Settings as Given};
use oplog::entry::MAX_ENTRY_BYTES;
use paperclip_client::address;
use serde::{Deserialize, Serialize};

/// Ports below this need privileges that the service does not have.
const LOWEST_PORT: i64 = 1024;
/// How many `extra-peers` are taken.
const MAX_EXTRA_PEERS: usize = 64;
/// How many characters of a refused value a fault shows.
const SHOWN: usize = 40;

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

macro_rules! options {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $name:literal, $form:expr;)+) => {
        /// Valid options.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub struct Settings {
            $($(#[$doc])* pub $field: $type,)+
        }

        /// Name and Juju type of every option, as in `config.yaml`, which has their defaults and what people are told.
        pub const OPTIONS: &[(&str, &str)] = &[$(($name, { const FORM: Form<$type> = $form; FORM.kind }),)+];

        fn read(reader: &mut Reader<'_>) -> Settings {
            Settings { $($field: { const FORM: Form<$type> = $form; (FORM.read)(reader, $name) },)+ }
        }
    };
}

// One row an option, and nothing else but what uses it and its entry in `config.yaml`.
options! {
    /// Where peers reach the node.
    listen_port: u16 = "listen-port", PORT;
    /// Where the API listens.
    api_address: ApiAddress = "api-address", Form::new("string", |reader, name| reader.api_address(name));
    /// The API's port.
    api_port: u16 = "api-port", PORT;
    /// Whether there is a websocket listener for browsers.
    browser_listener: bool = "browser-listener", BOOLEAN;
    /// Its port.
    browser_port: u16 = "browser-port", PORT;
    /// How much the node logs.
    log_level: String = "log-level",
        Form::new("string", |reader, name| reader.choice(name, &["error", "warn", "info", "debug", "trace"]));
    /// How its log lines look.
    log_format: String = "log-format", Form::new("string", |reader, name| reader.choice(name, &["text", "json"]));
    /// When a write counts as done.
    durability: String = "durability",
        Form::new("string", |reader, name| reader.choice(name, &["strict", "relaxed"]));
    /// The node's cache, in MiB.
    cache_mib: u64 = "cache-mib", Form::new("int", |reader, name| reader.number(name, 8..=65_536));
    /// Peers outside the cluster, as multiaddrs.
    extra_peers: Vec<String> = "extra-peers", Form::new("string", |reader, name| reader.peers(name));
    /// The largest entry the node takes, in bytes.
    max_entry_bytes: u64 = "max-entry-bytes",
        Form::new("int", |reader, name| reader.number(name, 4_096..=MAX_ENTRY_BYTES as i64));
    /// Where what is related finds metrics and health.
    metrics_port: u16 = "metrics-port", PORT;
    /// Whether `/metrics` and the health checks need no token on the API.
    open_metrics: bool = "open-metrics", BOOLEAN;
}

impl Settings {
    /// The port that browsers reach, if the node listens for them.
    #[must_use]
    pub fn port_for_browsers(&self) -> Option<u16> {
        self.browser_listener.then_some(self.browser_port)
    }

    /// The node's cache, in bytes.
    #[must_use]
    pub fn cache_bytes(&self) -> u64 {
        self.cache_mib.saturating_mul(1 << 20)
    }
}

/// How an option is read.
struct Form<T> {
    /// Its type in `config.yaml`.
    kind: &'static str,
    /// Reads the option of this name. What comes out beside a fault is not used.
    read: fn(&mut Reader<'_>, &'static str) -> T,
}

impl<T> Form<T> {
    const fn new(kind: &'static str, read: fn(&mut Reader<'_>, &'static str) -> T) -> Self {
        Self { kind, read }
    }
}

const PORT: Form<u16> = Form::new("int", |reader, name| {
    u16::try_from(reader.number(name, LOWEST_PORT..=i64::from(u16::MAX))).unwrap_or_default()
});

const BOOLEAN: Form<bool> = Form::new("boolean", |reader, name| reader.boolean(name));

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
    let settings = read(&mut reader);
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

    fn api_address(&mut self, option: &'static str) -> ApiAddress {
        match self.text(option) {
            Some("loopback") => ApiAddress::Loopback,
            Some("binding") => ApiAddress::Binding,
            other => match other.and_then(|text| text.parse().ok()) {
                Some(address) => ApiAddress::Fixed(address),
                None => {
                    self.fault(option, "loopback, binding or an IP address");
                    ApiAddress::Loopback
                }
            },
        }
    }

    fn peers(&mut self, option: &'static str) -> Vec<String> {
        let text = self.text(option).unwrap_or_default();
        let mut peers: Vec<String> =
            text.split([',', ' ', '\n', '\t']).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        peers.sort();
        peers.dedup();
        if peers.len() > MAX_EXTRA_PEERS {
            self.fault(option, format!("at most {MAX_EXTRA_PEERS} addresses"));
        }
        for peer in peers.iter().filter(|peer| address::parse(peer).is_none()) {
            self.faults.push(Fault {
                option,
                value: format!("{:?}", peer.chars().take(SHOWN).collect::<String>()),
                want: "a multiaddr such as /dns4/node.example/tcp/4747/p2p/12D3KooW…".into(),
            });
        }
        peers
    }

    /// Two listeners cannot have one port. The later option of the two is at fault.
    fn distinct_ports(&mut self, settings: &Settings) {
        let listeners = [
            ("listen-port", Some(settings.listen_port)),
            ("api-port", Some(settings.api_port)),
            ("metrics-port", Some(settings.metrics_port)),
            ("browser-port", settings.port_for_browsers()),
        ];
        for (index, (option, port)) in listeners.iter().enumerate() {
            // 0 stands for a port that has a fault already.
            let taken =
                |(_, other): &&(&str, Option<u16>)| port.is_some_and(|port| port != 0) && other == port;
            if let Some((other, _)) = listeners[..index].iter().find(taken) {
                self.fault(option, format!("different from {other}"));
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// The defaults of `config.yaml`, with changes.
    pub(crate) fn given(changes: &[(&str, ConfigValue)]) -> Given {
        let mut given: Given =
            document().iter().map(|(name, option)| (name.clone(), option["default"].clone())).collect();
        given.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        given
    }

    fn document() -> serde_json::Map<String, ConfigValue> {
        let document: ConfigValue = serde_yaml::from_str(include_str!("../../config.yaml")).unwrap();
        document["options"].as_object().unwrap().clone()
    }

    #[test]
    fn defaults_are_valid() {
        let settings = parse(&given(&[])).unwrap();
        assert_eq!(settings.cache_bytes(), 64 << 20);
        assert_eq!(settings.port_for_browsers(), None);
    }

    #[test]
    fn every_option_has_its_fault_and_all_are_told_at_once() {
        // An empty list is of no option's type. An option of peers that is no text counts as empty.
        let bad: Vec<(&str, ConfigValue)> = OPTIONS
            .iter()
            .map(|(name, _)| (*name, if *name == "extra-peers" { json!("10.0.0.1:4747") } else { json!([]) }))
            .collect();
        let mut faults: Vec<&str> =
            parse(&given(&bad)).unwrap_err().iter().map(|fault| fault.option).collect();
        faults.sort_unstable();
        let mut names: Vec<&str> = OPTIONS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert_eq!(faults, names);
    }

    #[test]
    fn people_are_told_the_bounds_of_numbers() {
        for (name, _) in OPTIONS.iter().filter(|(_, kind)| *kind == "int") {
            let fault = parse(&given(&[(name, json!(-1))])).unwrap_err().remove(0);
            let told = document()[*name]["description"].as_str().unwrap().to_owned();
            assert!(told.contains(&fault.want), "{name}: {told} does not say {}", fault.want);
        }
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
        let faults = parse(&given(&[("metrics-port", json!(4748))])).unwrap_err();
        assert_eq!(faults[0].to_string(), "metrics-port: 4748 is not different from api-port");
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
