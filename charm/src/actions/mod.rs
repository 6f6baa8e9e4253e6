//! Actions: what an operator asks of a unit.
//!
//! An action that fails says so with `action-fail`, puts the reason in its results too (Juju 4.0 does not show the
//! failure's text everywhere), and exits 0: any other exit code would overwrite the text.

mod cluster;
mod databases;
mod parameters;
mod replication;
mod unit;

use juju_hooks::{Action, Environment, Invoke, Juju};
use serde_json::{Map, Value};

use crate::error::CharmError;
use crate::facts::Tried;
use crate::machine::Machine;
use crate::observe::{self, Fixed};

use unit::{ActionError, Results, Unit};

pub use parameters::{ACTIONS, Parameter};

/// The longest value of a result, in bytes: what `juju run` still prints without trouble.
const MAX_RESULT: usize = 32 * 1024;

/// The action after which the unit is to be reconciled.
const FORCE_RESTART: &str = "force-restart";

/// What is to be done after an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// What a hook does: the action has changed what the unit should do.
    Reconcile,
}

/// Runs an action and tells how it went.
///
/// # Errors
/// [`CharmError`] when Juju's tools or the machine fail; an action that fails is no error.
pub fn run<I: Invoke>(
    action: &Action,
    environment: &Environment,
    juju: &Juju<I>,
) -> Result<Then, CharmError> {
    let machine = Machine::of(&environment.charm_dir);
    let fixed = Fixed::read(environment, juju, &machine)?;
    let facts = observe::observe(environment, juju, &machine, &fixed, &Tried::default(), None)?;
    let parameters = juju.action_parameters()?;
    let unit = Unit { juju, facts, machine: &machine };
    let (results, failure) = match perform(&action.name, parameters, &unit) {
        Ok(results) => (results, None),
        Err(error) => (vec![("error", error.to_string())], Some(error.to_string())),
    };
    juju.set_action_results(results.into_iter().map(|(key, value)| (key, bounded(value))))?;
    if let Some(failure) = failure {
        juju.fail_action(&failure)?;
        return Ok(Then::Nothing);
    }
    Ok(if action.name == FORCE_RESTART { Then::Reconcile } else { Then::Nothing })
}

fn perform<I: Invoke>(
    name: &str,
    parameters: Map<String, Value>,
    unit: &Unit<'_, I>,
) -> Result<Results, ActionError> {
    if let Some(other) = unit.facts.neighbour() {
        return Err(ActionError::Misplaced(other.clone()));
    }
    match name {
        "show-heads" => replication::show_heads(&parameters::read(parameters)?, unit),
        "resync" => replication::resync(&parameters::read(parameters)?, unit),
        "verify" => replication::verify(&parameters::read(parameters)?, unit),
        "list-databases" => databases::list(&parameters::read(parameters)?, unit),
        "create-database" => databases::create(&parameters::read(parameters)?, unit),
        "pin-database" => databases::pin(&parameters::read(parameters)?, unit),
        "unpin-database" => databases::unpin(&parameters::read(parameters)?, unit),
        "show-cluster" => cluster::show(&parameters::read(parameters)?, unit),
        "get-api-token" => cluster::api_token(&parameters::read(parameters)?, unit),
        FORCE_RESTART => cluster::force_restart(&parameters::read(parameters)?, unit),
        "pre-refresh-check" => cluster::pre_refresh_check(&parameters::read(parameters)?, unit),
        other => Err(ActionError::Unknown(other.to_owned())),
    }
}

/// A result that is not too long; what is cut off is said.
fn bounded(mut value: String) -> String {
    if value.len() > MAX_RESULT {
        let whole = value.len();
        let end = (0..=MAX_RESULT).rev().find(|end| value.is_char_boundary(*end)).unwrap_or_default();
        value.truncate(end);
        value.push_str(&format!(" … ({whole} bytes in all; use the node's API)"));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_result_is_cut_at_a_character_and_says_so() {
        let cut = bounded("é".repeat(MAX_RESULT));
        assert!(cut.starts_with("éé") && cut.ends_with("use the node's API)"));
        assert!(cut.len() < MAX_RESULT + 100);
        assert_eq!(bounded("short".into()), "short");
    }
}
