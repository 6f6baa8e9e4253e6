//! Limits of requests, on either side.

use std::time::Duration;

/// How long a node takes at most until its answer begins.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a resync or a verification may take.
pub const SLOW_REQUEST_TIMEOUT: Duration = Duration::from_secs(1800);

/// How long a restore may take, with its upload.
pub const RESTORE_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer may take: a little longer than the node takes to give up.
pub const ANSWER_TIMEOUT: Duration = REQUEST_TIMEOUT.saturating_add(Duration::from_secs(10));

/// The same for a resync or a verification.
pub const SLOW_ANSWER_TIMEOUT: Duration = SLOW_REQUEST_TIMEOUT.saturating_add(Duration::from_secs(10));

/// The largest answer taken, in bytes: several times the node's largest page.
pub const MAX_ANSWER_BYTES: u64 = 256 << 20;

/// How deep an answer may nest: values as deep as a block may hold them, with what listings and notation put around.
pub const MAX_ANSWER_DEPTH: usize = 4 * oplog::cbor::MAX_DEPTH;

/// Connections kept open for later requests.
pub const MAX_IDLE_CONNECTIONS: usize = 32;
