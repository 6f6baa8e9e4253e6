//! Errors of the simulator.

use std::time::Duration;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The simulator's own files and processes.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// No such unit.
    #[error("no unit {0}")]
    NoUnit(String),
    /// A hook did not end.
    #[error("{unit}: {hook} did not end")]
    TooSlow {
        /// The unit.
        unit: String,
        /// The hook.
        hook: String,
    },
    /// A hook failed again and again.
    #[error("{unit}: hook failed: {what:?}: {why}\n{output}\n--- log\n{log}")]
    Failing {
        /// The unit.
        unit: String,
        /// The hook.
        what: String,
        /// How.
        why: String,
        /// What the charm printed.
        output: String,
        /// The last lines of the log.
        log: String,
    },
    /// Hooks bring about hooks without end.
    #[error("no end to the hooks; the last are {0}")]
    Endless(String),
    /// A unit left what it should not have.
    #[error("{0}")]
    Violation(String),
    /// The operator asked for what the controller refuses.
    #[error("{0}")]
    Refused(String),
    /// A condition did not come true in time.
    #[error("not within {limit:?}: {what}: {last}")]
    Late {
        /// How long it was waited for.
        limit: Duration,
        /// For what.
        what: String,
        /// How it was at last.
        last: String,
    },
}
