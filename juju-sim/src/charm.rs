//! A charm as the controller knows it: its YAML files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

/// A charm's directory, read.
#[derive(Debug, Clone)]
pub struct Charm {
    /// Where its files are.
    pub directory: PathBuf,
    /// Endpoints.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Storage by name.
    pub storage: BTreeMap<String, StorageSpec>,
    /// Bindings beside the endpoints.
    pub bindings: Vec<String>,
    /// Options.
    pub options: BTreeMap<String, OptionSpec>,
    /// Actions.
    pub actions: BTreeMap<String, Value>,
}

/// What an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Between the units of one application.
    Peer,
    /// Offered.
    Provider,
    /// Needed.
    Requirer,
}

/// An endpoint of a charm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its role.
    pub role: Role,
    /// Its interface.
    pub interface: String,
}

/// A storage of a charm.
#[derive(Debug, Clone, Deserialize)]
pub struct StorageSpec {
    /// Where it is mounted.
    #[serde(default)]
    pub location: Option<String>,
}

/// An option of a charm.
#[derive(Debug, Clone, Deserialize)]
pub struct OptionSpec {
    /// `string`, `int`, `float`, `boolean` or `secret`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The default, if any.
    #[serde(default)]
    pub default: Value,
}

impl Charm {
    /// Reads the charm in a directory.
    ///
    /// # Errors
    /// A file is missing or is not what it should be.
    pub fn read(directory: &Path) -> std::io::Result<Self> {
        let metadata = yaml(&directory.join("metadata.yaml"))?;
        let mut endpoints = BTreeMap::new();
        for (key, role) in [("peers", Role::Peer), ("provides", Role::Provider), ("requires", Role::Requirer)]
        {
            for (name, endpoint) in object(&metadata[key]) {
                let interface = endpoint["interface"].as_str().unwrap_or_default().to_owned();
                endpoints.insert(name, Endpoint { role, interface });
            }
        }
        let storage = object(&metadata["storage"])
            .into_iter()
            .map(|(name, spec)| Ok((name, serde_json::from_value(spec)?)))
            .collect::<std::io::Result<_>>()?;
        let options = object(&yaml(&directory.join("config.yaml"))?["options"])
            .into_iter()
            .map(|(name, spec)| Ok((name, serde_json::from_value(spec)?)))
            .collect::<std::io::Result<_>>()?;
        Ok(Self {
            directory: directory.to_owned(),
            endpoints,
            storage,
            bindings: object(&metadata["extra-bindings"]).into_keys().collect(),
            options,
            actions: object(&yaml(&directory.join("actions.yaml"))?),
        })
    }

    /// Checks the parameters of an action and fills in defaults, as the controller does: JSON schema with
    /// `additionalProperties` false unless said otherwise.
    ///
    /// # Errors
    /// What the caller of `juju run` would be told.
    pub fn parameters(&self, action: &str, given: &Value) -> Result<Map<String, Value>, String> {
        let spec = self.actions.get(action).ok_or_else(|| format!("action {action:?} not defined"))?;
        let schema = object(&spec["params"]);
        let mut parameters: Map<String, Value> = object(given).into_iter().collect();
        if let Some(unknown) = parameters.keys().find(|key| !schema.contains_key(*key))
            && spec["additionalProperties"] != Value::Bool(true)
        {
            return Err(format!("additional property {unknown:?} is not allowed"));
        }
        for required in spec["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !parameters.contains_key(required) {
                return Err(format!("{required:?} property is missing and required"));
            }
        }
        for (name, schema) in &schema {
            match parameters.get(name) {
                Some(value) => fits(schema, value).map_err(|why| format!("{name}: {why}"))?,
                None if !schema["default"].is_null() => {
                    parameters.insert(name.clone(), schema["default"].clone());
                }
                None => {}
            }
        }
        Ok(parameters)
    }
}

fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    let of_type = match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if !of_type {
        return Err(format!("must be of type {}, given {value}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|choices| !choices.contains(value)) {
        return Err(format!("must match one of the enum values {}", schema["enum"]));
    }
    let outside = |bound: &str, beyond: fn(f64, f64) -> bool| {
        schema[bound].as_f64().zip(value.as_f64()).is_some_and(|(bound, value)| beyond(value, bound))
    };
    if outside("minimum", |value, bound| value < bound) || outside("maximum", |value, bound| value > bound) {
        return Err(format!("{value} is out of range"));
    }
    let length = value.as_str().map(|text| text.chars().count() as u64);
    if schema["minLength"].as_u64().zip(length).is_some_and(|(least, length)| length < least)
        || schema["maxLength"].as_u64().zip(length).is_some_and(|(most, length)| length > most)
    {
        return Err("length is out of range".into());
    }
    Ok(())
}

fn yaml(path: &Path) -> std::io::Result<Value> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_yaml::from_str(&text).map_err(std::io::Error::other),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(error),
    }
}

fn object(value: &Value) -> BTreeMap<String, Value> {
    value.as_object().map(|map| map.iter().map(|(k, v)| (k.clone(), v.clone())).collect()).unwrap_or_default()
}
