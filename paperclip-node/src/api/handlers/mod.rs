//! The routes: each turns a checked request into a call of the node, and what comes back into JSON.

pub(super) mod changes;
pub(super) mod databases;
pub(super) mod documents;
pub(super) mod events;
pub(super) mod keys;
pub(super) mod log;
pub(super) mod node;

use super::{
    Api,
    problem::{Kind, Problem},
};
use crate::{
    database::{Closed, Database, ReadError, WriteError},
    node::NodeError,
};
use oplog::{log::AppendError, manifest::DatabaseType};
use std::io;
use store::{Poison, StoreError};

/// An open database of the type that an operation needs.
fn typed(database: Database, kinds: &[DatabaseType]) -> Result<Database, Problem> {
    let kind = database.manifest().kind;
    if kinds.contains(&kind) {
        return Ok(database);
    }
    let wanted: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let detail =
        format!("{} is of type {kind}; this path is for {}", database.address(), wanted.join(" and "));
    Err(Problem::new(Kind::WrongType, detail))
}

fn to_read(api: &Api, db: &str, kinds: &[DatabaseType]) -> Result<Database, Problem> {
    typed(api.node().database(db)?, kinds)
}

fn to_write(api: &Api, db: &str, kind: DatabaseType) -> Result<Database, Problem> {
    typed(api.node().database_to_write(db)?, &[kind])
}

impl From<NodeError> for Problem {
    fn from(error: NodeError) -> Self {
        let kind = match error {
            NodeError::AmbiguousName { name, addresses } => {
                return Self::ambiguous(&name, addresses.iter().map(ToString::to_string).collect());
            }
            NodeError::Write(error) => return error.into(),
            NodeError::Store(error) => return error.into(),
            NodeError::UnknownDatabase(_) => Kind::UnknownDatabase,
            NodeError::Opening(_) | NodeError::Starting(_) | NodeError::Failed { .. } => Kind::NotOpen,
            NodeError::BadName | NodeError::BadWriter(_) => Kind::MalformedBody,
            NodeError::Catalog => Kind::NotAllowed,
            NodeError::TooMany => Kind::TooMany,
        };
        Self::new(kind, error)
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        let kind = match &error {
            WriteError::NotCertified => Kind::NotCertified,
            WriteError::NotAllowed(_) => Kind::NotAllowed,
            WriteError::Precondition(_) => Kind::PreconditionFailed,
            WriteError::Append(AppendError::Oversized { .. }) => Kind::TooLarge,
            WriteError::Append(AppendError::ClockExhausted) => Kind::WrongType,
            WriteError::Store(store) => return of_store(store),
            WriteError::Closed(closed) => return (*closed).into(),
        };
        Self::new(kind, error)
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::UnknownEntry(_) => Self::new(Kind::UnknownEntry, error),
            ReadError::Store(error) => error.into(),
            ReadError::Stopping => super::shutting_down(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        of_store(&error)
    }
}

impl From<Closed> for Problem {
    fn from(_: Closed) -> Self {
        Self::new(Kind::NotOpen, "the database was closed: it was unpinned, or the node is shutting down")
    }
}

/// A full disk is told as such: it is the one failure of the store that somebody else can mend.
fn of_store(error: &StoreError) -> Problem {
    if is_disk_full(error) {
        return Problem::new(Kind::DiskFull, error);
    }
    if error.is_poisoned() { Problem::new(Kind::StorePoisoned, error) } else { Problem::internal(error) }
}

fn is_disk_full(error: &StoreError) -> bool {
    let cause = match error {
        StoreError::Io { source, .. } => source,
        StoreError::Poisoned(Poison::Sync(source)) => source.as_ref(),
        _ => return false,
    };
    matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let failed =
            |kind| StoreError::Io { action: "write", path: "x".into(), source: io::Error::from(kind) };
        assert_eq!(Problem::from(failed(io::ErrorKind::StorageFull)).kind(), Kind::DiskFull);
        assert_eq!(Problem::from(failed(io::ErrorKind::PermissionDenied)).kind(), Kind::Internal);
    }
}
