//! Telling the log and the service manager (`sd_notify(3)`) when the node is ready and when it stops.

use crate::node::{Node, Readiness};
use sd_notify::NotifyState;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// How often a node that has started looks whether it is ready.
const POLL: Duration = Duration::from_millis(50);

/// How often a node that is not ready says why.
const REMINDER: Duration = Duration::from_secs(15);

/// How much longer the service manager is asked to wait for a node that is not ready: one without a certificate waits for a
/// person.
const EXTENSION: Duration = Duration::from_secs(60);

/// Returns when the node is ready, and has said so.
pub(super) async fn ready(node: &Node, api: SocketAddr) {
    let mut reminded: Option<Instant> = None;
    let started = Instant::now();
    while let Readiness::NotReady(obstacles) = node.ready() {
        if reminded.is_none_or(|last| last.elapsed() >= REMINDER) {
            let problems: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
            let problems = problems.join("; ");
            if reminded.is_some() || started.elapsed() >= REMINDER {
                tracing::info!(api = %format_args!("http://{api}"), problems, "not ready yet");
            }
            let extension = u32::try_from(EXTENSION.as_micros()).unwrap_or(u32::MAX);
            tell(&[NotifyState::Status(&problems), NotifyState::ExtendTimeoutUsec(extension)]);
            reminded = Some(Instant::now());
        }
        tokio::time::sleep(POLL).await;
    }
    tracing::info!(api = %format_args!("http://{api}"), peer = %node.status().peer_id, "ready");
    tell(&[NotifyState::Ready, NotifyState::Status("ready")]);
}

/// The node takes no more requests.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells the service manager, if one wants to know. A manager that cannot be told is logged, nothing more: the service works
/// all the same.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}
