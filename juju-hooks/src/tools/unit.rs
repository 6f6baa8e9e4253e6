//! The unit itself: configuration, status, leadership, log, version, state, resources, reboot.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use crate::databag::Bag;
use crate::error::ToolError;
use crate::invoke::Invoke;
use crate::names::UnitName;

use super::Juju;

/// One configuration value: a string, a number, a boolean; a `secret` option is the string `secret:<id>`.
pub type ConfigValue = Value;

/// The application's configuration: every option of the charm; null for those without value and default.
pub type Settings = BTreeMap<String, ConfigValue>;

/// A status a charm may set. Ordered from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Serving.
    Active,
    /// Something else will change it; no human is needed.
    Waiting,
    /// The charm is working and will end by itself.
    Maintenance,
    /// A human must act.
    Blocked,
    /// Juju's own, before the first status; cannot be set.
    Unknown,
    /// Juju's own, for a failed hook; cannot be set.
    Error,
}

impl Status {
    /// The word `status-set` takes and `juju status` shows.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Maintenance => "maintenance",
            Self::Blocked => "blocked",
            Self::Unknown => "unknown",
            Self::Error => "error",
        }
    }
}

/// A status with its message, as `status-get` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StatusReport {
    /// The status.
    pub status: Status,
    /// Its message.
    #[serde(default)]
    pub message: String,
}

/// How loud a line of the Juju log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For those who look for a fault.
    Debug,
    /// A decision the charm took.
    Info,
    /// Something is not as it should be.
    Warning,
    /// Something failed.
    Error,
}

/// What `goal-state` says the model is meant to become.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GoalState {
    /// Units of this application, those not yet alive included: their count is the planned size.
    #[serde(default)]
    pub units: BTreeMap<UnitName, GoalUnit>,
}

/// One unit of a [`GoalState`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GoalUnit {
    /// Such as `active`, `allocating`, `dying`.
    pub status: String,
}

impl GoalUnit {
    /// Whether the unit is meant to go.
    #[must_use]
    pub fn is_going(&self) -> bool {
        matches!(self.status.as_str(), "dying" | "dead")
    }
}

impl<I: Invoke> Juju<I> {
    /// `config-get`: every option.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn config(&self) -> Result<Settings, ToolError> {
        Ok(self.ask::<Option<Settings>, _>("config-get", ["--all", "--format=json"])?.unwrap_or_default())
    }

    /// `status-set`: this unit's status, at once. `Unknown` and `Error` are refused by Juju.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn set_status(&self, status: Status, message: &str) -> Result<(), ToolError> {
        self.tell("status-set", [status.word(), "--", message])
    }

    /// `status-set --application`: the application's status, at once. Leader only.
    ///
    /// # Errors
    /// [`ToolError::is_denied`] when this unit is not the leader.
    pub fn set_application_status(&self, status: Status, message: &str) -> Result<(), ToolError> {
        self.tell("status-set", ["--application", status.word(), "--", message])
    }

    /// `status-get`: this unit's status as last set.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn status(&self) -> Result<StatusReport, ToolError> {
        self.ask("status-get", ["--include-data", "--format=json"])
    }

    /// `is-leader`. True is good for about 30 s.
    ///
    /// # Errors
    /// [`ToolError::Refused`] while the agent cannot reach the controller.
    pub fn is_leader(&self) -> Result<bool, ToolError> {
        self.ask("is-leader", ["--format=json"])
    }

    /// `juju-log`: a line for `juju debug-log`, at once. Never put secrets in it.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn log(&self, level: LogLevel, line: &str) -> Result<(), ToolError> {
        let level = match level {
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Warning => "WARNING",
            LogLevel::Error => "ERROR",
        };
        self.tell("juju-log", ["-l", level, "--", line])
    }

    /// `application-version-set`: the workload's version, shown in `juju status`.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn set_workload_version(&self, version: &str) -> Result<(), ToolError> {
        self.tell("application-version-set", ["--", version])
    }

    /// `goal-state`: what the model is meant to become.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn goal_state(&self) -> Result<GoalState, ToolError> {
        self.ask("goal-state", ["--format=json"])
    }

    /// `state-get`: this unit's own store, kept by the controller.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn state(&self) -> Result<Bag, ToolError> {
        Ok(self.ask::<Option<Bag>, _>("state-get", ["--format=json"])?.unwrap_or_default())
    }

    /// `state-set`: sets keys of this unit's own store. At most 256 bytes a key and 64 KiB a value.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn set_state(&self, values: &Bag) -> Result<(), ToolError> {
        let input = serde_json::to_vec(values)
            .map_err(|error| ToolError::Input { tool: "state-set".into(), source: error.into() })?;
        self.run("state-set", ["--file", "-"], Some(input)).map(drop)
    }

    /// `state-delete`: removes a key of this unit's own store.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn delete_state(&self, key: &str) -> Result<(), ToolError> {
        self.tell("state-delete", ["--", key])
    }

    /// `resource-get`: where the resource's file is on this machine, fetched first if need be.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn resource(&self, name: &str) -> Result<PathBuf, ToolError> {
        let stdout = self.run("resource-get", [name], None)?;
        Ok(PathBuf::from(String::from_utf8_lossy(&stdout).trim_end().to_owned()))
    }

    /// `juju-reboot`: reboots the machine after this hook, if it succeeds. Refused in actions.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn reboot(&self) -> Result<(), ToolError> {
        self.tell::<&str>("juju-reboot", [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recorded;

    #[test]
    fn text_that_looks_like_a_flag_is_still_text() {
        let tools =
            Recorded::new().answer("juju-log -l INFO -- --wait", "").answer("status-set blocked -- -x", "");
        let juju = Juju::new(&tools);
        juju.log(LogLevel::Info, "--wait").unwrap();
        juju.set_status(Status::Blocked, "-x").unwrap();
    }

    #[test]
    fn the_worst_status_is_the_greatest() {
        let mut all = [Status::Blocked, Status::Active, Status::Maintenance, Status::Waiting];
        all.sort();
        assert_eq!(all, [Status::Active, Status::Waiting, Status::Maintenance, Status::Blocked]);
    }

    #[test]
    fn an_empty_store_prints_null() {
        let tools = Recorded::new().answer("state-get --format=json", "null\n");
        assert!(Juju::new(&tools).state().unwrap().is_empty());
    }

    #[test]
    fn a_resource_path_has_no_newline() {
        let tools = Recorded::new().answer("resource-get binary", "/var/lib/juju/r/binary");
        assert_eq!(Juju::new(&tools).resource("binary").unwrap(), PathBuf::from("/var/lib/juju/r/binary"));
    }
}
