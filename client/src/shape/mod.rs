//! Shapes of the API: what requests and responses hold, as JSON. Field names are `snake_case`, but for entries, which are
//! shown as JavaScript OrbitDB shows them.
//!
//! Requests refuse fields that they do not know; what a client means is not guessed. Responses are read with fields that this
//! version does not know, so that a client of yesterday reads a node of today.

mod backup;
mod database;
mod log;
mod node;
mod number;
mod peer;
mod report;
mod request;
mod words;

pub use backup::{BACKUP_MEDIA_TYPE, BackUp, Restore, RestoreReport, RestoredDatabase};
pub use database::{Access, Controller, Database, OpenDatabase, Role, State, Unpinned, UnreachableBlock};
pub use log::{Clock, Entry, Event, Row, Written};
pub use node::{Alive, Cluster, Identity, JournalDamage, Readiness, Standing, Status};
pub use number::{Count, Limit, MAX_PAGE_ITEMS, Whole};
pub use peer::{Absence, Connect, Connected, Connection, Peer, PeerState};
pub use report::{Refusals, Refused, Resync, Verification};
pub use request::{Change, Create, HowLong, Open, Page, Pin, Query, Range, Remove, Repair, Since, Start};

use std::time::Duration;

/// A time in seconds, to the millisecond.
#[must_use]
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
