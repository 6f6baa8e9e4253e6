//! The manager's side.

use juju_hooks::UnitName;
use serde::{Deserialize, Serialize};

use crate::at_most::AtMost;
use crate::operation::{MAX_REQUESTS, Request};
use crate::text::{Line, Name, Url};
use crate::version::Versions;
use crate::window::Window;

/// How long a turn waits for a verdict of a manager that is not heard of, in seconds. Then it goes on as if there were none.
pub const MANAGER_SILENT_SECONDS: u64 = 1800;

/// The manager's application bag, written by its leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Manager {
    /// `2`.
    pub schema: Line,
    /// The versions that the manager speaks.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub versions: Versions,
    /// The manager's application.
    pub application: Name,
    /// What it asks for. A request is dropped when its result has been read, or when nothing came of it in time.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub requests: AtMost<Request, MAX_REQUESTS>,
    /// What it holds the application to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// What it says to the application's `turn-wanted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Where what it runs can be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<Monitoring>,
}

/// A unit of the manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ManagerUnit {
    /// `2`.
    pub schema: Line,
    /// The versions that the unit speaks.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub versions: Versions,
    /// The unit's name.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub unit: UnitName,
    /// The heartbeat, in seconds since 1970.
    pub reported_at: u64,
}

/// What a manager holds an application to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Policy {
    /// How many units may be down at once for maintenance.
    pub max_unavailable: u32,
    /// When maintenance may begin. At any time without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Whether the application waits for a verdict before it gives a turn to restart.
    pub gates: bool,
    /// Whether the operator has stopped the manager from beginning anything.
    pub paused: bool,
}

/// What becomes of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verdict {
    /// The turn.
    pub turn: Name,
    /// What becomes of it.
    pub word: Word,
    /// Why, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Line>,
}

/// The word of a verdict. Anything but `go` may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Word {
    /// Restart.
    Go,
    /// Not now.
    Hold,
    /// Not at all: go back. The reason has the command.
    Rollback,
}

/// What a manager runs for the applications.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Monitoring {
    /// Its Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus_url: Option<Url>,
    /// Its Alertmanager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alertmanager_url: Option<Url>,
    /// A Grafana that shows the dashboards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grafana_url: Option<Url>,
}
