//! What a restore tells a database's task, and what the task keeps of it.

use bytes::Bytes;
use oplog::access::Writers;
use tokio::sync::oneshot;

/// What a restore tells a database's task.
#[derive(Debug)]
pub(super) enum Restore {
    /// It begins. Until `open` is closed, these may write too.
    Begin { writers: Writers, open: oneshot::Sender<()> },
    /// Entries; answered when there is room for more.
    Entries { blocks: Vec<Bytes>, reply: oneshot::Sender<()> },
}

/// A restore under way, as a database's task has it.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) open: Option<(Writers, oneshot::Sender<()>)>,
    pub(super) replies: Vec<oneshot::Sender<()>>,
}
