//! Loopback interface of a machine: an address of the host's own loopback network that no other machine has (`loopback.c`).

use super::Machine;

impl Machine {
    /// The variables that give a process of this machine its loopback.
    #[must_use]
    pub fn loopback_variables(&self) -> [(&'static str, String); 2] {
        [
            ("LD_PRELOAD", env!("JUJU_SIM_LOOPBACK_LIBRARY").to_owned()),
            ("JUJU_SIM_LOOPBACK", self.loopback.to_string()),
        ]
    }
}
