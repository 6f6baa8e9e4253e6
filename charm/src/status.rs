//! How the unit says that it is: one table, the worst condition wins, and no wait is for ever.

use juju_hooks::{Port, Status, UnitName};

use crate::config::Fault;
use crate::facts::Facts;
use crate::machine::{ServiceState, Wait};
use crate::names::SERVICE;
use crate::plan;

/// How long the unit waits for something before it asks for help, in seconds.
pub const WAIT_SECONDS: u64 = 600;
/// A node that systemd has restarted this often since it was started is said to be failing.
const MANY_RESTARTS: u32 = 3;
/// How much of a node's last words a status shows, in characters.
const SHOWN: usize = 160;
/// How much of a peer id's end a status shows, in characters.
const SHOWN_ID: usize = 6;

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
    Stuck(UnitName),
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
    /// Peers that should be connected are not.
    PeersMissing {
        /// Cluster peers that are connected.
        connected: usize,
        /// Cluster peers there should be.
        wanted: usize,
    },
    /// The node is to be restarted, when it is its turn.
    AwaitsTurn,
    /// The node is being stopped for good.
    Stopping,
    /// All is well.
    Serving {
        /// How many databases are pinned.
        databases: usize,
        /// A remark: something that works less than it could.
        remark: Option<String>,
    },
}

impl Condition {
    fn status(&self) -> Status {
        match self {
            Self::BadOptions(_)
            | Self::Neighbour(_)
            | Self::PortTaken(..)
            | Self::Failing { .. }
            | Self::NoIdentity(_)
            | Self::SecretUnreadable(_)
            | Self::Refused(..)
            | Self::LostKey { .. }
            | Self::Stuck(_) => Status::Blocked,
            Self::Stopping => Status::Maintenance,
            Self::NoStorage
            | Self::NotMounted(_)
            | Self::NoAddress
            | Self::NoCluster
            | Self::NoCertificate
            | Self::NoToken
            | Self::NotReady
            | Self::PeersMissing { .. }
            | Self::AwaitsTurn => Status::Waiting,
            Self::Serving { .. } => Status::Active,
        }
    }

    /// The message for `juju status`.
    fn message(&self) -> String {
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
                let words: String = words.chars().take(SHOWN).collect();
                format!("{SERVICE} does not stay up: {words} (see journalctl -u {SERVICE})")
            }
            Self::NoIdentity(why) => format!("{SERVICE} cannot tell its identity: {why}"),
            Self::SecretUnreadable(why) => format!("cannot read the cluster's secret: {why}"),
            Self::Refused(unit, why) => format!("{unit} cannot be certified: {why}"),
            Self::Stuck(unit) => format!(
                "{unit} has not come back from its restart; mend it or remove it, the other units wait"
            ),
            Self::LostKey { storage, peer_id } => {
                let short: String = peer_id.chars().rev().take(SHOWN_ID).collect();
                let short: String = short.chars().rev().collect();
                format!(
                    "storage {storage} has lost the keys of node …{short}: restore it, or detach and attach it"
                )
            }
            Self::NoStorage => "waiting for storage".into(),
            Self::NotMounted(storage) => format!("storage {storage} is not mounted"),
            Self::NoAddress => "waiting for a network address".into(),
            Self::NoCluster => "waiting for the leader to make the cluster".into(),
            Self::NoCertificate => "waiting for a certificate from the leader".into(),
            Self::NoToken => "waiting for the API token from the leader".into(),
            Self::NotReady => format!("waiting for {SERVICE} to be ready"),
            Self::PeersMissing { connected, wanted } => format!("waiting for peers: {connected} of {wanted}"),
            Self::AwaitsTurn => "waiting for its turn to restart".into(),
            Self::Stopping => "stopping".into(),
            Self::Serving { databases, remark } => {
                let count = match databases {
                    0 => "no databases yet".to_owned(),
                    1 => "1 database".to_owned(),
                    more => format!("{more} databases"),
                };
                remark.as_ref().map_or(count.clone(), |remark| format!("{count}; {remark}"))
            }
        }
    }

    /// A name for what is waited for, the same as long as it is the same wait.
    fn wait(&self) -> Option<&'static str> {
        match self {
            Self::NoStorage => Some("storage"),
            Self::NotMounted(_) => Some("mount"),
            Self::NoAddress => Some("address"),
            Self::NoCluster => Some("cluster"),
            Self::NoCertificate => Some("certificate"),
            Self::NoToken => Some("token"),
            Self::NotReady => Some("ready"),
            Self::PeersMissing { .. } => Some("peers"),
            Self::AwaitsTurn => Some("turn"),
            _ => None,
        }
    }

    /// What an operator can do when the wait has been too long.
    fn remedy(&self) -> &'static str {
        match self {
            Self::NoStorage => "attach one: juju attach-storage <unit> <storage>",
            Self::NotMounted(_) => "see findmnt and juju debug-log on the machine; reboot it",
            Self::NoAddress => "check the binding: juju show-application, juju spaces",
            Self::NoCluster | Self::NoCertificate | Self::NoToken => {
                "see the leader unit in juju status; juju debug-log tells why it does not answer"
            }
            Self::NotReady => "see journalctl -u paperclip-node on the machine",
            Self::PeersMissing { .. } => {
                "see juju run <unit> show-cluster; check the network between the units"
            }
            Self::AwaitsTurn => "see which unit does not serve in juju status and mend or remove it",
            _ => "",
        }
    }
}

/// A status as it is told, and the wait to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The status.
    pub status: Status,
    /// Its message.
    pub message: String,
    /// What is waited for, since when.
    pub wait: Option<Wait>,
}

/// The status of a unit with these facts.
#[must_use]
pub fn status(facts: &Facts) -> Told {
    let mut worst = conditions(facts);
    // The first of equals is told: the causes come before what they bring about.
    worst.sort_by_key(|condition| std::cmp::Reverse(condition.status()));
    let Some(condition) = worst.into_iter().next() else {
        return Told { status: Status::Maintenance, message: "preparing".into(), wait: None };
    };
    let wait = condition.wait().map(|what| match &facts.memory.wait {
        Some(wait) if wait.what == what => wait.clone(),
        _ => Wait { what: what.into(), since: facts.now },
    });
    let waited = wait.as_ref().map_or(0, |wait| facts.now.saturating_sub(wait.since));
    if waited > WAIT_SECONDS {
        let message = format!("{} for {} min; {}", condition.message(), waited / 60, condition.remedy());
        return Told { status: Status::Blocked, message, wait };
    }
    Told { status: condition.status(), message: condition.message(), wait }
}

/// All that is true of the unit, causes before effects.
#[must_use]
pub fn conditions(facts: &Facts) -> Vec<Condition> {
    if let Some(unit) = facts.neighbour() {
        return vec![Condition::Neighbour(unit.clone())];
    }
    let mut conditions = Vec::new();
    if let Err(faults) = &facts.options {
        conditions.push(Condition::BadOptions(faults.clone()));
    }
    if let Some(stuck) = plan::stuck(facts) {
        conditions.push(Condition::Stuck(stuck));
    }
    let tried = &facts.tried;
    conditions.extend(tried.taken.iter().map(|(port, words)| Condition::PortTaken(*port, owner_in(words))));
    conditions.extend(tried.secret.clone().map(Condition::SecretUnreadable));
    conditions.extend(tried.identity.clone().map(Condition::NoIdentity));
    conditions.extend(tried.refused.iter().map(|(unit, why)| Condition::Refused(unit.clone(), why.clone())));
    if facts.leaving() && facts.storage.is_some() {
        conditions.push(Condition::Stopping);
        return conditions;
    }
    match missing(facts) {
        Some(missing) => conditions.push(missing),
        None => conditions.push(node(facts)),
    }
    conditions
}

/// Whose a port is, by the words that Juju refused it with: the last quoted word of them is the unit.
fn owner_in(words: &str) -> String {
    let quoted = words.split('"').nth_back(1).filter(|_| words.matches('"').count() >= 2);
    quoted.map_or_else(|| "another unit's".to_owned(), |unit| format!("{unit}'s"))
}

/// What the node cannot be started without.
fn missing(facts: &Facts) -> Option<Condition> {
    let Some(storage) = &facts.storage else {
        return Some(Condition::NoStorage);
    };
    if facts.mounted().is_none() {
        return Some(Condition::NotMounted(storage.id.clone()));
    }
    if let Some(peer_id) = facts.lost_key() {
        return Some(Condition::LostKey { storage: storage.id.clone(), peer_id: peer_id.to_owned() });
    }
    let Some(cluster) = facts.cluster.as_ref() else {
        return Some(Condition::NoCluster);
    };
    if cluster.application.cluster_id.is_none() {
        return Some(Condition::NoCluster);
    }
    if facts.addresses.is_none() || facts.api_ip().is_none() && facts.settings().is_some() {
        return Some(Condition::NoAddress);
    }
    if facts.certificate.is_none() {
        return Some(Condition::NoCertificate);
    }
    (facts.api_is_open() && facts.token.is_none()).then_some(Condition::NoToken)
}

/// How the node is.
fn node(facts: &Facts) -> Condition {
    if let Some(words) = &facts.tried.start {
        return Condition::Failing { words: words.clone() };
    }
    let node = match (facts.service.state, &facts.node) {
        (ServiceState::Failed, _) => {
            return Condition::Failing {
                words: "systemd has given it up; tried again at the next hook".into(),
            };
        }
        (_, None) if facts.service.restarts >= MANY_RESTARTS => {
            return Condition::Failing { words: format!("restarted {} times", facts.service.restarts) };
        }
        (_, None) => return Condition::NotReady,
        (_, Some(node)) if !node.ready => return Condition::NotReady,
        (_, Some(node)) => node,
    };
    let Some(cluster) = &facts.cluster else {
        return Condition::NoCluster;
    };
    if cluster.own.restart_wanted.is_some() {
        return Condition::AwaitsTurn;
    }
    let wanted: Vec<&String> = cluster.peers.values().filter_map(|peer| peer.peer_id.as_ref()).collect();
    let connected = wanted.iter().filter(|id| node.peers.iter().any(|peer| peer.id == ***id)).count();
    // A peer that has not told its id yet is on its way and says so itself.
    if connected < wanted.len() {
        return Condition::PeersMissing { connected, wanted: wanted.len() };
    }
    Condition::Serving { databases: node.databases.len(), remark: crate::relations::remark(facts) }
}
