//! Commands: what the operator asks for now. They need neither the window nor the policy.

use alm_interface::text::{Line, Texts};
use juju_hooks::UnitName;

use crate::cluster::Cluster;
use crate::decide::keep;
use crate::health::{Health, judge};
use crate::inputs::Inputs;
use crate::operation::Kind;
use crate::policy::BEGIN_SECONDS;
use crate::state::{MAX_OPEN, MAX_OPEN_OF_ONE, MAX_SILENCES, Order, Silence, State};

/// How many backups are kept when no policy says it.
const KEEP: u32 = 7;
/// The longest silence, in seconds.
pub const MAX_SILENCE_SECONDS: u64 = 30 * 86_400;

/// Something that the operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Begin nothing unasked.
    Pause,
    /// Begin again, and let refreshes that are held go on.
    Resume,
    /// Do not report an application or a unit for a while. 0 seconds ends a silence.
    Silence {
        /// The application or unit.
        of: String,
        /// For how many seconds.
        seconds: u64,
        /// Why.
        reason: Line,
    },
    /// Ask units to resync.
    Resync {
        /// The application or unit.
        of: String,
    },
    /// Ask for a backup.
    Backup {
        /// The application or unit.
        of: String,
    },
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such application or unit.
    #[error("{0} is not related to this manager; show-clusters lists what is")]
    Unknown(String),
    /// The application or unit does not offer it.
    #[error("{of} does not offer {operation}")]
    NotOffered {
        /// The application or unit.
        of: String,
        /// The operation.
        operation: &'static str,
    },
    /// It is under way already.
    #[error("{id} is under way; show-operations tells how far it is")]
    UnderWay {
        /// Its id.
        id: String,
    },
    /// No unit is healthy enough.
    #[error("no unit of {0} is healthy; show-clusters tells why")]
    NoneHealthy(String),
    /// Too many operations are open.
    #[error("{MAX_OPEN} operations are open, or {MAX_OPEN_OF_ONE} of this application; wait for some to end")]
    TooMany,
    /// A silence that is too long, or one too many.
    #[error("a silence lasts at most 30 days, and there are at most {MAX_SILENCES}")]
    Silence,
}

/// Carries a command out: the next state, and what was done in words. The next decision writes what it asks for.
///
/// # Errors
/// [`CommandError`] with what to do about it; the state is as it was.
pub fn carry_out(
    state: &State,
    command: &Command,
    inputs: &Inputs<'_>,
) -> Result<(State, String), CommandError> {
    let mut state = state.clone();
    let told = match command {
        Command::Pause => {
            state.paused = true;
            "paused: nothing is begun unasked until the action resume".to_owned()
        }
        Command::Resume => {
            state.paused = false;
            let refreshes =
                state.applications.values_mut().filter_map(|remembered| remembered.refresh.as_mut());
            let held = refreshes.filter_map(|refresh| refresh.held.take()).count();
            format!("resumed; refreshes that were held and go on: {held}")
        }
        Command::Silence { of, seconds, reason } => silence(&mut state, of, *seconds, reason, inputs)?,
        Command::Resync { of } => resync(&mut state, of, inputs)?,
        Command::Backup { of } => backup(&mut state, of, inputs)?,
    };
    Ok((state, told))
}

/// The cluster that a name is of, and the unit if it is one's.
fn find<'a>(of: &str, inputs: &Inputs<'a>) -> Result<(&'a Cluster, Option<UnitName>), CommandError> {
    let unit: Option<UnitName> = of.parse().ok();
    let named = |cluster: &&Cluster| match &unit {
        Some(unit) => cluster.units.contains_key(unit),
        None => cluster.name == of,
    };
    let cluster = inputs.clusters.iter().find(named).ok_or_else(|| CommandError::Unknown(of.to_owned()))?;
    Ok((cluster, unit))
}

fn silence(
    state: &mut State,
    of: &str,
    seconds: u64,
    reason: &Line,
    inputs: &Inputs<'_>,
) -> Result<String, CommandError> {
    find(of, inputs)?;
    state.silences.retain(|silence| silence.of != of);
    if seconds == 0 {
        return Ok(format!("{of} is reported again"));
    }
    if seconds > MAX_SILENCE_SECONDS || state.silences.len() >= MAX_SILENCES {
        return Err(CommandError::Silence);
    }
    state.silences.push(Silence { of: of.to_owned(), until: inputs.now + seconds, reason: reason.clone() });
    Ok(format!("{of} is not reported for {}", crate::health::span(seconds)))
}

fn resync(state: &mut State, of: &str, inputs: &Inputs<'_>) -> Result<String, CommandError> {
    let (cluster, unit) = find(of, inputs)?;
    let units: Vec<UnitName> = match unit {
        Some(unit) => vec![unit],
        None => cluster.units.keys().cloned().collect(),
    };
    let mut begun = Vec::new();
    for unit in units.iter().filter(|unit| cluster.offers("resync@1", Some(unit))) {
        if state.open_on(&cluster.relation, Kind::Resync, Some(unit)).is_none() {
            begun.push(asked(state, cluster, Kind::Resync, unit, Texts::default(), inputs.now)?);
        }
    }
    if begun.is_empty() {
        let open = units.iter().find_map(|unit| state.open_on(&cluster.relation, Kind::Resync, Some(unit)));
        return Err(match open {
            Some(open) => CommandError::UnderWay { id: open.id.to_string() },
            None => CommandError::NotOffered { of: of.to_owned(), operation: "resync@1" },
        });
    }
    Ok(format!("asked: {}", begun.join(", ")))
}

fn backup(state: &mut State, of: &str, inputs: &Inputs<'_>) -> Result<String, CommandError> {
    let (cluster, unit) = find(of, inputs)?;
    if let Some(open) = state.open_of(&cluster.relation, Kind::Backup).next() {
        return Err(CommandError::UnderWay { id: open.id.to_string() });
    }
    let able = |unit: &&UnitName| cluster.offers("backup@1", Some(unit));
    let healthy = |unit: &&UnitName| judge(cluster, unit, inputs.watch, inputs.now) == Health::Healthy;
    let unit = match &unit {
        Some(unit) => Some(unit).filter(able),
        None if !cluster.units.keys().any(|unit| able(&unit)) => None,
        None => {
            let best = cluster.units.keys().filter(able).find(healthy);
            Some(best.ok_or_else(|| CommandError::NoneHealthy(of.to_owned()))?)
        }
    };
    let unit = unit.ok_or_else(|| CommandError::NotOffered { of: of.to_owned(), operation: "backup@1" })?;
    let count = inputs.policy.backups.map_or(KEEP, |backups| backups.keep);
    let id = asked(state, cluster, Kind::Backup, unit, keep(count), inputs.now)?;
    Ok(format!("asked: {id}"))
}

fn asked(
    state: &mut State,
    cluster: &Cluster,
    kind: Kind,
    unit: &UnitName,
    params: Texts,
    now: u64,
) -> Result<String, CommandError> {
    let order = Order::new(kind, Some(unit), "asked for by the operator", BEGIN_SECONDS);
    let begun = state.begin(cluster, Order { params, ..order }, now);
    let operation = begun.ok_or(CommandError::TooMany)?;
    Ok(format!("{} of {unit}", operation.id))
}
