//! `metrics-endpoint` (interface `prometheus_scrape`): a Prometheus that scrapes every unit over the network
//! (conventions document, section 6).

use juju_hooks::databag::{Bag, canonical};
use serde_json::json;

use super::alerts;
use super::bags::Bags;
use crate::facts::{Facts, Related, url_host};
use crate::plan::PlanError;

pub(super) fn bags(facts: &Facts, related: &Related) -> Result<Bags, PlanError> {
    let nothing = Bags { unit: Bag::new(), application: Bag::new() };
    let (Some(settings), Some(reach)) = (facts.settings(), &related.reach) else {
        return Ok(nothing);
    };
    // The consumer puts it before a colon and the port.
    let host = url_host(&reach.ingress);
    let metadata = json!({
        "model": facts.model,
        "model_uuid": facts.model_uuid,
        "application": facts.unit.application(),
        "unit": facts.unit.to_string(),
        "charm_name": "paperclip",
    });
    let jobs = json!([{
        "job_name": "paperclip-node",
        "metrics_path": "/metrics",
        "static_configs": [{ "targets": [format!("*:{}", settings.metrics_port)] }],
    }]);
    let application = Bag::from([
        ("scrape_metadata".to_owned(), canonical(&metadata)?),
        ("scrape_jobs".to_owned(), canonical(&jobs)?),
        ("alert_rules".to_owned(), canonical(&alerts::groups(facts)?)?),
    ]);
    let unit = Bag::from([
        ("prometheus_scrape_unit_address".to_owned(), host.clone()),
        ("prometheus_scrape_unit_name".to_owned(), facts.unit.to_string()),
        ("prometheus_scrape_unit_path".to_owned(), String::new()),
        ("prometheus_scrape_unit_fqdn".to_owned(), host),
    ]);
    // An empty value would be a removal to Juju.
    let unit = unit.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    Ok(Bags { unit, application })
}
