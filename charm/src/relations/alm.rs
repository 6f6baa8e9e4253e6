//! `alm` (interface `alm`): what an application lifecycle manager needs. The contract is `docs/charm/alm.md`.

use juju_hooks::databag;
use serde::Serialize;
use serde_json::{Value, json};

use super::bags::Bags;
use super::{alerts, dashboards};
use crate::facts::{Facts, Related};
use crate::machine::ServiceState;
use crate::names::SCHEMA;
use crate::plan::PlanError;

/// One unit.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Unit {
    schema: &'static str,
    unit: String,
    /// Whether the node serves.
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_id: Option<String>,
    /// Where health is asked; absent while the machine has no address.
    #[serde(skip_serializing_if = "Option::is_none")]
    health_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_url: Option<String>,
    /// Told by the clock (`update-status`), not with every write.
    #[serde(skip_serializing_if = "Option::is_none")]
    heads_digest: Option<String>,
}

/// The application.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Application {
    schema: &'static str,
    application: String,
    charm: &'static str,
    model: String,
    model_uuid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    scrape_jobs: Value,
    alert_rules: Value,
    dashboards: Vec<String>,
}

pub(super) fn bags(facts: &Facts, related: &Related) -> Result<Bags, PlanError> {
    let version = facts.installed.as_ref().map(|binary| binary.version.clone());
    let port = facts.settings().map_or(0, |settings| settings.metrics_port);
    let target = facts.monitoring_target(related);
    let url = |path: &str| target.as_ref().map(|target| format!("http://{target}{path}"));
    let running = facts.service.state == ServiceState::Active;
    let unit = Unit {
        schema: SCHEMA,
        unit: facts.unit.to_string(),
        ready: running && facts.node.as_ref().is_some_and(|node| node.ready),
        version: version.clone(),
        peer_id: facts.node.as_ref().map(|node| node.peer_id.clone()),
        health_url: url("/readyz"),
        metrics_url: url("/metrics"),
        heads_digest: facts.memory.heads_digest.clone(),
    };
    let application = Application {
        schema: SCHEMA,
        application: facts.unit.application().to_owned(),
        charm: "paperclip",
        model: facts.model.clone(),
        model_uuid: facts.model_uuid.clone(),
        cluster_id: facts.cluster.as_ref().and_then(|cluster| cluster.application.cluster_id.clone()),
        version,
        scrape_jobs: json!([{
            "job_name": "paperclip-node",
            "metrics_path": "/metrics",
            "static_configs": [{ "targets": [format!("*:{port}")] }],
        }]),
        alert_rules: alerts::groups(facts)?,
        dashboards: dashboards::encoded().map_err(serde_json::Error::io)?,
    };
    Ok(Bags { unit: databag::encode(&unit)?, application: databag::encode(&application)? })
}
