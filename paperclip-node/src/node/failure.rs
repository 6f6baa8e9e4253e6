//! Failures of databases: why one cannot be opened, or is served no longer.

use super::fetch::FetchError;
use crate::database::{OpenError, ReadError, TaskFault};
use oplog::{access::AccessError, manifest::ManifestError};
use std::sync::Arc;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenFailure {
    /// The blocks that define it could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Its manifest is malformed.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Its access list is malformed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Its access controller has an access controller that is a database too.
    #[error("the access controller is guarded by another one, which JavaScript OrbitDB does not make")]
    GuardedGuard,
    /// Its access controller cannot be opened.
    #[error("access controller: {0}")]
    Guard(Arc<OpenFailure>),
    /// Its access controller cannot be read.
    #[error("access controller: {0}")]
    GuardRead(#[from] ReadError),
    /// The store or the network does not take it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The node is shutting down.
    #[error("the node is shutting down")]
    Stopping,
}

/// Why a database is not served.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// It could not be opened.
    #[error("{0}")]
    Open(Arc<OpenFailure>),
    /// Its task has ended although nobody closed it.
    #[error(transparent)]
    Task(#[from] TaskFault),
    /// It was closed while it was asked for.
    #[error("it was closed")]
    Closed,
}
