//! Recordings of the bags of a relation.

use std::collections::BTreeMap;

use juju_hooks::UnitName;
use juju_hooks::databag::Bag;
use serde::{Deserialize, Serialize};

/// The bags of one relation over time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Recording {
    /// What it shows.
    #[serde(default)]
    pub about: String,
    /// The moments, in order.
    pub moments: Vec<Moment>,
}

/// The bags of one relation at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Moment {
    /// When, in seconds since 1970.
    pub at: u64,
    /// The application's bag.
    #[serde(default)]
    pub application: Bag,
    /// The bags of its units.
    #[serde(default)]
    pub units: BTreeMap<UnitName, Bag>,
    /// The manager's application bag.
    #[serde(default)]
    pub manager: Bag,
    /// The bags of its units.
    #[serde(default)]
    pub manager_units: BTreeMap<UnitName, Bag>,
}
