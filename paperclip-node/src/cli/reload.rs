//! The settings of monitoring while a node runs: addresses that cannot be had are tried again, and at SIGHUP the node takes
//! over what the configuration file says now.

use super::ConfigFlags;
use crate::{api::Monitoring, config::Config, metrics::Metrics};
use std::{future::pending, io, sync::Arc, time::Duration};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long until an address that could not be listened on is tried again: it may not be there yet, or another process may
/// have the port.
const RETRY: Duration = Duration::from_secs(5);

/// SIGHUP. Without a configuration file there is nothing to read again, and the signal ends the process as it always does.
pub(super) struct Hangup(Option<Signal>);

impl Hangup {
    pub(super) fn listen(flags: &ConfigFlags) -> io::Result<Self> {
        let signal = flags.file.is_some().then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self(signal))
    }

    async fn next(&mut self) {
        let received = match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        };
        if received.is_none() {
            pending().await
        }
    }
}

/// What can be taken over while the node runs.
pub(super) struct Reload<'a> {
    pub(super) flags: &'a ConfigFlags,
    /// What the node runs with.
    pub(super) running: Config,
    pub(super) metrics: Arc<Metrics>,
    pub(super) monitoring: Monitoring,
}

impl Reload<'_> {
    /// Takes over what the configuration says, at the start and at each signal, for ever.
    pub(super) async fn run(mut self, mut hangup: Hangup) {
        let mut complete = self.listen().await;
        loop {
            let retry = async {
                match complete {
                    true => pending().await,
                    false => tokio::time::sleep(RETRY).await,
                }
            };
            tokio::select! {
                () = hangup.next() => {
                    self.read();
                    complete = self.listen().await;
                }
                () = retry => complete = self.monitoring.listen(&self.running.metrics_listen).await.is_empty(),
            }
        }
    }

    /// Reads the configuration again. One with faults changes nothing.
    fn read(&mut self) {
        let config = match self.flags.load() {
            Ok(config) => config,
            Err(error) => return tracing::error!("the configuration is not taken over: {error}"),
        };
        self.running.planned_nodes = config.planned_nodes;
        self.running.metrics_listen.clone_from(&config.metrics_listen);
        if self.running == config {
            tracing::info!("the settings of monitoring are taken over");
        } else {
            tracing::warn!(
                "only the settings of monitoring are taken over; others have changed and need a restart"
            );
        }
    }

    /// Does as the settings say. Tells whether every address is listened on.
    async fn listen(&mut self) -> bool {
        self.metrics.set_planned_nodes(self.running.planned_nodes);
        let missing = self.monitoring.listen(&self.running.metrics_listen).await;
        for error in &missing {
            tracing::error!("{error}; tried again every {} s", RETRY.as_secs());
        }
        missing.is_empty()
    }
}
