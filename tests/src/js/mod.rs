//! A real JavaScript OrbitDB peer in a process of its own.

mod commands;
mod install;
mod process;

pub use commands::{Clock, Crafted, Entry, Flood, HeadsReply, Measured, OpenDatabase, PrivateKeys, Row};
pub use process::{CallId, Identity, JsPeer, Storage};
