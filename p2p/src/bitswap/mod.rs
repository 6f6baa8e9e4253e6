//! Bitswap 1.2.0, client and server: blocks fetched from peers and served to them.
//!
//! Made for the JavaScript implementation at the other end (`@helia/bitswap`), whose behaviour is in the wire
//! document, section 12, and for databases whose logs are walked block by block:
//!
//! * a want leaves at once if nothing is under way to the peer, else with the next message;
//! * a want that we cannot serve is remembered until the peer leaves or cancels, and served unasked when the block
//!   arrives ([`Handle::stored`]): JavaScript asks once;
//! * every message has a stream of its own; answers are about 1 MiB each and never above 4 MiB;
//! * peers take turns; nobody's wants, messages or slowness take more than a bounded share (see [`limits`]);
//! * a block reaches a [`Session`] only under the CID that its bytes hash to.
//!
//! What is in the [`BlockSource`] is served to everybody who asks.
//!
//! ```no_run
//! # use bytes::Bytes;
//! # use cid::Cid;
//! # use p2p::{bitswap, streams};
//! # struct Store;
//! # impl bitswap::BlockSource for Store {
//! #     type Error = std::convert::Infallible;
//! #     fn get(&self, _: &Cid) -> Result<Option<Bytes>, Self::Error> { Ok(None) }
//! # }
//! # async fn example(streams: streams::Behaviour, head: Cid, peer: libp2p::PeerId)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let (exchange, driver) = bitswap::new(streams.control(), Store)?;
//! tokio::spawn(driver.run());
//!
//! // In the loop that runs the swarm: when identify lists `bitswap::PROTOCOL`, and when a peer's last connection ends.
//! exchange.peer_ready(peer).await?;
//!
//! // In a database: the peer that offered the head is asked first.
//! let mut session = exchange.session().await?;
//! session.want([head], Some(peer))?;
//! while let Some(block) = session.recv().await {
//!     // Check it, store it, want what it refers to; then serve it to those who asked for it.
//!     exchange.stored(vec![block.cid]).await?;
//! }
//! # Ok(()) }
//! ```
//!
//! | file | concept |
//! | --- | --- |
//! | `engine` | all decisions, as a pure state machine |
//! | `message`, `wire` | messages, and their way over streams |
//! | `driver`, `reading`, `command`, `recipient` | the asynchronous part around the engine |
//! | `handle`, `session` | what a program holds |
//! | `source` | where served blocks come from |
//! | `limits` | every bound |

pub mod limits;
pub mod message;

mod command;
mod driver;
mod engine;
mod handle;
mod reading;
mod recipient;
mod session;
mod source;
mod stats;
mod wire;

use tokio::sync::mpsc;

pub use driver::Driver;
pub use engine::Unmet;
pub use handle::{Ended, Handle};
pub use recipient::Received;
pub use session::{BacklogFull, Session};
pub use source::BlockSource;
pub use stats::Stats;
pub use wire::PROTOCOL;

use crate::streams::{AlreadyAccepting, Control, Visibility};

/// A block exchange over `control`'s streams that serves what is in `source`, and the driver that does its work.
///
/// # Errors
///
/// There is an exchange on these streams already.
pub fn new<S: BlockSource>(control: Control, source: S) -> Result<(Handle, Driver<S>), AlreadyAccepting> {
    let incoming = control.accept(PROTOCOL, limits::INBOUND_QUEUE, Visibility::Advertised)?;
    let (commands, inbox) = mpsc::channel(limits::COMMAND_QUEUE);
    Ok((Handle::new(commands), Driver::new(control, source, incoming, inbox)))
}
