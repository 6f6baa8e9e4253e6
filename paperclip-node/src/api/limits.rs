//! What clients may take of the API at most, all together.

use std::time::Duration;

/// Connections open at once. A further one takes the place of the one that has kept the node waiting longest. With as many
/// descriptors for peers and files, a process stays below the 1,024 that it commonly may have.
pub const MAX_CONNECTIONS: usize = 256;

/// Connections beyond [`MAX_CONNECTIONS`] that are answered on the paths that monitoring asks, and nowhere else.
pub const MAX_RESERVED_CONNECTIONS: usize = 16;

/// How long a client may let the node wait, while others have no place, before it can lose its own.
const GRACE: Duration = Duration::from_secs(1);

/// How long a client may take to send the head of a request, counted from its first byte or from the connection's start.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may stay idle between two requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a client may take for each 16 KiB of a body.
const BODY_STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Memory for bodies that are being read, in KiB, all requests together. It is taken as bytes arrive; who finds none left
/// waits.
const MAX_BODY_MEMORY_KIB: u32 = 64 * 1024;

/// The bounds of one API. By default those of `docs/reference/limits.md`.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections.
    pub connections: usize,
    /// Connections for monitoring alone, beyond the others.
    pub reserved: usize,
    /// For a client that others wait for.
    pub grace: Duration,
    /// For the head of a request.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// For a body.
    pub body: Duration,
    /// For each 16 KiB of a body.
    pub body_stall: Duration,
    /// For bodies being read, in KiB.
    pub body_memory_kib: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: MAX_CONNECTIONS,
            reserved: MAX_RESERVED_CONNECTIONS,
            grace: GRACE,
            head: HEAD_TIMEOUT,
            idle: IDLE_TIMEOUT,
            body: BODY_TIMEOUT,
            body_stall: BODY_STALL_TIMEOUT,
            body_memory_kib: MAX_BODY_MEMORY_KIB,
        }
    }
}
