//! One run of the charm.

use juju_hooks::{Environment, Event, Invoke, Juju, LogLevel, SecretEvent, SecretPhase};

use crate::act::{Actor, Done};
use crate::actions::{self, Then};
use crate::error::CharmError;
use crate::facts::{Facts, Hint};
use crate::machine::Machine;
use crate::observe::{self, Fixed};
use crate::plan;
use crate::status;

/// How many rounds of looking and acting one hook may take. The longest way there is, the first hook of a leader that
/// makes the cluster, takes eight.
const MAX_ROUNDS: usize = 16;

/// Runs the hook or action that the environment tells of.
///
/// # Errors
/// [`CharmError`] when Juju should run the hook again. A failed action is no error: its failure has been told.
pub fn dispatch<I: Invoke>(environment: &Environment, juju: &Juju<I>) -> Result<(), CharmError> {
    match &environment.event {
        Event::Unknown(_) => Ok(()),
        Event::Action(action) => match actions::run(action, environment, juju)? {
            Then::Nothing => Ok(()),
            Then::Reconcile => reconcile(environment, juju),
        },
        Event::Secret(SecretEvent { id, revision: Some(revision), phase: SecretPhase::Remove, .. }) => {
            drop_revision(id, *revision, juju)?;
            reconcile(environment, juju)
        }
        _ => reconcile(environment, juju),
    }
}

/// Nobody follows this revision of our secret any more. One that is gone already, or another leader's business, is no
/// error.
fn drop_revision<I: Invoke>(id: &str, revision: u64, juju: &Juju<I>) -> Result<(), CharmError> {
    match juju.remove_secret(id, Some(revision)) {
        Err(error) if error.is_not_found() || error.is_denied() => Ok(()),
        other => Ok(other?),
    }
}

/// Looks and acts until nothing is left to do, then tells the status.
fn reconcile<I: Invoke>(environment: &Environment, juju: &Juju<I>) -> Result<(), CharmError> {
    let machine = Machine::of(&environment.charm_dir);
    let fixed = Fixed::read(environment, juju, &machine)?;
    let mut actor = Actor { juju, machine: &machine, done: Done::default() };
    let mut facts = look(environment, juju, &machine, &fixed, &actor.done)?;
    for round in 0.. {
        let steps = plan::plan(&facts, &machine)?;
        if steps.is_empty() {
            break;
        }
        if round == MAX_ROUNDS {
            juju.log(
                LogLevel::Warning,
                &format!("not done after {MAX_ROUNDS} rounds; left: {}", names(&steps)),
            )?;
            break;
        }
        for step in steps {
            actor.take(step, &facts)?;
        }
        facts = look(environment, juju, &machine, &fixed, &actor.done)?;
    }
    if facts.hint == Hint::Removing {
        return Ok(());
    }
    tell(juju, &machine, &facts)
}

fn look<I: Invoke>(
    environment: &Environment,
    juju: &Juju<I>,
    machine: &Machine,
    fixed: &Fixed,
    done: &Done,
) -> Result<Facts, CharmError> {
    observe::observe(environment, juju, machine, fixed, &done.tried, done.identity.as_ref())
}

/// The kinds of the steps; what they carry may be long.
fn names(steps: &[plan::Step]) -> String {
    let short = |step: &plan::Step| {
        let text = format!("{step:?}");
        text.split(['(', ' ']).next().unwrap_or_default().to_owned()
    };
    steps.iter().map(short).collect::<Vec<_>>().join(", ")
}

fn tell<I: Invoke>(juju: &Juju<I>, machine: &Machine, facts: &Facts) -> Result<(), CharmError> {
    let told = status::status(facts);
    if told.wait != facts.memory.wait {
        machine.remember(&crate::machine::Memory { wait: told.wait, ..facts.memory.clone() })?;
    }
    if let Some(whole) = &told.cut {
        juju.log(LogLevel::Warning, whole)?;
    }
    Ok(juju.set_status(told.status, &told.message)?)
}
