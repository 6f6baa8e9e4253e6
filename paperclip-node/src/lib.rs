//! The PaperClip node: a full OrbitDB replica with its own store, network, HTTP API and command line.
pub mod config;
pub mod identity;
pub mod logging;
