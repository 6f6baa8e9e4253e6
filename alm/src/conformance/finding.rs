//! Rules, and findings that one was not kept.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who has to keep a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// What is managed.
    Application,
    /// What manages.
    Manager,
}

/// A rule of the specification; its name there is this one in kebab-case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Every bag is read by the reader of this crate.
    Readable,
    /// JSON has sorted keys and no spaces, so that equal data is equal text.
    Canonical,
    /// Nothing of version 2 is asked of who speaks version 1 only.
    Versions,
    /// A heartbeat never goes back.
    Heartbeat,
    /// A target names a job of the application.
    Targets,
    /// A unit is in step with units that it is connected to.
    Replication,
    /// Only what the application offers is asked for, of units that are there.
    Offered,
    /// A request stays as it was first written.
    RequestStays,
    /// An id that was dropped does not come back.
    IdOnce,
    /// A request stays until its result is final, its deadline has passed or its unit is gone.
    RequestKept,
    /// A result is of a request to the same unit, or to the application.
    ResultAsked,
    /// A state goes forward only; a final one stays.
    ResultForward,
    /// A result stays for as long as its request.
    ResultKept,
    /// A request has a result within [`ANSWER_SECONDS`](crate::operation::ANSWER_SECONDS).
    Answered,
    /// What has begun says when, what has ended too, and nothing begins after its deadline.
    Times,
    /// A verdict is on the turn that is wanted.
    VerdictOnTurn,
    /// `go` is not taken back.
    GoStays,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_value(self).ok();
        f.write_str(text.as_ref().and_then(|text| text.as_str()).unwrap_or_default())
    }
}

/// A rule that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The moment, counted from 0.
    pub moment: usize,
    /// Who did not keep it.
    pub side: Side,
    /// The rule.
    pub rule: Rule,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Application => "application",
            Side::Manager => "manager",
        };
        write!(f, "moment {}: {side}: {}: {}", self.moment, self.rule, self.what)
    }
}

/// Findings as they are made.
#[derive(Default)]
pub(super) struct Findings {
    /// The moment that is judged.
    pub(super) moment: usize,
    /// What was found.
    pub(super) list: Vec<Finding>,
}

impl Findings {
    pub(super) fn add(&mut self, side: Side, rule: Rule, what: impl Into<String>) {
        self.list.push(Finding { moment: self.moment, side, rule, what: what.into() });
    }
}
