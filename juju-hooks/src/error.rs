//! How a hook tool fails.

use std::fmt;

/// How the tool's process ended when it did not end with 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code. Juju's tools use 2 for wrong arguments and 1 for a failure while running.
    Code(i32),
    /// It was ended by this signal.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// A hook tool that could not be run, refused, or answered something else than it promises.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The tool could not be started or talked to: not on `PATH`, most likely not inside a hook.
    #[error("{tool}: cannot run it: {source}")]
    Run {
        /// The tool's name.
        tool: String,
        /// Why.
        source: std::io::Error,
    },
    /// The tool ran and refused.
    #[error("{tool}: {text} ({exit})")]
    Refused {
        /// The tool's name.
        tool: String,
        /// Its exit code, or the signal that ended it.
        exit: Exit,
        /// Its standard error, without the leading `ERROR `.
        text: String,
    },
    /// The tool's answer is not what it is documented to be.
    #[error("{tool}: answer not understood: {source}; it begins with {start:?}")]
    Answer {
        /// The tool's name.
        tool: String,
        /// What the decoder said.
        source: serde_json::Error,
        /// The first characters of the answer; empty for tools whose answers are secret.
        start: String,
    },
    /// Data for the tool could not be encoded or handed over.
    #[error("{tool}: cannot hand over its input: {source}")]
    Input {
        /// The tool's name.
        tool: String,
        /// Why.
        source: std::io::Error,
    },
}

impl ToolError {
    /// The tool's own text, when it ran and refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether what was asked for does not exist (any more): an unknown secret, relation, or settings that the
    /// unit has not got yet.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.refusal().is_some_and(|text| text.contains("not found"))
    }

    /// Whether Juju refused to open a port because another unit on the machine has it.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.refusal().is_some_and(|text| text.contains("conflicts with"))
    }

    /// Whether Juju refused because this unit is not (any more) the leader, or may not see the thing.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.refusal().is_some_and(|text| {
            text.contains("not the leader")
                || text.contains("permission denied")
                || text.contains("cannot write")
        })
    }
}
