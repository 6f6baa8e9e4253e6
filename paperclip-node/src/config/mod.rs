//! The node's configuration: one checked struct, made from flags, environment and file.
//!
//! [`SETTINGS`] is the table of settings. [`Sources`] collects what was given for them, [`Config::from_sources`] reads it and
//! tells every fault at once. Nothing here opens more than the configuration file.

mod conflicts;
mod fault;
mod given;
mod key;
mod sources;
mod table;
mod values;

pub use fault::{Fault, FileError};
pub use given::{Given, MAX_FILE_BYTES, MAX_ITEMS, Place};
pub use key::{Allowed, DefaultValue, Key, Unit};
pub use sources::Sources;
pub use table::{Config, KEYS, SETTINGS, Setting, Settings};

use std::{fs::File, io::Read as _, path::Path};
use table::Draft;

/// Why there is no configuration: everything that is wrong with it, one fault a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct ConfigError(pub Vec<Fault>);

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl Config {
    /// Reads flags, then the environment, then the file if one is named.
    ///
    /// # Errors
    /// [`ConfigError`], with every fault of every source.
    pub fn load(
        flags: Vec<(&'static Key, Vec<String>)>,
        environment: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let mut faults = Vec::new();
        let mut sources = Sources::default();
        sources.flags(flags);
        sources.environment(environment, &mut faults);
        if let Some(path) = file {
            let read = read_file(path).and_then(|text| sources.file(path, &text, &mut faults));
            faults.extend(read.err().map(Fault::file));
        }
        Self::from_sources(&sources, faults)
    }

    /// Reads every setting; `faults` are those found before.
    ///
    /// # Errors
    /// [`ConfigError`], with every fault.
    pub fn from_sources(sources: &Sources, mut faults: Vec<Fault>) -> Result<Self, ConfigError> {
        let draft = Draft::read(&|key| sources.get(key), &mut faults);
        faults.extend(conflicts::between(&draft));
        draft.finish().filter(|_| faults.is_empty()).ok_or(ConfigError(faults))
    }
}

fn read_file(path: &Path) -> Result<String, FileError> {
    let failed = |source| FileError::Read { path: path.into(), source };
    let mut text = String::new();
    // One byte more than allowed tells a file that is too large from one that just fits.
    File::open(path).map_err(failed)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(FileError::TooLarge { path: path.into() });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::Multiaddr;
    use oplog::entry::MAX_ENTRY_BYTES;
    use std::collections::BTreeSet;
    use store::Durability;

    const PEER: &str = "/dns4/node.example/tcp/4747/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";

    fn flags(given: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let flags = given.iter().map(|(name, text)| (table::named(name), vec![(*text).to_owned()])).collect();
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
            ("metrics-listen", "node.example:4750"),
            ("planned-nodes", "three"),
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
        for bad in ["/ip4/1.2.3.4/udp/1/quic-v1", "/dns4/a.example/tcp/443/wss"] {
            assert_eq!(faults(&[("peers", bad)])[0].key(), "peers", "{bad}");
        }
    }
}
