//! What of Prometheus's own formats an application may send: what to scrape, and rules. Keys that are not here are dropped, so
//! that a relation cannot make the manager read its own files or send its credentials anywhere.

use serde::{Deserialize, Serialize};

use crate::at_most::AtMost;
use crate::text::{Authority, Block, Duration, HttpPath, Labels, Line, Name};

/// The most scrape jobs of an application.
pub const MAX_JOBS: usize = 16;
/// The most targets of a job in `static_configs`, and of a unit in `targets`.
pub const MAX_TARGETS: usize = 16;
/// The most groups of rules.
pub const MAX_GROUPS: usize = 64;
/// The most rules of a group.
pub const MAX_RULES: usize = 128;

/// A scrape job. Its targets are those that the units name in `targets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScrapeJob {
    /// Its name, unique in the application.
    pub job_name: Name,
    /// The path; `/metrics` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_path: Option<HttpPath>,
    /// `http` or `https`; `http` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// How often; the manager's own interval without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape_interval: Option<Duration>,
    /// Version 1: `*:<port>` stands for every unit. For managers of version 1 only.
    #[serde(default, skip_serializing_if = "AtMost::is_empty")]
    pub static_configs: AtMost<StaticConfig, MAX_TARGETS>,
}

/// The scheme of a scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Scheme {
    /// Plain.
    Http,
    /// With TLS; the authority is the application's `api-ca`.
    Https,
}

/// Targets of version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StaticConfig {
    /// `*:<port>`, or a host with a port.
    pub targets: AtMost<Line, MAX_TARGETS>,
}

/// Something of one unit to scrape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Target {
    /// The job it belongs to: a `job_name` of the application's `scrape-jobs`.
    pub job: Name,
    /// Where.
    pub address: Authority,
}

/// Rules as Prometheus and Loki read them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rules {
    /// The groups.
    #[serde(default)]
    pub groups: AtMost<RuleGroup, MAX_GROUPS>,
}

/// A group of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleGroup {
    /// Its name, unique in the application.
    pub name: Line,
    /// How often it is evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Its rules.
    pub rules: AtMost<Rule, MAX_RULES>,
}

/// An alert or a recording rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rule {
    /// The alert's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Name>,
    /// The name of what is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Line>,
    /// The expression.
    pub expr: Block,
    /// How long it must hold before the alert fires.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub holds_for: Option<Duration>,
    /// Labels that are added.
    #[serde(default, skip_serializing_if = "empty")]
    pub labels: Labels,
    /// For people. `runbook_url` names the page that says what to do.
    #[serde(default, skip_serializing_if = "empty")]
    pub annotations: Labels,
}

fn empty(labels: &Labels) -> bool {
    labels.is_empty()
}
