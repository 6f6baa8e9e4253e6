//! A negotiated stream that keeps its place in the bounds.

use super::slots::Slot;
use crate::guarded_stream::GuardedStream;

/// A stream to a peer. It counts against the bounds of its connection and protocol until it is dropped. Dropping it
/// without closing it resets it.
pub type Stream = GuardedStream<libp2p::Stream, Slot>;
