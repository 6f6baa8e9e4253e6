//! Hooks and actions to be run.

/// A hook to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hook {
    /// A hook of the unit's life, by its name.
    Lifecycle(&'static str),
    /// A hook of a relation.
    Relation {
        /// `created`, `joined`, `changed`, `departed`, `broken`.
        phase: &'static str,
        /// The relation.
        id: u32,
        /// The endpoint.
        endpoint: String,
        /// The application on the other side.
        application: String,
        /// The unit it is about.
        unit: Option<String>,
        /// The unit that goes.
        departing: Option<String>,
    },
    /// A hook of a storage instance.
    Storage {
        /// `attached` or `detaching`.
        phase: &'static str,
        /// The instance.
        id: String,
        /// Its location.
        location: String,
    },
    /// A hook of a secret.
    Secret {
        /// `changed` and so on.
        phase: &'static str,
        /// Its id.
        id: String,
        /// Its newest revision.
        revision: u64,
    },
    /// A hook with any name, to see that the charm lets it pass.
    Unknown(&'static str),
}

impl Hook {
    /// The hook's name.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Lifecycle(name) | Self::Unknown(name) => (*name).to_owned(),
            Self::Relation { phase, endpoint, .. } => format!("{endpoint}-relation-{phase}"),
            Self::Storage { phase, id, .. } => {
                format!("{}-storage-{phase}", id.split('/').next().unwrap_or_default())
            }
            Self::Secret { phase, .. } => format!("secret-{phase}"),
        }
    }
}

/// An action to be run.
#[derive(Debug, Clone)]
pub struct ActionRun {
    /// Its name.
    pub name: String,
    /// Its number.
    pub id: u64,
    /// Its parameters, defaults filled in.
    pub parameters: serde_json::Value,
}

/// What is to be run.
#[derive(Debug, Clone)]
pub enum Run {
    /// A hook.
    Hook(Hook),
    /// An action.
    Action(ActionRun),
}
