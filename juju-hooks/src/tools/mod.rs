//! The hook tools, typed: one method per tool, grouped in files by what they are about.

mod action;
mod network;
mod relation;
mod secret;
mod storage;
mod unit;

use serde::de::DeserializeOwned;

use crate::error::{Exit, ToolError};
use crate::invoke::{Call, Invoke};

pub use network::{BindAddress, InterfaceAddress, Network, Port, Protocol};
pub use relation::Target;
pub use secret::{Owner, SecretContent, SecretInfo, SecretOptions};
pub use storage::Storage;
pub use unit::{ConfigValue, GoalState, GoalUnit, LogLevel, Settings, Status, StatusReport};

/// How many characters of an answer that was not understood an error shows.
const SHOWN: usize = 80;

/// The hook tools, reached through `I`.
///
/// What is written by [`Juju::set_relation`], the port, state and secret methods reaches the controller only when
/// the hook exits with 0; reads in the same hook see it already. Status, logs and the workload's version are sent
/// at once and stay even if the hook fails.
#[derive(Debug)]
pub struct Juju<I> {
    tools: I,
}

impl<I: Invoke> Juju<I> {
    /// The tools as reached through `tools`.
    pub fn new(tools: I) -> Self {
        Self { tools }
    }

    /// Runs a tool and gives its standard output.
    fn run<S: Into<String>>(
        &self,
        tool: &'static str,
        arguments: impl IntoIterator<Item = S>,
        input: Option<Vec<u8>>,
    ) -> Result<Vec<u8>, ToolError> {
        let call = Call { tool, arguments: arguments.into_iter().map(Into::into).collect(), input };
        let reply =
            self.tools.invoke(&call).map_err(|source| ToolError::Run { tool: tool.to_owned(), source })?;
        match reply.failure {
            None => Ok(reply.stdout),
            Some(exit) => Err(refused(tool, exit, &reply.stderr)),
        }
    }

    /// Runs a tool for its effect.
    fn tell<S: Into<String>>(
        &self,
        tool: &'static str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<(), ToolError> {
        self.run(tool, arguments, None).map(drop)
    }

    /// Runs a tool that prints JSON.
    fn ask<T: DeserializeOwned, S: Into<String>>(
        &self,
        tool: &'static str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<T, ToolError> {
        let stdout = self.run(tool, arguments, None)?;
        decode(tool, &stdout, true)
    }
}

fn refused(tool: &str, exit: Exit, stderr: &[u8]) -> ToolError {
    let text = String::from_utf8_lossy(stderr);
    let text = text.trim();
    let text = text.strip_prefix("ERROR ").unwrap_or(text).to_owned();
    ToolError::Refused { tool: tool.to_owned(), exit, text }
}

/// Reads a tool's JSON. Tools print nothing at all for some empty answers: that is `null`.
fn decode<T: DeserializeOwned>(tool: &str, stdout: &[u8], show: bool) -> Result<T, ToolError> {
    let json = if stdout.trim_ascii().is_empty() { b"null" } else { stdout };
    serde_json::from_slice(json).map_err(|source| ToolError::Answer {
        tool: tool.to_owned(),
        source,
        start: if show { String::from_utf8_lossy(json).chars().take(SHOWN).collect() } else { String::new() },
    })
}
