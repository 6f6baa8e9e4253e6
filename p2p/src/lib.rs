//! The libp2p parts that an OrbitDB peer needs and that know nothing about databases.
//!
//! * [`muxer`]: yamux as JavaScript OrbitDB needs it;
//! * [`streams`]: plain streams, opened and accepted;
//! * [`identify`]: who peers are and what they speak;
//! * [`ping`]: answers to peers that ask whether we are alive;
//! * [`bitswap`]: blocks, fetched and served;
//! * [`backoff`]: growing pauses between attempts.
//!
//! "Wire document" in the texts of this crate is `orbitdb-wire.md`: what JavaScript OrbitDB 4.0.0 does on the
//! wire, and how that was found out.
//!
//! # A peer
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use cid::Cid;
//! use futures::StreamExt as _;
//! use libp2p::{noise, swarm::{NetworkBehaviour, SwarmEvent}, tcp};
//! use p2p::{bitswap, identify, muxer, ping, streams};
//!
//! /// Every block in here is served to everybody.
//! struct Store;
//!
//! impl bitswap::BlockSource for Store {
//!     type Error = std::io::Error;
//!
//!     fn get(&self, cid: &Cid) -> Result<Option<Bytes>, Self::Error> {
//!         match std::fs::read(format!("blocks/{cid}")) {
//!             Ok(bytes) => Ok(Some(bytes.into())),
//!             Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
//!             Err(error) => Err(error),
//!         }
//!     }
//! }
//!
//! #[derive(NetworkBehaviour)]
//! struct Behaviour {
//!     identify: identify::Behaviour,
//!     streams: streams::Behaviour,
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let streams = streams::Behaviour::default();
//! let control = streams.control();
//! let (exchange, driver) = bitswap::new(control.clone(), Store)?;
//! tokio::spawn(driver.run());
//! tokio::spawn(ping::Responder::new(&control)?.run());
//!
//! let muxer = || muxer::Config::new(&control);
//! let mut swarm = libp2p::SwarmBuilder::with_new_identity()
//!     .with_tokio()
//!     .with_tcp(tcp::Config::default(), noise::Config::new, muxer)?
//!     .with_dns()?
//!     .with_websocket(noise::Config::new, muxer)
//!     .await?
//!     .with_behaviour(|keypair| {
//!         let about = identify::Config {
//!             public_key: keypair.public(),
//!             protocol_version: "ipfs/0.1.0".into(),
//!             agent_version: "example/1".into(),
//!         };
//!         let identify = identify::Behaviour::new(about, control.clone());
//!         Behaviour { identify, streams }
//!     })?
//!     // Idle connections stay.
//!     .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::MAX))
//!     .build();
//! swarm.listen_on("/ip4/0.0.0.0/tcp/4747".parse()?)?;
//!
//! loop {
//!     match swarm.select_next_some().await {
//!         SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }))
//!             if info.protocols.contains(&bitswap::PROTOCOL) =>
//!         {
//!             exchange.peer_ready(peer_id).await?;
//!         }
//!         SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => exchange.peer_gone(peer_id).await?,
//!         _ => {}
//!     }
//! }
//! # }
//! ```

pub mod backoff;
pub mod bitswap;
pub mod identify;
pub mod muxer;
pub mod ping;
pub mod streams;

mod changes;
mod guarded_stream;
