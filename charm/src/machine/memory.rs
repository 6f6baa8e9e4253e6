//! What the unit remembers between hooks that nothing else can tell it.
//!
//! It is on the machine's own disk: a unit that loses it starts a wait anew and restarts its node once more, nothing
//! worse.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use juju_hooks::UnitName;
use serde::{Deserialize, Serialize};

use crate::config::Settings;

use super::{Machine, MachineError, Marker, Monitoring, read, write_file};

/// Where the memories are, one folder for each unit.
const FOLDER: &str = "/var/lib/paperclip-charm";
/// The file in it.
const FILE: &str = "memory.json";

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
    /// Where the running node answers monitoring, as far as it was told. None if it cannot be told: it was started by a
    /// revision of the charm that did not know how.
    pub running_monitoring: Option<Monitoring>,
    /// What the unit waits for.
    pub wait: Option<Wait>,
    /// The heads digest last told to relations; told anew only by the clock, or two clusters would wake each other
    /// for ever.
    pub heads_digest: Option<String>,
    /// The heartbeats of the other units.
    pub heard: BTreeMap<UnitName, Heard>,
    /// Whether the node has once been connected to all other units.
    pub met: bool,
    /// Whether the operator has asked for a restart without a turn.
    pub force_restart: bool,
    /// The storage that holds the node's data, as its marker has told: none while none is attached.
    pub storage: Option<Marker>,
}

/// A heartbeat of another unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Heard {
    /// The last one, by the other unit's clock.
    pub reported_at: u64,
    /// When it was first seen, by this machine's clock, in seconds since 1970.
    pub since: u64,
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
    /// Where this unit's memory is: two units on a machine must not read each other's.
    fn memory_path(&self) -> PathBuf {
        self.path(FOLDER).join(self.unit_folder()).join(FILE)
    }

    /// Where revisions of the charm before that kept it, for whichever unit there was.
    fn shared_memory_path(&self) -> PathBuf {
        self.path(FOLDER).join(FILE)
    }

    /// Whether the memory at the shared place is this unit's: it is that of the unit that has the machine.
    fn shares_memory(&self) -> Result<bool, MachineError> {
        let folder = |unit: &UnitName| format!("{}-{}", unit.application(), unit.number());
        Ok(self.claimant()?.is_none_or(|unit| folder(&unit) == self.unit_folder()))
    }

    /// What the unit remembers. A memory that cannot be understood is none.
    ///
    /// # Errors
    /// [`MachineError::File`].
    pub fn memory(&self) -> Result<Memory, MachineError> {
        let text = match read(&self.memory_path())? {
            None if self.shares_memory()? => read(&self.shared_memory_path())?,
            text => text,
        };
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// Remembers.
    ///
    /// # Errors
    /// [`MachineError::File`].
    pub fn remember(&self, memory: &Memory) -> Result<(), MachineError> {
        let text = serde_json::to_string(memory)
            .map_err(|error| MachineError::Understood { what: FILE.into(), text: error.to_string() })?;
        write_file(&self.memory_path(), text.as_bytes(), 0o600)?;
        if self.shares_memory()? {
            self.remove(&self.shared_memory_path())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaving(leaving: bool) -> Memory {
        Memory { leaving, ..Memory::default() }
    }

    #[test]
    fn units_on_one_machine_have_memories_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let agents = root.path().join("var/lib/juju/agents");
        let unit = |number: u32| {
            let agent = agents.join(format!("unit-paperclip-{number}/charm"));
            std::fs::create_dir_all(&agent).unwrap();
            Machine::of(&agent)
        };
        let (first, second) = (unit(0), unit(1));
        // What an earlier revision has left belongs to the unit that has the machine.
        let shared = root.path().join("var/lib/paperclip-charm/memory.json");
        std::fs::create_dir_all(shared.parent().unwrap()).unwrap();
        std::fs::write(&shared, "{\"leaving\":true}").unwrap();
        first.claim(&"paperclip/0".parse().unwrap()).unwrap();
        assert_eq!((first.memory().unwrap(), second.memory().unwrap()), (leaving(true), leaving(false)));

        second.remember(&leaving(true)).unwrap();
        assert!(shared.exists());
        first.remember(&leaving(false)).unwrap();
        assert!(!shared.exists());
        assert_eq!((first.memory().unwrap(), second.memory().unwrap()), (leaving(false), leaving(true)));
    }
}
