//! The exchange of heads between two replicas of a database (wire document, sections 9 and 10).
//!
//! Both sides send their heads, close, and read until the other closes. There is no framing: a JavaScript reader takes one
//! yamux data frame for one head, and what comes before its listener is attached for one head altogether. Hence the care
//! about who writes when, and one write for each head.

mod pace;
mod schedule;
mod wire;

pub use pace::{MAX_EXCHANGES_PER_PEER, Pace};
pub use schedule::{Outcome, Schedule};
pub use wire::{ExchangeError, Exchanged, MAX_HEADS, MAX_STREAM_BYTES, Role, exchange};

use libp2p::StreamProtocol;
use oplog::Address;

/// The protocol under which heads of one database are exchanged: `/orbitdb/heads` and the address.
pub fn protocol(address: &Address) -> Option<StreamProtocol> {
    StreamProtocol::try_from_owned(format!("/orbitdb/heads{address}")).ok()
}
