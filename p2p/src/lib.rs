//! libp2p parts that an OrbitDB peer needs and that know nothing about databases.

pub mod bitswap;
pub mod identify;
pub mod muxer;
pub mod streams;

mod changes;
