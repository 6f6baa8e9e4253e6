//! Requests of a manager, and what comes of them.

use juju_hooks::UnitName;
use serde::{Deserialize, Serialize};

use crate::text::{Capability, Line, RequestId, Texts};

/// The most requests in a manager's bag, and results in one of an application.
pub const MAX_REQUESTS: usize = 64;
/// How long a request may stand without any result, in seconds: six intervals of `update-status` as Juju has them.
pub const ANSWER_SECONDS: u64 = 1800;

/// Something to be done, asked for once. Whoever carries it out does so at most once for an id that has a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Request {
    /// Unlike that of any other request in this relation, earlier ones included.
    pub id: RequestId,
    /// What to do: one of the application's `capabilities`.
    pub op: Capability,
    /// The unit that is to do it. Without it the application is asked: its leader does it and tells the result in the
    /// application bag, where the next leader finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub to: Option<UnitName>,
    /// The operation's parameters.
    #[serde(default, skip_serializing_if = "no_texts")]
    pub params: Texts,
    /// When it was asked for, in seconds since 1970.
    pub issued: u64,
    /// When it must have begun, in seconds since 1970. After that it is refused, not begun.
    pub deadline: u64,
}

fn no_texts(texts: &Texts) -> bool {
    texts.is_empty()
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum State {
    /// Read; it waits for its turn.
    Acknowledged,
    /// Begun.
    Running,
    /// Ended as it should.
    Done,
    /// Begun, and ended otherwise.
    Failed,
    /// Not begun, and it will not be.
    Refused,
}

impl State {
    /// Whether nothing comes after it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Refused)
    }

    /// Whether `next` may follow: a state goes forward only, and a final one stays.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Acknowledged => true,
            Self::Running => !matches!(next, Self::Acknowledged | Self::Refused),
            Self::Done | Self::Failed | Self::Refused => self == next,
        }
    }
}

/// What came of a request so far. It stays in the bag for as long as the request stands in the manager's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OperationResult {
    /// The request.
    pub id: RequestId,
    /// How far it is.
    pub state: State,
    /// When it began, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
    /// When it ended or was refused, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
    /// For people: what was done, or why not, with the remedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Line>,
    /// What the operation gives back.
    #[serde(default, skip_serializing_if = "no_texts")]
    pub values: Texts,
}

impl OperationResult {
    /// A result in a state, with nothing else to tell.
    #[must_use]
    pub fn of(id: &RequestId, state: State) -> Self {
        Self { id: id.clone(), state, started: None, ended: None, message: None, values: Texts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_goes_forward_and_a_final_one_stays() {
        use State::{Acknowledged, Done, Failed, Refused, Running};
        let all = [Acknowledged, Running, Done, Failed, Refused];
        for (from, to) in [
            (Acknowledged, vec![Acknowledged, Running, Done, Failed, Refused]),
            (Running, vec![Running, Done, Failed]),
            (Done, vec![Done]),
            (Failed, vec![Failed]),
            (Refused, vec![Refused]),
        ] {
            let may: Vec<State> = all.into_iter().filter(|next| from.may_become(*next)).collect();
            assert_eq!(may, to, "{from:?}");
        }
    }
}
