//! Outcome of a run: of a hook, or of an action as `juju run` shows it; and the faults that may befall one.

use std::time::Duration;

use serde_json::{Map, Value};

/// Something that goes wrong in a unit's next hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The charm is killed when it makes its n-th tool call, counted from 1.
    KillAtCall(usize),
    /// Each call of this tool fails with exit 1 and this text.
    ToolFails {
        /// The tool.
        tool: &'static str,
        /// The text.
        text: &'static str,
    },
    /// The unit loses leadership to another after the charm has ended, before its changes are sent.
    DeposedBeforeFlush,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Exit 0, and the controller took the changes.
    Done,
    /// The charm failed, or the controller refused its changes.
    Failed(String),
    /// The charm was killed.
    Killed,
}

/// A run that is over.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The unit.
    pub unit: String,
    /// The hook's or action's name.
    pub what: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long the process lived.
    pub elapsed: Duration,
    /// How many tools it called.
    pub calls: usize,
    /// The most memory it held resident up to its last call, in KiB.
    pub peak_kib: u64,
    /// What it wrote to standard output and error.
    pub output: String,
}

/// How an action ended, as `juju run` shows it.
#[derive(Debug, Clone)]
pub struct ActionOutcome {
    /// Whether it completed.
    pub completed: bool,
    /// Why it failed.
    pub message: String,
    /// Its results.
    pub results: Map<String, Value>,
    /// Its progress lines.
    pub log: Vec<String>,
}

impl ActionOutcome {
    /// A result's text; empty when there is none.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        self.results.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}
