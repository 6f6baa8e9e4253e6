//! What happened: the reason Juju runs the charm.

use std::fmt;

use crate::names::{RelationId, UnitName};

/// The reason this process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A hook of the unit's life.
    Lifecycle(Lifecycle),
    /// A hook of one relation.
    Relation(RelationEvent),
    /// A hook of one storage instance.
    Storage(StorageEvent),
    /// A hook of one secret.
    Secret(SecretEvent),
    /// An operator runs an action.
    Action(Action),
    /// A hook this crate does not know, by its name. Juju may add hooks at any time; a charm lets them pass.
    Unknown(String),
}

/// Hooks without further data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// The charm's files have just been put on the machine, for the first time.
    Install,
    /// After every other hook of the start; again after each reboot of the machine.
    Start,
    /// The unit is being removed; relations are gone.
    Stop,
    /// The last hook of a unit.
    Remove,
    /// The charm's files, or a resource, were replaced.
    UpgradeCharm,
    /// Configuration, trust, or an address of the unit changed. Also after install and after each refresh.
    ConfigChanged,
    /// This unit is the leader now. There is no hook for losing it.
    LeaderElected,
    /// Time has passed (5 min by default) and nothing else is pending.
    UpdateStatus,
}

impl Lifecycle {
    pub(crate) const ALL: [Self; 8] = [
        Self::Install,
        Self::Start,
        Self::Stop,
        Self::Remove,
        Self::UpgradeCharm,
        Self::ConfigChanged,
        Self::LeaderElected,
        Self::UpdateStatus,
    ];

    /// The hook's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Remove => "remove",
            Self::UpgradeCharm => "upgrade-charm",
            Self::ConfigChanged => "config-changed",
            Self::LeaderElected => "leader-elected",
            Self::UpdateStatus => "update-status",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }
}

/// A hook of one relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationEvent {
    /// The charm's endpoint.
    pub endpoint: String,
    /// The relation.
    pub id: RelationId,
    /// What happened in it.
    pub phase: RelationPhase,
    /// The application on the other side; in a peer relation, our own.
    pub remote_application: String,
    /// The unit it is about. None in `created` and `broken`, and in `changed` when it is the remote application's
    /// bag that changed.
    pub remote_unit: Option<UnitName>,
}

/// What happened in a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelationPhase {
    /// The relation exists; no unit of it need be known yet. Always fires, for peers too.
    Created,
    /// A remote unit appeared.
    Joined,
    /// A remote unit's or the remote application's data changed.
    Changed,
    /// A unit goes away.
    Departed {
        /// The unit that leaves: our own name when it is us, a peer's when it is the peer.
        departing: Option<UnitName>,
    },
    /// The relation is gone. Never fires for peers.
    Broken,
}

/// A hook of one storage instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageEvent {
    /// The storage's name in the metadata, such as `data`.
    pub name: String,
    /// The instance, such as `data/0`.
    pub id: String,
    /// Where it is mounted, when Juju said.
    pub location: Option<String>,
    /// What happened to it.
    pub phase: StoragePhase,
}

/// What happened to a storage instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoragePhase {
    /// It is there. Instances known at deployment are attached before `install`.
    Attached,
    /// It is about to go: nothing may hold it open when the hook ends.
    Detaching,
}

/// A hook of one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretEvent {
    /// The secret's URI, `secret:<20 characters>`.
    pub id: String,
    /// The label this unit gave it, if it did.
    pub label: Option<String>,
    /// The revision the hook is about, where there is one.
    pub revision: Option<u64>,
    /// What happened to it.
    pub phase: SecretPhase,
}

/// What happened to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretPhase {
    /// Its owner made a new revision (fires on consumers).
    Changed,
    /// It is time to rotate it (fires on the owner).
    Rotate,
    /// A revision has expired (fires on the owner).
    Expired,
    /// No consumer uses this revision any more (fires on the owner).
    Remove,
}

/// An action that an operator runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The action's name, such as `show-heads`.
    pub name: String,
    /// The id of this run; empty when Juju gave none.
    pub id: String,
}

impl fmt::Display for Event {
    /// The name Juju gives it: the hook's, or `action <name>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lifecycle(hook) => f.write_str(hook.name()),
            Self::Relation(event) => {
                let phase = match event.phase {
                    RelationPhase::Created => "created",
                    RelationPhase::Joined => "joined",
                    RelationPhase::Changed => "changed",
                    RelationPhase::Departed { .. } => "departed",
                    RelationPhase::Broken => "broken",
                };
                write!(f, "{}-relation-{phase}", event.endpoint)
            }
            Self::Storage(event) => {
                let phase = match event.phase {
                    StoragePhase::Attached => "attached",
                    StoragePhase::Detaching => "detaching",
                };
                write!(f, "{}-storage-{phase}", event.name)
            }
            Self::Secret(event) => f.write_str(match event.phase {
                SecretPhase::Changed => "secret-changed",
                SecretPhase::Rotate => "secret-rotate",
                SecretPhase::Expired => "secret-expired",
                SecretPhase::Remove => "secret-remove",
            }),
            Self::Action(action) => write!(f, "action {}", action.name),
            Self::Unknown(name) => f.write_str(name),
        }
    }
}
