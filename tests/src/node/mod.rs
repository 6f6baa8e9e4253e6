//! A real `paperclip-node` process, its command line and its HTTP API.

mod api;
mod binary;
mod changes;
mod metrics;
mod process;

pub use api::{Api, Database, EventRow, KeyRow, Listed, Reply};
pub use binary::{CliOutput, cli, node_binary};
pub use changes::Changes;
pub use metrics::Metrics;
pub(crate) use process::log_tail;
pub use process::{Node, NodeOptions};
