//! Backups: databases as one CAR v1 file, written while they are written to, and checked before anything of it is taken in.
//!
//! What the file holds is `car`'s to say, what is to be backed up and how a database takes entries in is the node's. This is what
//! lies between: files of the disk, threads, and streams.
//!
//! | file | concept |
//! | --- | --- |
//! | `walk` | the entries of a log at one point in time, oldest first |
//! | `write` | a file of several logs |
//! | `check` | a file that came from outside, judged wholly |
//! | `spool` | what was judged, kept on disk until it is taken in |
//! | `error` | why there is none |
//! | `pipe` | bytes between a thread that blocks and a task that does not |

mod check;
mod error;
mod pipe;
mod spool;
mod walk;
mod write;

pub use check::{CheckError, Checked, check};
pub use error::BackupError;
pub use pipe::{PIPE_QUEUE, PipeReader, PipeWriter};
pub use spool::{Kind, Spool};
pub use write::{Logs, Source, write};
