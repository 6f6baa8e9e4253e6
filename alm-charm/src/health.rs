//! The judgement of one unit.

use std::fmt;

use alm_interface::application::Severity;
use juju_hooks::UnitName;

use crate::cluster::Cluster;
use crate::watch::Watch;

/// A unit that is out of step for less than so many seconds catches up: two intervals of `update-status`.
pub const APART_SECONDS: u64 = 600;

/// How a unit is. The worst that is known counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It serves and has what the others have.
    Healthy,
    /// It serves, and something of the others' is missing.
    Apart {
        /// For how many seconds we have seen it so.
        seconds: u64,
        /// Items that it knows of and does not have.
        pending: u64,
    },
    /// It says itself that it does not do what it is there for.
    Critical(String),
    /// It does not serve.
    NotReady,
    /// Its heartbeat has stopped.
    Silent {
        /// For how many seconds.
        seconds: u64,
    },
    /// It has written nothing yet.
    Unwritten,
    /// Its bag was refused.
    Refused(String),
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy => f.write_str("healthy"),
            Self::Apart { seconds, .. } if *seconds < APART_SECONDS => f.write_str("catching up"),
            Self::Apart { seconds, pending: 0 } => write!(f, "out of step {}", span(*seconds)),
            Self::Apart { seconds, pending } => {
                write!(f, "out of step {}, {pending} pending", span(*seconds))
            }
            Self::Critical(message) => f.write_str(message),
            Self::NotReady => f.write_str("not serving"),
            Self::Silent { seconds } => write!(f, "silent {}", span(*seconds)),
            Self::Unwritten => f.write_str("not heard of yet"),
            Self::Refused(reason) => write!(f, "data refused: {reason}"),
        }
    }
}

/// A length of time for people.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Judges a unit at a time, in seconds since 1970.
#[must_use]
pub fn judge(cluster: &Cluster, name: &UnitName, watch: &Watch, now: u64) -> Health {
    let unit = match cluster.units.get(name) {
        Some(Ok(Some(unit))) => unit,
        Some(Err(reason)) => return Health::Refused(reason.clone()),
        Some(Ok(None)) | None => return Health::Unwritten,
    };
    if let Some(seconds) = watch.silent_for(&cluster.relation, name, now) {
        return Health::Silent { seconds };
    }
    if !unit.ready {
        return Health::NotReady;
    }
    if let Some(worst) = unit.conditions.iter().find(|condition| condition.severity == Severity::Critical) {
        let message = worst.message.as_ref().map_or(worst.kind.as_str(), |message| message.as_str());
        return Health::Critical(message.to_owned());
    }
    let since = watch.sight(&cluster.relation, name).and_then(|sight| sight.apart_since);
    match since {
        Some(since) => Health::Apart {
            seconds: now.saturating_sub(since),
            pending: unit.replication.map_or(0, |replication| replication.pending),
        },
        None => Health::Healthy,
    }
}
