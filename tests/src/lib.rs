//! Whole-system tests of PaperClip: what they stand on.
//!
//! * [`Node`]: one real `paperclip-node` process with its own data directory, and a typed client of its HTTP API
//! * [`Cluster`]: several nodes of one cluster identity
//! * [`JsPeer`]: one real JavaScript OrbitDB 4.0.0 peer (`tests/js/peer.mjs`)
//! * [`S3Server`]: a server that speaks S3 (`tests/backups/`)
//! * [`Browser`]: the app of `docs/cookbook/browsers.md` in a real Chromium
//! * [`eventually`]: waits for a condition with a deadline, and says what it saw last when it never came
//!
//! The harness blocks: a test that does two things at once uses threads, and reads from top to bottom.

mod agree;
mod backups;
mod cluster;
mod error;
mod eventually;
mod js;
mod link;
mod lockfile;
mod node;
mod ports;
mod random;
mod values;

pub use agree::{js_agrees, nodes_agree};
pub use backups::{S3Server, read_car};
pub use cluster::{Cluster, ClusterIdentity};
pub use error::{HarnessError, Result};
pub use eventually::{ensure, ensure_eq, eventually, not_yet};
pub use js::{
    Browser, CallId, Clock, Crafted, Entry, Flood, HeadsReply, Identity, JsOptions, JsPeer, Measured,
    OpenDatabase, PrivateKeys, Release, Row, Shown, Storage, Transport,
};
pub use link::Link;
pub use node::{
    Api, Changes, CliOutput, Database, EventRow, KeyRow, Metrics, Node, NodeOptions, Problem, Reply, cli,
    cli_with, node_binary,
};
pub use random::seeded;
pub use values::{from_typed, to_typed};

use std::time::Duration;

/// How long anything that involves one network exchange may take before a test calls it broken.
///
/// Generous, because two cores may run several peers at once; a healthy run needs a fraction of it.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A fresh folder for one test, removed afterwards; `PAPERCLIP_TESTS_KEEP=1` leaves it for a look.
///
/// # Errors
/// No room for it.
pub fn folder() -> Result<tempfile::TempDir> {
    let mut folder = tempfile::Builder::new()
        .prefix("paperclip-test-")
        .tempdir()
        .map_err(error::io("making a folder for a test"))?;
    folder.disable_cleanup(std::env::var_os("PAPERCLIP_TESTS_KEEP").is_some());
    Ok(folder)
}

/// What a thread came to; its panic is the caller's.
pub fn joined<T>(handle: std::thread::ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
