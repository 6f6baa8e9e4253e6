//! Pins: databases that every node of the cluster opens, replicates and keeps.

use super::{
    catalog::{MAX_PINNED, Pin, Record},
    error::NodeError,
    fetch,
    handle::Node,
    info::DatabaseInfo,
    registry::{Registered, Role, State},
};
use crate::database::Settings;
use oplog::{Address, view::Operation};
use std::time::Duration;

/// How long a pin waits for the database's manifest before it answers that the database is still opening.
pub const OPEN_WAIT: Duration = Duration::from_secs(5);

impl Node {
    /// Pins a database: every node of the cluster opens, replicates and keeps it. Answers when it is open here, or after
    /// [`OPEN_WAIT`], when its manifest may still be on its way.
    pub async fn pin(&self, address: Address, settings: Settings) -> Result<(DatabaseInfo, bool), NodeError> {
        self.pin_as(address, Pin { name: None, settings }).await
    }

    pub(super) async fn pin_as(&self, address: Address, pin: Pin) -> Result<(DatabaseInfo, bool), NodeError> {
        if address == self.0.catalog.address() {
            return Err(NodeError::Catalog);
        }
        let pinned =
            self.0.registry.borrow().values().filter(|known| matches!(known.role, Role::Pinned(_))).count();
        let known = self.0.registry.borrow().get(&address).map(|known| known.role.clone());
        let new = !matches!(known, Some(Role::Pinned(_)));
        if new {
            if pinned >= MAX_PINNED {
                return Err(NodeError::TooMany);
            }
            let record = Record::Pinned(pin).to_value();
            self.0.catalog.append(Operation::put(address.to_string(), record)).await?;
        }
        let mut registry = self.0.registry.clone();
        let settled = async {
            let settled =
                |known: &Registered| known.role != Role::Guard && !matches!(known.state, State::Opening);
            drop(registry.wait_for(|registry| registry.get(&address).is_some_and(settled)).await);
        };
        // Whoever pins again what is still opening has reason to think that a peer has it now.
        let asked_again = async {
            if !new {
                drop(fetch::definition(&self.0.store, &self.0.network, address).await);
            }
            std::future::pending::<()>().await;
        };
        let opened = async {
            tokio::select! {
                () = settled => {}
                () = asked_again => {}
            }
        };
        // Whether it is open by then or not, the answer tells.
        drop(tokio::time::timeout(OPEN_WAIT, opened).await);
        Ok((self.info(&address.to_string())?, new))
    }

    /// Unpins a database everywhere. What is on disk stays, unless `remove` asks every node to remove it.
    pub async fn unpin(&self, wanted: &str, remove: bool) -> Result<Address, NodeError> {
        let address = self.find(wanted)?;
        if address == self.0.catalog.address() {
            return Err(NodeError::Catalog);
        }
        let key = address.to_string();
        let operation =
            if remove { Operation::put(key, Record::Removed.to_value()) } else { Operation::del(key) };
        self.0.catalog.append(operation).await?;
        let mut registry = self.0.registry.clone();
        let gone = registry.wait_for(|registry| {
            registry.get(&address).is_none_or(|known| matches!(known.role, Role::Guard))
        });
        drop(tokio::time::timeout(OPEN_WAIT, gone).await);
        Ok(address)
    }
}
