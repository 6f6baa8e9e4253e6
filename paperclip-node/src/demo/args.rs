//! Arguments of `demo`.

use clap::Args;

/// What `demo` can be told.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// Number of nodes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(2..=9))]
    pub(super) nodes: u64,
    /// Total number of entries to write
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(super) entries: u64,
    /// Keep the nodes running until Ctrl-C
    #[arg(long)]
    pub(super) keep: bool,
    /// Print one JSON document per node, as soon as it is up; progress goes to standard error
    #[arg(long)]
    pub(super) json: bool,
}
