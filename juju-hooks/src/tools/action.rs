//! `action-*`: what an action was asked, and what it answers.
//!
//! Juju overwrites the text of [`Juju::fail_action`] when the process then exits with anything but 0: fail, print
//! details, exit 0.

use serde_json::{Map, Value};

use crate::error::ToolError;
use crate::invoke::Invoke;

use super::Juju;

impl<I: Invoke> Juju<I> {
    /// `action-get`: the parameters, defaults merged in by the controller.
    ///
    /// # Errors
    /// [`ToolError::Refused`] outside an action.
    pub fn action_parameters(&self) -> Result<Map<String, Value>, ToolError> {
        Ok(self.ask::<Option<Map<String, Value>>, _>("action-get", ["--format=json"])?.unwrap_or_default())
    }

    /// `action-set`: results. Keys are `[a-z0-9-]`, dots nest; `stdout`, `stderr` and their `-encoding` are
    /// reserved.
    ///
    /// # Errors
    /// [`ToolError::Refused`] for a bad key or outside an action.
    pub fn set_action_results<'a>(
        &self,
        results: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Result<(), ToolError> {
        let pairs: Vec<String> = results.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        if pairs.is_empty() {
            return Ok(());
        }
        self.tell("action-set", std::iter::once("--".to_owned()).chain(pairs))
    }

    /// `action-fail`: marks the action failed. The process goes on.
    ///
    /// # Errors
    /// [`ToolError::Refused`] outside an action.
    pub fn fail_action(&self, reason: &str) -> Result<(), ToolError> {
        self.tell("action-fail", ["--", reason])
    }

    /// `action-log`: a progress line, seen live by the one who runs the action.
    ///
    /// # Errors
    /// [`ToolError::Refused`] outside an action.
    pub fn log_action(&self, line: &str) -> Result<(), ToolError> {
        self.tell("action-log", ["--", line])
    }
}
