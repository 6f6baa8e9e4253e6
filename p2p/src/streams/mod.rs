//! Plain streams: open one to a connected peer under a protocol's name, accept those that peers open.
//!
//! `libp2p-stream` has this shape too, but hands inbound streams over through a queue of capacity 0 and drops the
//! ones that find nobody waiting; of 80 concurrent JavaScript streams it lost 48. Here every accepted protocol has a
//! queue of its own with a capacity that its owner names, and what is refused is counted.
//!
//! * [`Behaviour`] goes into the swarm, [`Control`] to everybody who needs streams.
//! * [`Control::accept`] takes effect at once, on existing connections too: when it returns, a peer that asks for
//!   the protocol is answered. Dropping the [`Incoming`] ends that as promptly.
//! * A protocol is [`Visibility::Advertised`] or [`Visibility::Hidden`]: [`crate::identify`] lists only the first
//!   kind. Heads protocols are hidden (one per database, 76 bytes each: some 50 of them pass the 4 KiB that Rust
//!   peers read, 100 the 8 KiB of JavaScript); JavaScript dials them without looking. The swarm is not told
//!   of them either: [`crate::muxer`] looks them up when a peer asks for one, so their number costs nothing.
//!
//! # Keeping connections
//!
//! A connection with an open stream stays. An *idle* one is closed by the swarm after its
//! `idle_connection_timeout`, 10 s unless set; this module has no opinion on that. A node that wants to keep its
//! peers must set it: `.with_swarm_config(|c| c.with_idle_connection_timeout(Duration::MAX))`.
//!
//! # Bounds
//!
//! | what | bound | beyond it |
//! | --- | --- | --- |
//! | queued inbound streams of a protocol | the `capacity` given to [`Control::accept`] | reset, [`Stats::refused_queue_full`] |
//! | live inbound streams per connection and protocol | [`MAX_INBOUND_STREAMS`] | reset, [`Stats::refused_peer_limit`] |
//! | live outbound streams per connection and protocol | [`MAX_OUTBOUND_STREAMS`] | [`OpenError::TooMany`] |
//! | opens under way per peer | [`MAX_PENDING_OPENS`] | [`OpenError::TooMany`] |
//! | opens on their way to the swarm | [`OPEN_QUEUE`] | [`Control::open`] waits |
//! | negotiation of a protocol | [`NEGOTIATION_TIMEOUT`] | [`OpenError::Timeout`] |
//!
//! Inbound streams that are being negotiated are bounded by the swarm (`max_negotiating_inbound_streams`, 128
//! unless set) and, behind it, by [`crate::muxer::INBOUND_BACKLOG`].

mod accepted;
mod behaviour;
mod control;
mod handler;
mod registry;
mod slots;
mod stats;
mod stream;

use std::time::Duration;

pub(crate) use accepted::{Accepted, STAND_IN, name_frame};
pub use behaviour::Behaviour;
pub use control::{Control, Incoming, OpenError};
pub(crate) use registry::HiddenNames;
pub use registry::{AlreadyAccepting, Visibility};
pub use stats::Stats;
pub use stream::Stream;

/// Live inbound streams that one connection may hold per protocol; JavaScript's own number (wire document,
/// section 9).
pub const MAX_INBOUND_STREAMS: usize = 32;

/// Live outbound streams per connection and protocol. JavaScript resets the 33rd, and it counts a stream for longer
/// than we do (until both sides have closed), so we stay at half of that.
pub const MAX_OUTBOUND_STREAMS: usize = 16;

/// Opens that may be under way to one peer, over all protocols: a node with hundreds of databases exchanges all
/// their heads when a peer appears.
pub const MAX_PENDING_OPENS: usize = 512;

/// Opens that wait for the swarm to take notice of them.
pub const OPEN_QUEUE: usize = 256;

/// For opening a stream and agreeing on the protocol, the same as JavaScript's (wire document, section 14).
pub const NEGOTIATION_TIMEOUT: Duration = Duration::from_secs(10);
