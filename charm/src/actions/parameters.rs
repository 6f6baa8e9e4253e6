//! The parameters of every action. Juju checks them against `actions.yaml`; they are checked here again, because an
//! action may come from a revision of the charm whose YAML was another.

use oplog::reading::{DatabaseType, Events, TYPES, named, names};
use paperclip_client::shape::Controller;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::unit::ActionError;

/// A parameter as `actions.yaml` declares it: name, JSON schema type, whether it is required.
pub type Parameter = (&'static str, &'static str, bool);

/// Every action with its parameters.
pub const ACTIONS: [(&str, &[Parameter]); 11] = [
    (
        "create-database",
        &[
            ("access", "string", false),
            ("name", "string", true),
            ("type", "string", false),
            ("write", "string", false),
        ],
    ),
    ("force-restart", &[("confirm", "boolean", true)]),
    ("get-api-token", &[]),
    ("list-databases", &[]),
    ("pin-database", &[("address", "string", true)]),
    ("pre-refresh-check", &[]),
    (
        "resync",
        &[("database", "string", false), ("timeout", "integer", false), ("wait-peers", "integer", false)],
    ),
    ("show-cluster", &[]),
    ("show-heads", &[("database", "string", false)]),
    ("unpin-database", &[("confirm", "boolean", true), ("database", "string", true)]),
    ("verify", &[("database", "string", false), ("timeout", "integer", false)]),
];

/// Bounds of `timeout`, in seconds.
const TIMEOUT: std::ops::RangeInclusive<u64> = 1..=3600;
/// The longest name, address or id that is taken, in bytes.
const MAX_TEXT: usize = 512;
/// How many writers a database can be created with.
const MAX_WRITERS: usize = 64;

/// No parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParameters {}

/// A database, or all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Heads {
    #[serde(default)]
    pub(super) database: Text,
}

/// A database, or all, and how long it may take.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Timed {
    #[serde(default)]
    pub(super) database: Text,
    #[serde(default)]
    pub(super) timeout: Timeout,
}

/// A database, or all, how long it may take, and how many peers must answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resync {
    #[serde(default)]
    pub(super) database: Text,
    #[serde(default)]
    pub(super) timeout: Timeout,
    #[serde(default, rename = "wait-peers")]
    pub(super) wait_peers: Option<u32>,
}

/// A database to be pinned.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pin {
    pub(super) address: Text,
}

/// A database to be let go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unpin {
    pub(super) database: Text,
    #[serde(default)]
    pub(super) confirm: bool,
}

/// Something that must be meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmed {
    #[serde(default)]
    pub(super) confirm: bool,
}

/// A new database.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    pub(super) name: Text,
    #[serde(default, rename = "type")]
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) access: Controller,
    #[serde(default)]
    pub(super) write: Writers,
}

/// A text that is not too long.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Text(pub(super) String);

impl TryFrom<String> for Text {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        if text.len() > MAX_TEXT {
            return Err(format!("longer than {MAX_TEXT} bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err("holds control characters".into());
        }
        Ok(Self(text.to_owned()))
    }
}

impl Text {
    /// The text, or that it is missing.
    pub(super) fn needed(&self, name: &'static str) -> Result<&str, ActionError> {
        if self.0.is_empty() {
            return Err(ActionError::Parameter { name, problem: "must not be empty".into() });
        }
        Ok(&self.0)
    }

    /// The text, if there is one.
    pub(super) fn given(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(&self.0)
    }
}

/// A time limit in seconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Timeout(pub(super) u64);

impl Default for Timeout {
    fn default() -> Self {
        Self(60)
    }
}

impl TryFrom<u64> for Timeout {
    type Error = String;

    fn try_from(seconds: u64) -> Result<Self, String> {
        if !TIMEOUT.contains(&seconds) {
            return Err(format!("timeout: {seconds} is not {}-{} seconds", TIMEOUT.start(), TIMEOUT.end()));
        }
        Ok(Self(seconds))
    }
}

/// What a database makes of its log.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Kind(&'static dyn DatabaseType);

impl Default for Kind {
    fn default() -> Self {
        Self(&Events)
    }
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let unknown =
            || format!("type: {name:?} is not one of {}", names(TYPES).collect::<Vec<_>>().join(", "));
        named(TYPES, &name).map(Self).ok_or_else(unknown)
    }
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        self.0.name()
    }
}

/// Ids that may write, separated by commas or spaces.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Writers(pub(super) Vec<String>);

impl TryFrom<String> for Writers {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let ids: Vec<String> =
            text.split([',', ' ']).filter(|id| !id.is_empty()).map(str::to_owned).collect();
        if ids.len() > MAX_WRITERS || ids.iter().any(|id| id.len() > MAX_TEXT) {
            return Err(format!("write: at most {MAX_WRITERS} ids of at most {MAX_TEXT} bytes"));
        }
        Ok(Self(ids))
    }
}

/// Reads the parameters of an action.
pub(super) fn read<T: DeserializeOwned>(given: Map<String, Value>) -> Result<T, ActionError> {
    T::deserialize(Value::Object(given)).map_err(|error| ActionError::Parameters(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn what_the_schema_refuses_is_refused_here_too() {
        assert!(read::<Timed>(object(json!({}))).is_ok());
        for bad in [
            json!({"timeout": 0}),
            json!({"timeout": 4000}),
            json!({"timeout": "soon"}),
            json!({"data-base": "x"}),
            json!({"database": 7}),
            json!({"database": "a\nb"}),
        ] {
            assert!(read::<Timed>(object(bad.clone())).is_err(), "{bad}");
        }
        assert!(read::<Create>(object(json!({"name": "a", "type": "graph"}))).is_err());
        assert!(read::<Pin>(object(json!({}))).is_err());
    }
}
