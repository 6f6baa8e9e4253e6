//! The PaperClip node: a full OrbitDB replica with its own store, network, HTTP API and command line.
pub mod api;
pub mod backup;
mod cli;
pub mod config;
pub mod database;
mod demo;
mod identity;
mod logging;
pub mod metrics;
pub mod net;
pub mod node;
mod output;
mod printable;
mod serve;
mod timer;

pub use cli::main;
pub use identity::create_key;
