//! The node: everything behind the API.
//!
//! | file | concept |
//! | --- | --- |
//! | `start`, `running` | the boot list, and its reverse |
//! | `handle` | what everybody holds: status, databases by name or address |
//! | `backup` | what is backed up, and how a backup is taken in |
//! | `catalog` | what the cluster pins, as data |
//! | `create`, `pin`, `choose` | databases created, pinned, unpinned; what is chosen for them |
//! | `keeper` | opens and closes databases as the catalog says |
//! | `opener`, `fetch`, `guard` | from an address to an open database |
//! | `registry` | the databases as everybody sees them |
//! | `figures` | what the metrics are told now and then |
//! | `failure`, `error` | why a database is not served, why a request failed |
//! | `readiness`, `certification` | whether the node can serve; in whose name it writes |
//! | `peers` | connected peers, and configured ones that are away |
//! | `info` | what a node tells about itself |
//! | `healer`, `scrubber` | damaged blocks are fetched again; all blocks are read, slowly, to find them |
//! | `upkeep` | resync and verification |

mod backup;
pub mod catalog;
mod certification;
mod choose;
mod create;
mod disk;
mod error;
mod failure;
mod fetch;
mod figures;
mod guard;
mod handle;
mod healer;
mod info;
mod keeper;
mod opener;
mod peers;
mod pin;
mod readiness;
mod registry;
mod running;
mod scrubber;
mod start;
mod upkeep;

pub use backup::{RESTORE_OPEN_TIMEOUT, RestoreError, RestoreReport, Restored};
pub use choose::Choice;
pub use create::{Create, CreateAccess};
pub use error::{NodeError, StartError};
pub use failure::{Failure, OpenFailure};
pub use handle::Node;
pub use info::{AccessInfo, DatabaseInfo, IdentityInfo, OpenInfo, PeerInfo, Status};
pub use pin::OPEN_WAIT;
pub use readiness::{Obstacle, Readiness};
pub use registry::{Registered, Registry, Role, Standing, State};
pub use upkeep::{DatabaseVerify, ResyncReport, Unavailable, VerifyFailure};
