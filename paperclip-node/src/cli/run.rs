//! `run`: the node itself, from its configuration to its end.

use super::{
    ConfigFlags,
    greeting::Greeting,
    notify,
    reload::{Hangup, Reload},
};
use crate::{
    api::{Api, BindError, Guard, Limits, Monitoring, Server, Token, TokenError},
    config::Config,
    logging::{self, LoggingError},
    metrics::{Metrics, MetricsError},
    node::{Node, StartError},
};
use std::{io, time::Duration};
use store::StoreError;
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// How long a node may take to finish what it accepted.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// Of these, how long answers under way may take.
const ANSWERS_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a node does not run, or did not end well.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    /// The API's token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The API's address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The node does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Logging does not start.
    #[error(transparent)]
    Logging(#[from] LoggingError),
    /// A metric is malformed.
    #[error("metrics: {0}")]
    Metrics(#[from] MetricsError),
    /// The operating system refuses threads or signals.
    #[error("{0}")]
    System(#[from] io::Error),
    /// The last flush failed.
    #[error("the node stopped, but what it wrote last may not be on disk: {0}")]
    Flush(#[from] StoreError),
    /// The end took too long, or was cut short by a second signal.
    #[error("the node was stopped before it had finished; acknowledged writes are on disk")]
    CutShort,
}

/// Runs a node until a signal ends it.
pub(super) fn run(config: Config, flags: &ConfigFlags) -> Result<(), RunError> {
    logging::start(&config.log_level, config.log_format)?;
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(serve(config, flags));
    // Threads that are still busy after a shutdown that was cut short end with the process.
    runtime.shutdown_background();
    ended
}

async fn serve(config: Config, flags: &ConfigFlags) -> Result<(), RunError> {
    let mut signals = Signals::listen()?;
    let hangup = Hangup::listen(flags)?;
    let token = config.api_token_file.as_deref().map(Token::read).transpose()?;
    // What can fail for somebody else's doing comes before anything is opened.
    let server = Server::bind(config.api).await?;
    let address = server.local_addr()?;
    let metrics = Metrics::new()?;
    let greeting = Greeting::before(&config);
    let node = tokio::select! {
        node = Node::start(&config, metrics.clone()) => node?,
        () = signals.next() => return Ok(()),
    };
    let stop = CancellationToken::new();
    let guard = Guard { token, metrics_open: config.metrics_open };
    let api = Api::new(
        node.clone(),
        metrics.clone(),
        guard,
        config.max_entry_bytes,
        Limits::default(),
        stop.clone(),
    );
    let reload = Reload { flags, running: config, metrics, monitoring: Monitoring::new(api.clone()) };
    let serving = tokio::spawn(server.serve(api));
    greeting.after(&node, address);
    let told = async {
        notify::ready(&node, address).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = told => {}
        () = reload.run(hangup) => {}
        () = signals.next() => {}
    }
    notify::stopping();
    tracing::info!("stopping: no more requests are accepted");
    stop.cancel();
    tokio::select! {
        ended = finish(serving, &node) => ended,
        () = tokio::time::sleep(SHUTDOWN_TIMEOUT) => Err(RunError::CutShort),
        () = signals.next() => Err(RunError::CutShort),
    }
}

/// Lets answers under way end, then the node.
async fn finish(serving: tokio::task::JoinHandle<()>, node: &Node) -> Result<(), RunError> {
    if tokio::time::timeout(ANSWERS_TIMEOUT, serving).await.is_err() {
        tracing::warn!("some clients did not take their answers in time");
    }
    node.shutdown().await?;
    tracing::info!("stopped");
    Ok(())
}

/// The signals that end a node.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of them.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
