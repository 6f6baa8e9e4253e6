//! State: all that the next leader must know. It stands in the peer relation's application bag.

use std::collections::{BTreeMap, VecDeque};

use alm_interface::operation::Request;
use alm_interface::text::{Line, Name, RequestId, Texts};
use juju_hooks::{RelationId, UnitName};
use serde::{Deserialize, Serialize};

use crate::cluster::{Cluster, capability};
use crate::operation::{Kind, Operation, Outcome, Record};

/// The most operations that are open at once; more are not begun.
pub const MAX_OPEN: usize = 64;
/// The most open operations of one application, so that one cannot keep the others from theirs.
pub const MAX_OPEN_OF_ONE: usize = 16;
/// The most records; the oldest go.
pub const MAX_RECORDS: usize = 200;
/// The most silences.
pub const MAX_SILENCES: usize = 32;
/// The most turns of a refresh that are remembered as given.
pub const MAX_GIVEN: usize = 128;

/// What is open, what was done, and what the operator has said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct State {
    /// The number of the next operation.
    #[serde(default)]
    pub next: u64,
    /// Whether nothing is to be begun unasked.
    #[serde(default)]
    pub paused: bool,
    /// What is not to be reported for a while.
    #[serde(default)]
    pub silences: Vec<Silence>,
    /// What has not ended.
    #[serde(default)]
    pub open: Vec<Operation>,
    /// What has, oldest first.
    #[serde(default)]
    pub records: VecDeque<Record>,
    /// What is remembered of each application beyond its records.
    #[serde(default)]
    pub applications: BTreeMap<RelationId, Remembered>,
}

/// What is remembered of an application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Remembered {
    /// When it was first seen, in seconds since 1970.
    pub since: u64,
    /// When its last good backup was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<u64>,
    /// When its token was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<u64>,
    /// The refresh under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Refresh>,
}

/// A refresh: all turns into the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Refresh {
    /// What units restart into.
    pub into: Line,
    /// How many turns have ended well.
    pub done: u32,
    /// The turns that were given, oldest first: a word that was given stays.
    #[serde(default)]
    pub given: VecDeque<Name>,
    /// Why it is to go back, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Line>,
}

/// An operation to begin.
pub(crate) struct Order<'a> {
    pub(crate) kind: Kind,
    pub(crate) to: Option<&'a UnitName>,
    pub(crate) cause: &'a str,
    pub(crate) params: Texts,
    /// Seconds within which whoever is asked must begin.
    pub(crate) within: u64,
}

impl<'a> Order<'a> {
    pub(crate) fn new(kind: Kind, to: Option<&'a UnitName>, cause: &'a str, within: u64) -> Self {
        Self { kind, to, cause, params: Texts::default(), within }
    }
}

/// Something that is not reported for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Silence {
    /// An application, or a unit of one.
    pub of: String,
    /// Until when, in seconds since 1970.
    pub until: u64,
    /// Why.
    pub reason: Line,
}

impl State {
    /// The open operation of a kind on a unit, or on the application.
    #[must_use]
    pub fn open_on(&self, relation: &RelationId, kind: Kind, to: Option<&UnitName>) -> Option<&Operation> {
        let same = |operation: &&Operation| {
            operation.relation == *relation && operation.kind == kind && operation.to.as_ref() == to
        };
        self.open.iter().find(same)
    }

    /// The open operations of a kind in an application.
    pub fn open_of(&self, relation: &RelationId, kind: Kind) -> impl Iterator<Item = &Operation> {
        self.open.iter().filter(move |operation| operation.relation == *relation && operation.kind == kind)
    }

    /// Whether something about a name, a unit's or an application's, is not to be reported now.
    #[must_use]
    pub fn silence(&self, of: &str, now: u64) -> Option<&Silence> {
        self.silences.iter().find(|silence| silence.of == of && silence.until > now)
    }

    /// Begins an operation, with its request if it is one that is asked for. Nothing when too many are open.
    pub(crate) fn begin(&mut self, cluster: &Cluster, order: Order<'_>, now: u64) -> Option<&mut Operation> {
        let of_one = self.open.iter().filter(|operation| operation.relation == cluster.relation).count();
        if self.open.len() >= MAX_OPEN || of_one >= MAX_OPEN_OF_ONE {
            return None;
        }
        let Order { kind, to, cause, params, within } = order;
        let id: RequestId = format!("{kind}-{}", self.next).parse().ok()?;
        self.next += 1;
        let deadline = now + within;
        let op = kind.capability().and_then(capability);
        let request =
            op.map(|op| Request { id: id.clone(), op, to: to.cloned(), params, issued: now, deadline });
        self.open.push(Operation {
            id,
            relation: cluster.relation.clone(),
            application: cluster.name.clone(),
            kind,
            to: to.cloned(),
            cause: Line::of(cause),
            issued: now,
            deadline,
            request,
            reached: None,
            message: None,
            turn: None,
        });
        self.open.last_mut()
    }

    /// Ends an open operation with a record.
    pub(crate) fn end(&mut self, id: &RequestId, outcome: Outcome, message: &str, now: u64) {
        let Some(at) = self.open.iter().position(|operation| operation.id == *id) else { return };
        let Operation { id, relation, application, kind, to, cause, issued, .. } = self.open.remove(at);
        let message = Line::of(message);
        self.records.push_back(Record {
            id,
            relation,
            application,
            kind,
            to,
            cause,
            issued,
            ended: now,
            outcome,
            message,
        });
        while self.records.len() > MAX_RECORDS {
            self.records.pop_front();
        }
    }

    /// What is remembered of an application that is there.
    pub(crate) fn remembered(&mut self, relation: &RelationId, now: u64) -> &mut Remembered {
        self.applications
            .entry(relation.clone())
            .or_insert_with(|| Remembered { since: now, ..Remembered::default() })
    }
}
