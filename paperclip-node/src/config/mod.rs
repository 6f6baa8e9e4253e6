//! The node's configuration: one checked struct, made from flags, environment and file.
//!
//! [`KEYS`] is the table of settings. [`Sources`] collects what was given for them, [`Config::from_sources`] reads it and
//! tells every fault at once. Nothing here opens more than the configuration file.

mod fault;
mod key;
mod read;
mod sources;

pub use fault::Fault;
pub use key::{KEYS, Key};
pub(crate) use read::is_dialable;
pub use sources::{FileError, Given, MAX_FILE_BYTES, MAX_ITEMS, Place, Sources};

use crate::logging::{Filter, LogFormat};
use libp2p::Multiaddr;
use std::{
    fs::File,
    io::Read as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// When a write is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Once it is on disk.
    Strict,
    /// At once; the store flushes every half second.
    Relaxed,
}

/// How a node runs. Every field is documented in [`KEYS`] under the name it has there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `data-dir`
    pub data_dir: PathBuf,
    /// `listen`
    pub listen: Vec<Multiaddr>,
    /// `websocket-listen`
    pub websocket_listen: Vec<Multiaddr>,
    /// `peers`
    pub peers: Vec<Multiaddr>,
    /// `announce`
    pub announce: Vec<Multiaddr>,
    /// `api`
    pub api: SocketAddr,
    /// `api-token-file`
    pub api_token_file: Option<PathBuf>,
    /// `metrics-open`
    pub metrics_open: bool,
    /// `log-level`
    pub log_level: Filter,
    /// `log-format`
    pub log_format: LogFormat,
    /// `durability`
    pub durability: Durability,
    /// `cache-bytes`
    pub cache_bytes: u64,
    /// `join-memory-bytes`
    pub join_memory_bytes: usize,
    /// `max-entry-bytes`
    pub max_entry_bytes: usize,
    /// `cluster-id`: 66 lower-case hex digits.
    pub cluster_id: Option<String>,
    /// `certificate`
    pub certificate: Option<PathBuf>,
    /// `root-key`
    pub root_key: Option<PathBuf>,
    /// `exchange-interval`
    pub exchange_interval: Duration,
    /// `scrub-interval`; `None` for 0
    pub scrub_interval: Option<Duration>,
    /// `max-connections`
    pub max_connections: usize,
}

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
    pub fn from_sources(sources: &Sources, faults: Vec<Fault>) -> Result<Self, ConfigError> {
        read::config(sources, faults)
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
