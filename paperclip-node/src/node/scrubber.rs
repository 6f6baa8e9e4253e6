//! The scrub: every block is read and checked, over and over, slowly enough to disturb nobody.
//!
//! Where it stands follows from the time of day alone, so a restart goes on where the node stopped, and nothing is stored.

use crate::metrics::Metrics;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

/// How often the scrub goes on, at most: larger steps would read much at a time.
const STEP: Duration = Duration::from_secs(10);

/// Steps of a pass, at least.
const STEPS: u32 = 1024;

/// The largest part of a pass that is made up for at once. After a longer pause, as when a laptop slept or the clock was
/// set, the scrub goes on from where it should be now.
const MAX_STRIDE: u64 = u64::MAX / 64;

/// Scrubs the store.
pub(super) struct Scrubber {
    pub(super) store: Store,
    pub(super) metrics: Arc<Metrics>,
    /// How long a pass takes.
    pub(super) pass: Duration,
}

impl Scrubber {
    /// Scrubs until the node stops.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut steps = tokio::time::interval(STEP.min(self.pass / STEPS).max(Duration::from_millis(1)));
        steps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut at = position(now(), self.pass);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = steps.tick() => {}
            }
            let to = position(now(), self.pass);
            let parts = parts(at, to);
            at = to;
            let store = self.store.clone();
            let scrub = move || {
                let mut blocks = 0;
                for (from, to) in parts {
                    blocks += store.scrub(from, to)?.blocks;
                }
                Ok::<_, StoreError>(blocks)
            };
            match tokio::task::spawn_blocking(scrub).await {
                #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
                Ok(Ok(blocks)) => self.metrics.scrubbed(blocks, to as f64 / u64::MAX as f64),
                Ok(Err(error)) => tracing::error!(%error, "the scrub cannot read the store"),
                Err(_) => return,
            }
        }
    }
}

/// Time since 1970. A clock before that stands still.
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Where in the space of digests, by their first eight bytes, the scrub stands at a time.
fn position(now: Duration, pass: Duration) -> u64 {
    let pass = pass.as_nanos().max(1);
    let within = now.as_nanos() % pass;
    // A pass of at most years leaves room for the shift, and the quotient is below 2^64.
    u64::try_from((within << 64) / pass).unwrap_or(u64::MAX)
}

/// What to read on the way from one position to another: nothing after a leap, two parts when a pass ends in between.
fn parts(from: u64, to: u64) -> Vec<(u64, u64)> {
    let stride = to.wrapping_sub(from);
    match to.checked_sub(1) {
        _ if stride == 0 || stride > MAX_STRIDE => Vec::new(),
        Some(last) if from <= last => vec![(from, last)],
        Some(last) => vec![(from, u64::MAX), (0, last)],
        None => vec![(from, u64::MAX)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASS: Duration = Duration::from_secs(1000);

    #[test]
    fn a_pass_reads_everything_once() {
        let start = Duration::from_secs(1_700_000_123);
        let mut at = position(start, PASS);
        let mut read = Vec::new();
        for step in 1..=200 {
            let to = position(start + PASS * step / 200, PASS);
            read.extend(parts(at, to));
            at = to;
        }
        read.sort_unstable();
        assert_eq!((read[0].0, read[read.len() - 1].1), (0, u64::MAX));
        assert!(read.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "no gap and no overlap: {read:?}");
    }

    #[test]
    fn a_clock_that_leaps_makes_nothing_up() {
        let at = |seconds| position(Duration::from_secs(seconds), PASS);
        assert!(parts(at(100), at(400)).is_empty(), "forward");
        assert!(parts(at(400), at(100)).is_empty(), "back");
        assert!(parts(at(100), at(100)).is_empty());
        assert_eq!(parts(at(999), at(1001)), [(at(999), u64::MAX), (0, at(1) - 1)], "over the end of a pass");
        assert_eq!(parts(at(999), at(1000)), [(at(999), u64::MAX)]);
    }
}
