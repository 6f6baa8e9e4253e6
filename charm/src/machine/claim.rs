//! One machine, one node: the first unit on a machine claims it.
//!
//! Juju can place two units on one machine (`--to`). They would write the same files and stop each other's node.

use juju_hooks::UnitName;

use super::{Machine, MachineError, write_file};

const PATH: &str = "/etc/paperclip/unit";

impl Machine {
    /// The unit that this machine's node belongs to, while its agent is still there.
    ///
    /// # Errors
    /// [`MachineError::File`].
    pub fn claimant(&self) -> Result<Option<UnitName>, MachineError> {
        let name: Option<UnitName> = self.read(PATH)?.and_then(|text| text.trim().parse().ok());
        Ok(name.filter(|name| {
            let agent = format!("/var/lib/juju/agents/unit-{}-{}", name.application(), name.number());
            self.path(&agent).exists()
        }))
    }

    /// Claims the machine for a unit.
    ///
    /// # Errors
    /// [`MachineError::File`].
    pub fn claim(&self, unit: &UnitName) -> Result<(), MachineError> {
        write_file(&self.path(PATH), format!("{unit}\n").as_bytes(), 0o644)
    }

    /// Gives the machine up.
    ///
    /// # Errors
    /// [`MachineError::File`].
    pub(super) fn give_up(&self) -> Result<(), MachineError> {
        self.remove(&self.path(PATH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_lasts_as_long_as_the_agent() {
        let root = tempfile::tempdir().unwrap();
        let agents = root.path().join("var/lib/juju/agents");
        std::fs::create_dir_all(agents.join("unit-paperclip-0/charm")).unwrap();
        let machine = Machine::of(&agents.join("unit-paperclip-1/charm"));
        assert_eq!(machine.claimant().unwrap(), None);
        let first: UnitName = "paperclip/0".parse().unwrap();
        machine.claim(&first).unwrap();
        assert_eq!(machine.claimant().unwrap(), Some(first));
        std::fs::remove_dir_all(agents.join("unit-paperclip-0")).unwrap();
        assert_eq!(machine.claimant().unwrap(), None);
    }
}
