//! Reading what the other side wrote: into types, within bounds, or refused with the reason.

use std::collections::BTreeSet;

use juju_hooks::UnitName;
use juju_hooks::databag::{self, Bag, BagError};
use serde::de::DeserializeOwned;

use crate::application::{Application, Unit};
use crate::manager::{Manager, ManagerUnit};
use crate::version::{MANAGED, SPOKEN, named};

/// The largest bag that is read, in bytes of keys and values.
pub const MAX_BAG_BYTES: usize = 4 << 20;

/// Why a bag is not read. Nothing of it is used then.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Larger than it may be.
    #[error("the bag has {bytes} bytes, at most {MAX_BAG_BYTES} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// A key is missing or holds something else.
    #[error(transparent)]
    Bag(#[from] BagError),
    /// It names no version that is spoken here.
    #[error("it speaks versions {theirs:?}; {SPOKEN:?} are spoken here: refresh the older of the two charms")]
    Version {
        /// What it names.
        theirs: BTreeSet<u16>,
    },
    /// A key that its version asks for is missing.
    #[error("{key} is missing, which version {MANAGED} has")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// It says that it is somebody else's.
    #[error("it says that it is of {says}, and is of {of}")]
    Owner {
        /// Whose it says that it is.
        says: String,
        /// Whose it is.
        of: String,
    },
    /// Two of a list have the same name or id.
    #[error("{key}: {name} is there twice")]
    Twice {
        /// The list.
        key: &'static str,
        /// The name or id.
        name: String,
    },
    /// A rule that is neither or both of an alert and a record.
    #[error("alert-rules: a rule of group {group:?} must have one of alert and record")]
    Rule {
        /// Its group.
        group: String,
    },
    /// A request that cannot be carried out in time.
    #[error("requests: {id} has a deadline that is not after it was issued")]
    Deadline {
        /// The request.
        id: String,
    },
}

/// Reads an application's bag. `None` while nothing is written yet.
///
/// # Errors
/// [`Refusal`] with the reason.
pub fn application(bag: &Bag) -> Result<Option<Application>, Refusal> {
    let Some(read) = whole::<Application>(bag)? else { return Ok(None) };
    spoken(read.schema.as_str(), &read.versions)?;
    once("scrape-jobs", read.scrape_jobs.iter().map(|job| job.job_name.as_str()))?;
    once("results", read.results.iter().map(|result| result.id.as_str()))?;
    once("alert-rules", read.alert_rules.groups.iter().map(|group| group.name.as_str()))?;
    let rules = read.log_rules.iter().chain([&read.alert_rules]);
    for group in rules.flat_map(|rules| &rules.groups) {
        if group.rules.iter().any(|rule| rule.alert.is_some() == rule.record.is_some()) {
            return Err(Refusal::Rule { group: group.name.to_string() });
        }
    }
    Ok(Some(read))
}

/// Reads the bag of an application's unit. `None` while nothing is written yet.
///
/// # Errors
/// [`Refusal`] with the reason.
pub fn unit(bag: &Bag, of: &UnitName) -> Result<Option<Unit>, Refusal> {
    let Some(read) = whole::<Unit>(bag)? else { return Ok(None) };
    let versions = spoken(read.schema.as_str(), &read.versions)?;
    owner(&read.unit, of)?;
    if versions.contains(&MANAGED) && read.reported_at.is_none() {
        return Err(Refusal::Missing { key: "reported-at" });
    }
    once("results", read.results.iter().map(|result| result.id.as_str()))?;
    Ok(Some(read))
}

/// Reads a manager's application bag. `None` while nothing is written yet, which is a manager of version 1.
///
/// # Errors
/// [`Refusal`] with the reason.
pub fn manager(bag: &Bag) -> Result<Option<Manager>, Refusal> {
    let Some(read) = whole::<Manager>(bag)? else { return Ok(None) };
    spoken(read.schema.as_str(), &read.versions)?;
    once("requests", read.requests.iter().map(|request| request.id.as_str()))?;
    if let Some(request) = read.requests.iter().find(|request| request.deadline <= request.issued) {
        return Err(Refusal::Deadline { id: request.id.to_string() });
    }
    Ok(Some(read))
}

/// Reads the bag of a manager's unit. `None` while nothing is written yet.
///
/// # Errors
/// [`Refusal`] with the reason.
pub fn manager_unit(bag: &Bag, of: &UnitName) -> Result<Option<ManagerUnit>, Refusal> {
    let Some(read) = whole::<ManagerUnit>(bag)? else { return Ok(None) };
    spoken(read.schema.as_str(), &read.versions)?;
    owner(&read.unit, of)?;
    Ok(Some(read))
}

/// The bag as the type, if its writer has written it at all: Juju's own keys come before that.
fn whole<T: DeserializeOwned>(bag: &Bag) -> Result<Option<T>, Refusal> {
    if !bag.contains_key("schema") {
        return Ok(None);
    }
    let bytes = bag.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > MAX_BAG_BYTES {
        return Err(Refusal::TooLarge { bytes });
    }
    Ok(Some(databag::decode(bag)?))
}

fn spoken(schema: &str, versions: &crate::version::Versions) -> Result<BTreeSet<u16>, Refusal> {
    let theirs = named(schema, versions);
    if SPOKEN.iter().any(|version| theirs.contains(version)) {
        Ok(theirs)
    } else {
        Err(Refusal::Version { theirs })
    }
}

fn owner(says: &UnitName, of: &UnitName) -> Result<(), Refusal> {
    if says == of { Ok(()) } else { Err(Refusal::Owner { says: says.to_string(), of: of.to_string() }) }
}

fn once<'a>(key: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Refusal::Twice { key, name: name.to_owned() });
        }
    }
    Ok(())
}
