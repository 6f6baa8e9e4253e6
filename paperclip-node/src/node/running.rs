//! Shutdown: the boot list in reverse.

use store::{Store, StoreError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What runs, and how to end it.
pub(super) struct Running {
    pub(super) databases: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) network: CancellationToken,
    pub(super) network_task: TaskTracker,
}

impl Running {
    /// The reverse of the boot list.
    pub(super) async fn stop(&self, store: &Store) -> Result<(), StoreError> {
        // What goes on beside the databases, the keeper, the databases: each finishes what it accepted.
        self.databases.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        // The store, while peers can still be answered.
        let flushed = store.flushed().await;
        // The network.
        self.network.cancel();
        self.network_task.close();
        self.network_task.wait().await;
        flushed
    }
}
