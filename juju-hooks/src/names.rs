//! Names that Juju gives: units and relations.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that is not of the form Juju uses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `<application>/<number>`.
    #[error("{0:?} is not a unit name (want <application>/<number>)")]
    Unit(String),
    /// Not `<endpoint>:<number>`.
    #[error("{0:?} is not a relation id (want <endpoint>:<number>)")]
    Relation(String),
}

/// A unit's name, such as `paperclip/0`. Ordered by application, then by number (so `a/2` comes before `a/10`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName {
    application: String,
    number: u32,
}

impl UnitName {
    /// The application's name: what stands before the slash.
    #[must_use]
    pub fn application(&self) -> &str {
        &self.application
    }

    /// The unit's number: what stands after the slash.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl FromStr for UnitName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let bad = || NameError::Unit(text.to_owned());
        let (application, number) = text.split_once('/').ok_or_else(bad)?;
        let number = number.parse().map_err(|_| bad())?;
        if application.is_empty() {
            return Err(bad());
        }
        Ok(Self { application: application.to_owned(), number })
    }
}

impl TryFrom<String> for UnitName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<UnitName> for String {
    fn from(name: UnitName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.number)
    }
}

/// A relation's id as the tools print it, such as `cluster:0`.
///
/// Juju itself looks only at the number (`wrong:7` is accepted by every tool); here the endpoint is kept because
/// it tells which of the charm's endpoints the relation belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelationId {
    endpoint: String,
    number: u32,
}

impl RelationId {
    /// The charm's endpoint that the relation ends at.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl FromStr for RelationId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let bad = || NameError::Relation(text.to_owned());
        let (endpoint, number) = text.rsplit_once(':').ok_or_else(bad)?;
        let number = number.parse().map_err(|_| bad())?;
        if endpoint.is_empty() {
            return Err(bad());
        }
        Ok(Self { endpoint: endpoint.to_owned(), number })
    }
}

impl TryFrom<String> for RelationId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<RelationId> for String {
    fn from(id: RelationId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for RelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.endpoint, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_sort_by_number_not_by_text() {
        let mut units: Vec<UnitName> = ["a/10", "a/2", "b/0"].iter().map(|n| n.parse().unwrap()).collect();
        units.sort();
        let shown: Vec<String> = units.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a/2", "a/10", "b/0"]);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in ["", "a", "/0", "a/", "a/x", "a/-1"] {
            assert_eq!(bad.parse::<UnitName>(), Err(NameError::Unit(bad.into())));
        }
        for bad in ["", "a", ":0", "a:", "a:x"] {
            assert_eq!(bad.parse::<RelationId>(), Err(NameError::Relation(bad.into())));
        }
    }
}
