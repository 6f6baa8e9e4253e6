//! Alert rules on the node's own metrics.

use serde_json::{Value, json};

use crate::facts::Facts;

/// The rules as they are written, without the labels that say where they apply.
const RULES: &str = include_str!("alerts.yaml");
/// The charm's name, a label of every rule.
const CHARM: &str = "paperclip";

/// The deployment that the rules are for.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The model's UUID.
    pub model_uuid: &'a str,
    /// The application.
    pub application: &'a str,
}

/// The rules as rule groups for the application of these facts.
///
/// # Errors
/// As [`rendered`].
pub(super) fn groups(facts: &Facts) -> Result<Value, serde_yaml::Error> {
    let (model, model_uuid, application) = (&facts.model, &facts.model_uuid, facts.unit.application());
    rendered(Origin { model, model_uuid, application })
}

/// The rules as rule groups for this application: named and labelled as the charm library `cosl` does it (conventions
/// document, section 5).
///
/// # Errors
/// When the rules in the charm are no YAML, which a test rules out.
pub fn rendered(origin: Origin<'_>) -> Result<Value, serde_yaml::Error> {
    let Origin { model, model_uuid, application } = origin;
    let mut document: Value = serde_yaml::from_str(RULES)?;
    let short_uuid: String = model_uuid.chars().take(8).collect();
    let matchers =
        format!(r#"juju_model="{model}", juju_model_uuid="{model_uuid}", juju_application="{application}""#);
    for group in document["groups"].as_array_mut().into_iter().flatten() {
        let name = group["name"].as_str().unwrap_or_default();
        group["name"] = json!(format!("{model}_{short_uuid}_{application}_{name}_rules"));
        for rule in group["rules"].as_array_mut().into_iter().flatten() {
            let expression =
                rule["expr"].as_str().unwrap_or_default().replace("%%juju_topology%%", &matchers);
            rule["expr"] = json!(expression);
            if let Some(labels) = rule["labels"].as_object_mut() {
                labels.insert("juju_model".into(), json!(model));
                labels.insert("juju_model_uuid".into(), json!(model_uuid));
                labels.insert("juju_application".into(), json!(application));
                labels.insert("juju_charm".into(), json!(CHARM));
            }
        }
    }
    Ok(document)
}
