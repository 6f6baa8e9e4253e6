//! The service, through `systemctl`.

use std::path::PathBuf;

use crate::names::SERVICE;

use super::{Machine, MachineError, read, run, write_file};

/// What systemd says of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceState {
    /// It runs and has said that it is ready.
    Active,
    /// On its way: starting, stopping, or about to be restarted after a failure.
    Changing,
    /// It has failed, and systemd has given it up.
    Failed,
    /// It does not run.
    Inactive,
}

/// The service as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Whether it runs.
    pub state: ServiceState,
    /// How often systemd has restarted it since it was last started by hand.
    pub restarts: u32,
}

impl Machine {
    fn unit_path(&self) -> PathBuf {
        self.path(&format!("/etc/systemd/system/{SERVICE}.service"))
    }

    /// The unit file's text, if there is one.
    ///
    /// # Errors
    /// [`MachineError::File`].
    pub fn installed_unit_file(&self) -> Result<Option<String>, MachineError> {
        read(&self.unit_path())
    }

    /// Writes the unit file and has systemd read it.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn write_unit_file(&self, text: &str) -> Result<(), MachineError> {
        write_file(&self.unit_path(), text.as_bytes(), 0o644)?;
        run("systemctl", ["daemon-reload"]).map(drop)
    }

    /// What systemd says of the service. One it does not know is inactive.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn service(&self) -> Result<Service, MachineError> {
        let printed = run("systemctl", ["show", "--property=ActiveState,NRestarts", SERVICE])?;
        let value = |name: &str| {
            printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
        };
        let state = match value("ActiveState") {
            "active" | "reloading" => ServiceState::Active,
            "activating" | "deactivating" => ServiceState::Changing,
            "failed" => ServiceState::Failed,
            _ => ServiceState::Inactive,
        };
        Ok(Service { state, restarts: value("NRestarts").parse().unwrap_or_default() })
    }

    /// Starts it now and at every boot, forgetting old failures. Waits until it says that it is ready.
    ///
    /// # Errors
    /// [`MachineError::Failed`] when it does not come up.
    pub fn start_service(&self) -> Result<(), MachineError> {
        run("systemctl", ["enable", "--quiet", SERVICE])?;
        // systemd refuses to reset a unit that it has not loaded, and one that has failed it has.
        if self.service()?.state == ServiceState::Failed {
            run("systemctl", ["reset-failed", SERVICE])?;
        }
        run("systemctl", ["start", SERVICE]).map(drop)
    }

    /// Stops it and starts it again. Waits until it says that it is ready.
    ///
    /// # Errors
    /// [`MachineError::Failed`] when it does not come up.
    pub fn restart_service(&self) -> Result<(), MachineError> {
        run("systemctl", ["restart", SERVICE]).map(drop)
    }

    /// Has it read again what it can take over while it runs. Does not wait until it has.
    ///
    /// # Errors
    /// [`MachineError::Failed`].
    pub fn reload_service(&self) -> Result<(), MachineError> {
        run("systemctl", ["reload", SERVICE]).map(drop)
    }

    /// Stops it, now and at boot.
    ///
    /// # Errors
    /// [`MachineError::Failed`].
    pub fn stop_service(&self) -> Result<(), MachineError> {
        if !self.unit_path().exists() {
            return Ok(());
        }
        run("systemctl", ["stop", SERVICE])?;
        run("systemctl", ["disable", "--quiet", SERVICE]).map(drop)
    }

    /// Removes everything that [`Machine::start_service`] needs; the data stays.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn remove_service(&self) -> Result<(), MachineError> {
        self.stop_service()?;
        for path in [self.unit_path(), self.config_path(), self.certificate_path(), self.token_path()] {
            self.remove(&path)?;
        }
        run("systemctl", ["daemon-reload"])?;
        self.give_up()
    }

    /// The last lines the service has logged, for an operator who reads a status or an action's result.
    #[must_use]
    pub fn last_words(&self) -> String {
        // A machine without the journal has no words; that must not hide the failure they were wanted for.
        run("journalctl", ["--unit", SERVICE, "--lines", "3", "--output", "cat", "--no-pager"])
            .map(|text| text.trim().replace('\n', " | "))
            .unwrap_or_default()
    }
}
