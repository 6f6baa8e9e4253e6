//! Alert rules on the node's own metrics.

use serde_json::{Value, json};

use crate::facts::Facts;

/// The rules as they are written, without the labels that say where they apply.
const RULES: &str = include_str!("alerts.yaml");
/// The charm's name, a label of every rule.
const CHARM: &str = "paperclip";

/// The rules as rule groups for this application: named and labelled as the charm library `cosl` does it (conventions
/// document, section 5).
///
/// # Errors
/// When the rules in the charm are no YAML, which a test rules out.
pub(super) fn groups(facts: &Facts) -> Result<Value, serde_yaml::Error> {
    let mut document: Value = serde_yaml::from_str(RULES)?;
    let application = facts.unit.application();
    let short_uuid: String = facts.model_uuid.chars().take(8).collect();
    let matchers = format!(
        r#"juju_model="{}",juju_model_uuid="{}",juju_application="{application}""#,
        facts.model, facts.model_uuid
    );
    for group in document["groups"].as_array_mut().into_iter().flatten() {
        let name = group["name"].as_str().unwrap_or_default();
        group["name"] = json!(format!("{}_{short_uuid}_{application}_{name}_rules", facts.model));
        for rule in group["rules"].as_array_mut().into_iter().flatten() {
            let expression =
                rule["expr"].as_str().unwrap_or_default().replace("%%juju_topology%%", &matchers);
            rule["expr"] = json!(expression);
            if let Some(labels) = rule["labels"].as_object_mut() {
                labels.insert("juju_model".into(), json!(facts.model));
                labels.insert("juju_model_uuid".into(), json!(facts.model_uuid));
                labels.insert("juju_application".into(), json!(application));
                labels.insert("juju_charm".into(), json!(CHARM));
            }
        }
    }
    Ok(document)
}
