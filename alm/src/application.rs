//! The application's side: what is managed.

use juju_hooks::UnitName;
use serde::{Deserialize, Serialize};

use crate::at_most::AtMost;
use crate::operation::{MAX_REQUESTS, OperationResult};
use crate::prometheus::{MAX_JOBS, MAX_TARGETS, Rules, ScrapeJob, Target};
use crate::text::{Block, Capability, Line, Name, SecretUri, Url};
use crate::version::Versions;

/// The most operations that an application can offer.
pub const MAX_CAPABILITIES: usize = 32;
/// The most dashboards.
pub const MAX_DASHBOARDS: usize = 16;
/// The most conditions of a unit.
pub const MAX_CONDITIONS: usize = 32;
/// The most counts of a unit.
pub const MAX_COUNTS: usize = 32;
/// The most measures of an application.
pub const MAX_MEASURES: usize = 16;
/// The longest dashboard: its JSON, compressed, in base64, in bytes.
pub const MAX_DASHBOARD_BYTES: usize = 1 << 20;

/// The application's bag, written by its leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Application {
    /// The version whose keys all mean what they meant: `1` while the keys of version 1 are there.
    pub schema: Line,
    /// The versions that the application speaks. Without it: that of `schema`.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub versions: Versions,
    /// Its name.
    pub application: Name,
    /// Its charm.
    pub charm: Name,
    /// The charm's revision, for the command that goes back to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charm_revision: Option<Line>,
    /// Its model.
    pub model: Name,
    /// Its model's UUID.
    pub model_uuid: Name,
    /// What distinguishes its cluster from any other, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<Line>,
    /// The version of the leader's workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Line>,
    /// How many units there should be. Fewer bags than this means that units are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_units: Option<u32>,
    /// The operations that it carries out on request.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub capabilities: AtMost<Capability, MAX_CAPABILITIES>,
    /// The certificate authority of `https` URLs, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_ca: Option<Block>,
    /// A secret, granted to this relation, with the key `token`: the bearer token of the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret: Option<SecretUri>,
    /// What to scrape.
    #[serde(default)]
    pub scrape_jobs: AtMost<ScrapeJob, MAX_JOBS>,
    /// Alerts and recording rules for Prometheus.
    #[serde(default)]
    pub alert_rules: Rules,
    /// Alerts for Loki.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_rules: Option<Rules>,
    /// Grafana dashboards: JSON, compressed with xz, in base64.
    #[serde(default)]
    pub dashboards: AtMost<Dashboard, MAX_DASHBOARDS>,
    /// What tells in Prometheus whether a refreshed unit does as well as before.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub measures: AtMost<Measure, MAX_MEASURES>,
    /// The turn to restart that the application would give next. It waits for the manager's verdict when the manager's policy
    /// says `gates`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_wanted: Option<Turn>,
    /// What came of requests to the application.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub results: AtMost<OperationResult, MAX_REQUESTS>,
}

/// A dashboard as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("maxLength" = MAX_DASHBOARD_BYTES, "pattern" = "^[A-Za-z0-9+/=]*$")))]
pub struct Dashboard(String);

/// Why a text is no dashboard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a dashboard is base64 of at most {MAX_DASHBOARD_BYTES} bytes")]
pub struct DashboardError;

impl TryFrom<String> for Dashboard {
    type Error = DashboardError;

    fn try_from(text: String) -> Result<Self, DashboardError> {
        let base64 = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        if base64 && text.len() <= MAX_DASHBOARD_BYTES { Ok(Self(text)) } else { Err(DashboardError) }
    }
}

impl From<Dashboard> for String {
    fn from(dashboard: Dashboard) -> Self {
        dashboard.0
    }
}

/// Something to compare before and after a unit was refreshed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Measure {
    /// What it is, as people say it.
    pub name: Line,
    /// A PromQL expression with one value, in which `%%unit%%` stands for the unit's name. Higher is worse.
    pub query: Block,
    /// How many hundredths of the value before the value after may be: 150 allows half as much again.
    pub tolerated_percent: u32,
    /// What is tolerated beside that, in thousandths of the value's unit, so that noise around zero holds nothing up.
    #[serde(default)]
    pub slack_thousandths: u64,
}

/// A turn to restart that waits for a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Turn {
    /// Names this turn; another unit, or the same unit into something else, is another turn.
    pub id: Name,
    /// The unit that would restart.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub unit: UnitName,
    /// What it would restart into. Turns into the same belong to one refresh.
    pub into: Line,
    /// How to go back, as a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Line>,
}

/// A unit's bag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unit {
    /// As in the application's bag.
    pub schema: Line,
    /// As in the application's bag. Units of one application can speak different versions during a refresh.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub versions: Versions,
    /// The unit's name.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub unit: UnitName,
    /// Whether it serves.
    pub ready: bool,
    /// The version of its workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Line>,
    /// Its libp2p peer id, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_id: Option<Line>,
    /// Answers 200 while it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_url: Option<Url>,
    /// Its metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_url: Option<Url>,
    /// Version 1. Written at other times than those of other units, so that it tells nothing about agreement: use
    /// `replication`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads_digest: Option<Line>,
    /// When this bag was last brought up to date by the clock, in seconds since 1970. The heartbeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<u64>,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub conditions: AtMost<Condition, MAX_CONDITIONS>,
    /// Whether it has what the others have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
    /// What it holds. A manager names the first in its status: `12 databases`.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub counts: AtMost<Count, MAX_COUNTS>,
    /// The disk of its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// Its API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_url: Option<Url>,
    /// What to scrape of it.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub targets: AtMost<Target, MAX_TARGETS>,
    /// What it waits to restart into. There until it has restarted and is healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_wanted: Option<Line>,
    /// What came of requests to this unit.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub results: AtMost<OperationResult, MAX_REQUESTS>,
}

/// Something that is wrong with a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Condition {
    /// Which kind: a name that the application's manual lists, such as `disk-full`.
    pub kind: Name,
    /// How bad.
    pub severity: Severity,
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Line>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Line>,
}

/// How bad a condition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Severity {
    /// It serves, and somebody should look.
    Warning,
    /// It does not do what it is there for.
    Critical,
}

/// Whether a unit has what the others have. Judged by this and by nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Replication {
    /// Other units that it is connected to.
    pub connected: u32,
    /// Of these, the ones with which everything has been exchanged since the connection was made.
    pub in_step: u32,
    /// Items that it knows of and does not have yet.
    pub pending: u64,
}

impl Replication {
    /// Whether it is in step with at least so many others, and nothing is missing.
    #[must_use]
    pub fn in_step_with(&self, others: u32) -> bool {
        self.pending == 0 && self.in_step >= others
    }
}

/// How many of something a unit holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Count {
    /// Of what, in the plural.
    pub name: Name,
    /// How many.
    pub count: u64,
}

/// Space on the disk of a unit's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Disk {
    /// Bytes that the data takes.
    pub used_bytes: u64,
    /// Bytes that are free.
    pub free_bytes: u64,
}
