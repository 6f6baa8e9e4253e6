//! Real JavaScript in processes of its own: an OrbitDB peer, and a browser with an app.

mod browser;
mod commands;
mod install;
mod lines;
mod process;
mod release;

pub use browser::{Browser, Shown};
pub use commands::{Clock, Crafted, Entry, Flood, HeadsReply, Measured, OpenDatabase, PrivateKeys, Row};
pub use lines::CallId;
pub use process::{Identity, JsOptions, JsPeer, Storage, Transport};
pub use release::Release;

pub(crate) use install::{packages, runtime};
