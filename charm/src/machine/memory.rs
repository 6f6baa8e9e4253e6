//! What the unit remembers between hooks that nothing else can tell it.
//!
//! It is on the machine's own disk: a unit that loses it starts a wait anew and restarts its node once more, nothing
//! worse.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::Settings;

use super::{Machine, MachineError, Marker, write_file};

const PATH: &str = "/var/lib/paperclip-charm/memory.json";

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Memory {
    /// The storage is going or gone, or the unit is: the node must not be started.
    pub leaving: bool,
    /// The last valid options: what holds while the present ones are not.
    pub settings: Option<Settings>,
    /// The digest of everything the running node was started with.
    pub running: Option<String>,
    /// Where the running node's API listens. Options may have changed since it was started.
    pub running_api: Option<SocketAddr>,
    /// What the unit waits for.
    pub wait: Option<Wait>,
    /// The heads digest last told to relations; told anew only by the clock, or two clusters would wake each other
    /// for ever.
    pub heads_digest: Option<String>,
    /// The storage that holds the node's data, as its marker has told: none while none is attached.
    pub storage: Option<Marker>,
}

/// Something the unit waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wait {
    /// For what.
    pub what: String,
    /// Since when, in seconds since 1970.
    pub since: u64,
}

impl Machine {
    /// What the unit remembers. A memory that cannot be understood is none.
    ///
    /// # Errors
    /// [`MachineError::File`].
    pub fn memory(&self) -> Result<Memory, MachineError> {
        Ok(self.read(PATH)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// Remembers.
    ///
    /// # Errors
    /// [`MachineError::File`].
    pub fn remember(&self, memory: &Memory) -> Result<(), MachineError> {
        let text = serde_json::to_string(memory)
            .map_err(|error| MachineError::Understood { what: PATH.into(), text: error.to_string() })?;
        write_file(&self.path(PATH), text.as_bytes(), 0o600)
    }
}
