//! The routes: each turns a checked request into a call of the node, and what comes back into JSON.

pub(super) mod backups;
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
    resource,
};
use crate::{
    database::{Closed, Database, ReadError, WriteError},
    node::NodeError,
};
use oplog::{log::AppendError, reading::View, view::Operation};
use store::StoreError;

/// An open database that is read as an operation needs.
fn viewed(database: Database, view: View) -> Result<Database, Problem> {
    let reading = database.reading();
    if reading.view() == view {
        return Ok(database);
    }
    let detail = format!(
        "{address} is read as {reading}, at /{}; to read it another way: paperclip-node db set {address} --as <reading>",
        resource(reading.view()),
        address = database.address(),
    );
    Err(Problem::new(Kind::WrongType, detail))
}

fn to_read(api: &Api, db: &str, view: View) -> Result<Database, Problem> {
    viewed(api.node().database(db)?, view)
}

fn to_write(api: &Api, db: &str, view: View) -> Result<Database, Problem> {
    viewed(api.node().database_to_write(db)?, view)
}

/// An operation that clients may write to a database that is read as this one is.
fn fitting(database: &Database, operation: Operation) -> Result<Operation, Problem> {
    let checked = database.reading().check(&operation);
    checked.map_err(|misfit| Problem::new(Kind::UnusableValue, misfit))?;
    Ok(operation)
}

impl From<NodeError> for Problem {
    fn from(error: NodeError) -> Self {
        let kind = match error {
            NodeError::AmbiguousName { name, addresses } => {
                return Self::ambiguous(&name, addresses.iter().map(ToString::to_string).collect());
            }
            NodeError::Write(error) => return error.into(),
            NodeError::Store(error) => return error.into(),
            NodeError::Unreadable(_) => Kind::UnusableValue,
            NodeError::UnknownDatabase(_) => Kind::UnknownDatabase,
            NodeError::Opening(_) | NodeError::Starting(_) | NodeError::Failed { .. } => Kind::NotOpen,
            NodeError::BadName | NodeError::BadWriter(_) => Kind::MalformedBody,
            NodeError::Catalog | NodeError::NotPinned(_) => Kind::NotAllowed,
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
            WriteError::Unreadable(_) => Kind::UnusableValue,
            WriteError::Precondition(_) => Kind::PreconditionFailed,
            WriteError::Append(AppendError::Oversized { .. }) => Kind::TooLarge,
            WriteError::Append(AppendError::ClockExhausted) => Kind::ClockExhausted,
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
    if error.is_disk_full() {
        return Problem::new(Kind::DiskFull, error);
    }
    if error.damaged().is_some() {
        return Problem::new(Kind::Damaged, error);
    }
    if error.is_poisoned() { Problem::new(Kind::StorePoisoned, error) } else { Problem::internal(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_clock_at_its_end_is_told_with_what_to_do() {
        let problem = Problem::from(WriteError::from(AppendError::ClockExhausted));
        assert_eq!(problem, Problem::new(Kind::ClockExhausted, AppendError::ClockExhausted));
        assert!(AppendError::ClockExhausted.to_string().contains("create another database"));
    }

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let failed =
            |kind| StoreError::Io { action: "write", path: "x".into(), source: io::Error::from(kind) };
        assert_eq!(Problem::from(failed(io::ErrorKind::StorageFull)).kind(), Kind::DiskFull);
        assert_eq!(Problem::from(StoreError::ReadOnly).kind(), Kind::DiskFull, "full since the start");
        assert_eq!(Problem::from(failed(io::ErrorKind::PermissionDenied)).kind(), Kind::Internal);
    }
}
