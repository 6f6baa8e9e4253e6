//! A real `paperclip-node` process, its command line and its HTTP API.

mod api;
mod binary;
mod changes;
mod metrics;
mod process;

pub use api::{Api, Database};
pub use binary::{CliOutput, cli, cli_with, node_binary};
pub use changes::Changes;
pub use metrics::Metrics;
pub use paperclip_client::shape::{Event as EventRow, Row as KeyRow};
pub use paperclip_client::{Reply, problem::Problem};
pub(crate) use process::log_tail;
pub use process::{Node, NodeOptions};
