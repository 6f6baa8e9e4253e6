//! Room on the disk that holds the node's data, for the metrics.

use crate::metrics::{DiskFigures, Metrics};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How old a figure may be.
const INTERVAL: Duration = Duration::from_secs(5);

/// Asks the file system now and then. It has a task of its own: a disk that is about to fail may take long to answer, and
/// other figures tell more of it then.
pub(super) struct Disk {
    pub(super) data_dir: PathBuf,
    pub(super) metrics: Arc<Metrics>,
}

impl Disk {
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = interval.tick() => {}
            }
            let data_dir = self.data_dir.clone();
            let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&data_dir));
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = asked => answer,
            };
            match answer {
                Ok(Ok(disk)) => self.metrics.set_disk(DiskFigures {
                    bytes: disk.f_blocks.saturating_mul(disk.f_frsize),
                    free: disk.f_bavail.saturating_mul(disk.f_frsize),
                }),
                Ok(Err(error)) => tracing::debug!(%error, "the file system does not tell its size"),
                // The runtime is going.
                Err(_) => return,
            }
        }
    }
}
