//! Operations: what was begun, and the record of what came of it.

use std::fmt;

use alm_interface::operation::{Request, State};
use alm_interface::text::{Line, Name, RequestId};
use juju_hooks::{RelationId, UnitName};
use serde::{Deserialize, Serialize};

/// What an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A unit compares with the others and fetches what is missing.
    Resync,
    /// A unit writes a backup.
    Backup,
    /// The application changes its API token.
    RotateToken,
    /// A unit restarts in a refresh, by our verdict.
    Turn,
    /// A unit is lost, and the operator is to replace it.
    Replace,
}

impl Kind {
    /// The operation as the interface names it, if it is asked for by a request.
    #[must_use]
    pub fn capability(self) -> Option<&'static str> {
        match self {
            Self::Resync => Some("resync@1"),
            Self::Backup => Some("backup@1"),
            Self::RotateToken => Some("rotate-token@1"),
            Self::Turn | Self::Replace => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resync => "resync",
            Self::Backup => "backup",
            Self::RotateToken => "rotate-token",
            Self::Turn => "refresh-turn",
            Self::Replace => "replace",
        })
    }
}

/// An operation that has not ended. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Operation {
    /// Its id: that of the request.
    pub id: RequestId,
    /// The relation.
    pub relation: RelationId,
    /// The application.
    pub application: String,
    /// What it is.
    pub kind: Kind,
    /// The unit that it is about; none when it is the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<UnitName>,
    /// Why it was begun.
    pub cause: Line,
    /// When it was begun.
    pub issued: u64,
    /// When whoever is asked must have begun.
    pub deadline: u64,
    /// The request as it was written, while it stands in our bag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// How far the other side is, as it last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<State>,
    /// What the other side said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Line>,
    /// For a turn: which, and how far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<GatedTurn>,
}

/// A turn that an application wants or has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct GatedTurn {
    /// The turn.
    pub id: Name,
    /// What the unit restarts into.
    pub into: Line,
    /// How to go back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Line>,
    /// When it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<u64>,
    /// Since when the unit is healthy again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_since: Option<u64>,
    /// What the measures of the unit were before, by name.
    #[serde(default)]
    pub before: std::collections::BTreeMap<String, f64>,
}

impl Operation {
    /// Whether it takes a unit down right now.
    #[must_use]
    pub fn takes_down(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.given.is_some())
    }
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should, and we have seen that it helped.
    Done,
    /// It was carried out, and we have not seen that it helped.
    Unconfirmed,
    /// It was begun and failed.
    Failed,
    /// The other side would not.
    Refused,
    /// Nothing came of it in time.
    Expired,
    /// The unit or the application left, or the turn was withdrawn.
    Gone,
    /// What it was for ended without it.
    Recovered,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Unconfirmed => "unconfirmed",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Gone => "gone",
            Self::Recovered => "recovered",
        })
    }
}

/// What came of an operation. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// Its id.
    pub id: RequestId,
    /// The relation.
    pub relation: RelationId,
    /// The application.
    pub application: String,
    /// What it was.
    pub kind: Kind,
    /// The unit that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<UnitName>,
    /// Why it was begun.
    pub cause: Line,
    /// When it was begun.
    pub issued: u64,
    /// When it ended.
    pub ended: u64,
    /// How.
    pub outcome: Outcome,
    /// For people.
    pub message: Line,
}
