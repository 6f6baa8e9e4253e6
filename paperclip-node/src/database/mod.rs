//! Databases: each is owned by one task, and everybody else holds a [`Database`].
//!
//! | file | concept |
//! | --- | --- |
//! | `handle` | what everybody but the task holds |
//! | `request` | what is asked of the task, and how that fails |
//! | `task` | the one writer: takes requests, applies commits |
//! | `append` | local writes: signed one upon another, stored together, acknowledged when they are on disk |
//! | `joining` | entries of others: offered, fetched, verified, committed |
//! | `exchange` | the exchange of heads with the peers that serve the database |
//! | `resync` | an exchange with every peer now |
//! | `change`, `followers` | who is told of every entry as it comes in |
//! | `replicas` | which peers these are |
//! | `backlog` | what entries that wait take of the node, and the part of each database |
//! | `refusals` | what was refused, how often and why |
//! | `status` | how it stands |
//! | `staged` | verified entries that wait for their ancestors, on disk |
//! | `read` | reads, straight from the store |
//! | `reading` | how its operations are understood, as found from them |
//! | `restore`, `restoring`, `take_in` | entries of a backup: as messages, for whoever has them, for the task |
//! | `settings` | what is chosen per database |
//! | `signer` | the author's key, blinded again and again |

mod append;
mod backlog;
mod change;
mod exchange;
mod followers;
mod handle;
mod joining;
mod open;
mod read;
mod reading;
mod refusals;
mod replicas;
mod request;
mod restore;
mod restoring;
mod resync;
mod settings;
mod signer;
mod staged;
mod status;
mod take_in;
mod task;
mod verify_pool;

pub use backlog::{Backlog, MAX_NODE_PENDING, MAX_NODE_PENDING_BYTES, MAX_NODE_STAGED_BYTES, Waiting};
pub use change::{CHANGE_QUEUE, Change};
pub use handle::Database;
pub use open::{Context, OpenError, Opening};
pub use read::{Live, ReadError, Scanned};
pub use refusals::{MAX_REFUSALS_LISTED, Refusals, Refused};
pub use request::{COMMAND_QUEUE, Closed, Precondition, WriteError};
pub use restoring::{RESTORE_STALL_TIMEOUT, Restoring, RestoringError};
pub use resync::{PeersWanted, Resync};
pub use settings::Settings;
pub use signer::Author;
pub use status::{ExchangeStatus, LogStatus, MAX_UNREACHABLE_LISTED, TaskFault, Unreachable};
pub use verify_pool::VerifyPool;
