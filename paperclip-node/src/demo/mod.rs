//! `demo`: several real nodes on this machine that converge, for a person to watch or a program to drive.
//!
//! The last node reaches the others only through relays of the demo's own. They are cut while all nodes write at once, and
//! mended afterwards, so what is seen is what a network fault does: each side goes on, and both agree when it is over.

mod display;
mod process;
mod relay;
mod scenario;

use crate::identity::KeyFileError;
use clap::Args;
use display::Display;
use paperclip_client::ClientError;
use scenario::Demo;
use std::{io, time::Duration};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// How long any one step may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(STEP_SECONDS);
const STEP_SECONDS: u64 = 120;

/// How often the nodes are looked at while something is waited for.
const POLL: Duration = Duration::from_millis(25);

/// The name of the database.
const DATABASE: &str = "demo";

/// What `demo` can be told.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Number of nodes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(2..=9))]
    nodes: u64,
    /// Total number of entries to write
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    entries: u64,
    /// Keep the nodes running until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Print one JSON document per node, as soon as it is up; progress goes to standard error
    #[arg(long)]
    json: bool,
}

/// Why the demonstration failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Files, processes or sockets of this machine.
    #[error("{action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The cluster's key could not be made.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A node did not do what it was asked.
    #[error("node {node}: {source}")]
    Node {
        /// Which.
        node: usize,
        /// Why.
        source: ClientError,
    },
    /// A node ended by itself.
    #[error("node {node} ended ({status}); it logged last:\n{log}")]
    Ended {
        /// Which.
        node: usize,
        /// How.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// Something did not happen in time.
    #[error("{0}: not within {STEP_SECONDS} s")]
    Timeout(&'static str),
    /// Equal digests with different content: a fault in PaperClip.
    #[error("the heads agree and the content does not")]
    Content,
    /// Ctrl-C.
    #[error("interrupted; the nodes are stopped and their data is removed")]
    Interrupted,
}

fn system(action: &'static str) -> impl FnOnce(io::Error) -> DemoError {
    move |source| DemoError::System { action, source }
}

/// Runs the demonstration.
///
/// # Errors
/// [`DemoError`]; whatever was started is stopped, and its data removed, all the same.
pub fn run(args: &DemoArgs) -> Result<(), DemoError> {
    let runtime = Runtime::new().map_err(system("starting threads"))?;
    let interrupted = CancellationToken::new();
    runtime.spawn(watch_signals(interrupted.clone()));
    let home =
        tempfile::Builder::new().prefix("paperclip-demo-").tempdir().map_err(system("making a folder"))?;
    let mut display = Display::new(args.json);
    let shown = Demo::start(args, home.path(), &runtime, &interrupted, &mut display).and_then(|mut demo| {
        let shown = demo.show(&mut display).and_then(|()| demo.keep(args.keep, &mut display));
        let stopped = demo.stop(&mut display);
        shown.and(stopped)
    });
    runtime.shutdown_background();
    shown.and(home.close().map_err(system("removing the data")))
}

async fn watch_signals(interrupted: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    interrupted.cancel();
}
