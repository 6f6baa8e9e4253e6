//! How the unit says that it is: one table, the worst condition wins, and no wait is for ever.

mod condition;

use juju_hooks::Status;

use crate::facts::Facts;
use crate::machine::{ServiceState, Wait};
use crate::plan;

pub use condition::Condition;

/// How long the unit waits for something before it asks for help, in seconds.
pub const WAIT_SECONDS: u64 = 600;
/// A node that systemd has restarted this often since it was started is said to be failing.
const MANY_RESTARTS: u32 = 3;
/// The longest message, in characters: `juju status` shows no more.
const SHOWN: usize = 120;

/// A status as it is told, and the wait to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The status.
    pub status: Status,
    /// Its message, as much as `juju status` shows.
    pub message: String,
    /// The whole message, where that is longer.
    pub cut: Option<String>,
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
        return told(Status::Maintenance, "preparing".into(), None);
    };
    let wait = condition.wait().map(|what| match &facts.memory.wait {
        Some(wait) if wait.what == what => wait.clone(),
        _ => Wait { what: what.into(), since: facts.now },
    });
    let waited = wait.as_ref().map_or(0, |wait| facts.now.saturating_sub(wait.since));
    if waited > WAIT_SECONDS {
        let message = format!("{} for {} min; {}", condition.message(), waited / 60, condition.remedy());
        return told(Status::Blocked, message, wait);
    }
    told(condition.status(), condition.message(), wait)
}

fn told(status: Status, message: String, wait: Option<Wait>) -> Told {
    let short = short(&message);
    let cut = (short != message).then_some(message);
    Told { status, message: short, cut, wait }
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
    if let Some((unit, awaits)) = plan::stuck(facts) {
        conditions.push(Condition::Stuck { unit, awaits });
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
    if let Some(wanted) = &cluster.own.restart_wanted {
        // The unit that has restarted already is waiting for something else than its turn.
        let unmet = plan::unmet(facts, cluster);
        let restarted = facts.memory.running.as_ref() == Some(wanted) && !unmet.is_empty();
        return if restarted { Condition::AwaitsPeers(unmet) } else { Condition::AwaitsTurn };
    }
    let company = plan::company(facts);
    // One unit of a cluster that is lost does not make the rest sick. A unit that is cut off from all others is.
    let alone = company.connected.is_empty() && company.absent.len() > 1;
    if !company.absent.is_empty() && (alone || !facts.memory.met) {
        return Condition::PeersMissing(company.absent);
    }
    let remark = crate::relations::remark(facts);
    Condition::Serving { databases: node.databases.len(), company, remark }
}

/// A message that fits `juju status`.
fn short(message: &str) -> String {
    if message.chars().count() <= SHOWN {
        return message.to_owned();
    }
    message.chars().take(SHOWN - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
