//! Condition of a unit: everything that can be said of it, with its status, its words and what to do about it.
//!
//! `juju status` shows the first 120 characters. What can be long comes last, so that a remedy is never cut off.

use std::collections::BTreeSet;

use juju_hooks::{Port, Status, UnitName};

use crate::config::Fault;
use crate::names::SERVICE;
use crate::plan::Company;

/// How much of a peer id's end a status shows, in characters.
const SHOWN_ID: usize = 6;
/// How many units a status names.
const SHOWN_UNITS: usize = 2;

/// Everything that can be said of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Options cannot be used.
    BadOptions(Vec<Fault>),
    /// The machine's node is another unit's.
    Neighbour(UnitName),
    /// A port that the node is to listen on is another unit's.
    PortTaken(Port, String),
    /// The node does not come up.
    Failing {
        /// What it or systemd said last.
        words: String,
    },
    /// The node cannot say who it is.
    NoIdentity(String),
    /// A secret cannot be read.
    SecretUnreadable(String),
    /// The root key refused a unit's request.
    Refused(UnitName, String),
    /// A unit has not come back from its restart.
    Stuck {
        /// Which.
        unit: UnitName,
        /// The units that it has not met since.
        awaits: BTreeSet<UnitName>,
    },
    /// The storage holds none of the keys it held.
    LostKey {
        /// The storage.
        storage: String,
        /// The node that the keys are of.
        peer_id: String,
    },
    /// No storage yet, or no more.
    NoStorage,
    /// There is storage, but it is not at its mount point.
    NotMounted(String),
    /// The machine has no address yet.
    NoAddress,
    /// The peer relation or the leader has not made the cluster yet.
    NoCluster,
    /// The leader has not certified this unit yet.
    NoCertificate,
    /// The API's token is not there yet.
    NoToken,
    /// The node runs but does not serve.
    NotReady,
    /// Units that should be connected are not, and this one is alone or new.
    PeersMissing(BTreeSet<UnitName>),
    /// The node was restarted and has not exchanged heads with these units since.
    AwaitsPeers(BTreeSet<UnitName>),
    /// The node is to be restarted, when it is its turn.
    AwaitsTurn,
    /// The node is being stopped for good.
    Stopping,
    /// All is well.
    Serving {
        /// How many databases are pinned.
        databases: usize,
        /// The other units.
        company: Company,
        /// A remark: something that works less than it could.
        remark: Option<String>,
    },
}

impl Condition {
    pub(super) fn status(&self) -> Status {
        match self {
            Self::BadOptions(_)
            | Self::Neighbour(_)
            | Self::PortTaken(..)
            | Self::Failing { .. }
            | Self::NoIdentity(_)
            | Self::SecretUnreadable(_)
            | Self::Refused(..)
            | Self::LostKey { .. }
            | Self::Stuck { .. } => Status::Blocked,
            Self::Stopping => Status::Maintenance,
            Self::NoStorage
            | Self::NotMounted(_)
            | Self::NoAddress
            | Self::NoCluster
            | Self::NoCertificate
            | Self::NoToken
            | Self::NotReady
            | Self::PeersMissing(_)
            | Self::AwaitsPeers(_)
            | Self::AwaitsTurn => Status::Waiting,
            Self::Serving { .. } => Status::Active,
        }
    }

    /// The message for `juju status`.
    pub(super) fn message(&self) -> String {
        match self {
            Self::BadOptions(faults) => {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                format!("config {}", faults.join("; "))
            }
            Self::Neighbour(unit) => format!("{unit} is on this machine: one unit for each; remove this one"),
            Self::PortTaken(port, owner) => {
                format!(
                    "port {port} is {owner} on this machine: choose another (juju config) or move the unit"
                )
            }
            Self::Failing { words } => {
                format!("{SERVICE} does not stay up (journalctl -u {SERVICE}): {words}")
            }
            Self::NoIdentity(why) => format!("{SERVICE} cannot tell its identity: {why}"),
            Self::SecretUnreadable(why) => format!("cannot read the cluster's secret: {why}"),
            Self::Refused(unit, why) => format!("{unit} cannot be certified: {why}"),
            Self::Stuck { unit, awaits } if awaits.is_empty() => {
                format!("{unit} has not come back from its restart: mend or remove it, the others wait")
            }
            Self::Stuck { unit, awaits } => {
                format!("{unit} has restarted and waits for {}: mend or remove", units(awaits))
            }
            Self::LostKey { storage, peer_id } => {
                let (skipped, id) = (peer_id.chars().count().saturating_sub(SHOWN_ID), peer_id.chars());
                let end: String = id.skip(skipped).collect();
                format!(
                    "storage {storage} has lost the keys of node …{end}: restore it, or detach and attach it"
                )
            }
            Self::NoStorage => "waiting for storage".into(),
            Self::NotMounted(storage) => format!("storage {storage} is not mounted"),
            Self::NoAddress => "waiting for a network address".into(),
            Self::NoCluster => "waiting for the leader to make the cluster".into(),
            Self::NoCertificate => "waiting for a certificate from the leader".into(),
            Self::NoToken => "waiting for the API token from the leader".into(),
            Self::NotReady => format!("waiting for {SERVICE} to be ready"),
            Self::PeersMissing(missing) => format!("not connected to {}", units(missing)),
            Self::AwaitsPeers(awaits) => format!("restarted, waits for {}", units(awaits)),
            Self::AwaitsTurn => "waiting for its turn to restart".into(),
            Self::Stopping => "stopping".into(),
            Self::Serving { databases, company, remark } => {
                let count = match databases {
                    0 => "no databases yet".to_owned(),
                    1 => "1 database".to_owned(),
                    more => format!("{more} databases"),
                };
                let parts = [Some(count), absences(company), remark.clone()];
                parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// A name for what is waited for, the same as long as it is the same wait.
    pub(super) fn wait(&self) -> Option<&'static str> {
        match self {
            Self::NoStorage => Some("storage"),
            Self::NotMounted(_) => Some("mount"),
            Self::NoAddress => Some("address"),
            Self::NoCluster => Some("cluster"),
            Self::NoCertificate => Some("certificate"),
            Self::NoToken => Some("token"),
            Self::NotReady => Some("ready"),
            Self::PeersMissing(_) => Some("peers"),
            Self::AwaitsPeers(_) => Some("exchange"),
            Self::AwaitsTurn => Some("turn"),
            _ => None,
        }
    }

    /// What an operator can do when the wait has been too long.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::NoStorage => "juju attach-storage <unit> <storage>",
            Self::NotMounted(_) => "see findmnt on the machine; reboot it",
            Self::NoAddress => "check the binding: juju show-application, juju spaces",
            Self::NoCluster | Self::NoCertificate | Self::NoToken => "see the leader in juju debug-log",
            Self::NotReady => "see journalctl -u paperclip-node",
            Self::PeersMissing(_) => "check the network",
            Self::AwaitsPeers(_) => "mend or remove",
            Self::AwaitsTurn => "mend or remove units that do not serve; or run force-restart",
            _ => "",
        }
    }
}

/// Which units are not there, of how many; none when all are.
fn absences(company: &Company) -> Option<String> {
    let Company { connected, absent, lost, coming } = company;
    let told = [("not connected to", absent), ("lost", lost), ("waiting for", coming)];
    let (words, first) = told.into_iter().find(|(_, units)| !units.is_empty())?;
    let present = connected.len() + 1;
    let all = present + absent.len() + lost.len() + coming.len();
    Some(format!("{present} of {all} units, {words} {}", units(first)))
}

/// The names of units, as many as a status has room for.
fn units(names: &BTreeSet<UnitName>) -> String {
    let shown: Vec<String> = names.iter().take(SHOWN_UNITS).map(ToString::to_string).collect();
    let more = names.len().saturating_sub(SHOWN_UNITS);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    shown.join(", ") + &more
}
