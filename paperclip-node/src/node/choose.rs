//! Choices for a pinned database: its reading and whether JavaScript reads it.

use super::{
    catalog::{Pin, Record},
    error::NodeError,
    handle::Node,
    info::DatabaseInfo,
    pin::OPEN_WAIT,
    registry::Role,
};
use crate::database::Settings;
use oplog::{reading::Reading, view::Operation};

/// What is to be chosen anew; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// How the operations are understood; `Some(None)` for what is found from them.
    pub reading: Option<Option<Reading>>,
    /// Whether JavaScript reads the database.
    pub javascript: Option<bool>,
}

impl Choice {
    fn applied_to(self, settings: Settings) -> Settings {
        Settings {
            reading: self.reading.unwrap_or(settings.reading),
            no_javascript: self.javascript.map_or(settings.no_javascript, |reads| !reads),
            ..settings
        }
    }
}

impl Node {
    /// Changes what is chosen for a pinned database, on every node of the cluster. Answers when this node has followed.
    pub async fn choose(&self, wanted: &str, choice: Choice) -> Result<DatabaseInfo, NodeError> {
        let address = self.find(wanted)?;
        let role = self.0.registry.borrow().get(&address).map(|known| known.role.clone());
        let Some(Role::Pinned(pin)) = role else { return Err(NodeError::NotPinned(address)) };
        let pin = Pin { settings: choice.applied_to(pin.settings.clone()), ..pin };
        let record = Record::Pinned(pin.clone()).to_value();
        self.0.catalog.append(Operation::put(address.to_string(), record)).await?;
        let mut registry = self.0.registry.clone();
        let followed = registry.wait_for(|registry| {
            registry.get(&address).is_none_or(|known| known.role == Role::Pinned(pin.clone()))
        });
        // The catalog has it; a keeper that is slow to follow changes nothing about that.
        drop(tokio::time::timeout(OPEN_WAIT, followed).await);
        self.info(&address.to_string())
    }
}
