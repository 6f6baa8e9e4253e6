//! `cos-agent` (interface `cos_agent`): the observability collector on the same machine. Unit bags only, one key
//! (conventions document, section 5).

use juju_hooks::databag::{Bag, canonical};
use serde_json::json;

use super::bags::Bags;
use super::{alerts, dashboards};
use crate::facts::{Facts, Related};
use crate::plan::PlanError;

pub(super) fn bags(facts: &Facts, related: &Related) -> Result<Bags, PlanError> {
    let Some(target) = facts.monitoring_target(related) else {
        return Ok(Bags { unit: Bag::new(), application: Bag::new() });
    };
    let job = json!({
        "metrics_path": "/metrics",
        "static_configs": [{ "targets": [target] }],
    });
    let hash: String = crate::digest(&[canonical(&job)?.as_bytes()]).chars().take(8).collect();
    let mut job = job;
    job["job_name"] = json!(format!("{}_node_{hash}", facts.unit.application()));
    let config = json!({
        "metrics_alert_rules": alerts::groups(facts)?,
        "log_alert_rules": {},
        "dashboards": dashboards::encoded().map_err(serde_json::Error::io)?,
        "metrics_scrape_jobs": [job],
        "log_slots": [],
    });
    let unit = Bag::from([("config".to_owned(), canonical(&config)?)]);
    Ok(Bags { unit, application: Bag::new() })
}
