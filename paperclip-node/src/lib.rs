//! The PaperClip node: a full OrbitDB replica with its own store, network, HTTP API and command line.
pub mod config;
pub mod identity;
pub mod logging;
pub mod net;
pub mod metrics;
pub mod database;
pub mod node;
pub mod serve;
pub mod store;
pub mod api;
pub mod cli;
pub mod demo;
