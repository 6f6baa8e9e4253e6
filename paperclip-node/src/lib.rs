//! The PaperClip node: a full OrbitDB replica with its own store, network, HTTP API and command line.
pub mod api;
pub mod backup;
pub mod cli;
pub mod config;
pub mod database;
pub mod demo;
pub mod identity;
pub mod logging;
pub mod metrics;
pub mod net;
pub mod node;
mod output;
mod printable;
pub mod serve;
mod timer;
