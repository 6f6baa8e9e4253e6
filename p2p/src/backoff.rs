//! Back-off: pauses that grow from one failed attempt to the next. Pure: jitter is given.

use std::time::Duration;

/// How often a pause doubles at the most. Far beyond every bound in use; it keeps the factor within an integer.
const MAX_DOUBLINGS: u32 = 16;

/// The pauses between attempts, by their bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// `first` after the first failure, twice as long after each further one, never above `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The pause after a failure that `before` others in a row came before.
    pub fn pause(self, before: u32) -> Duration {
        self.first.saturating_mul(1 << before.min(MAX_DOUBLINGS)).min(self.longest)
    }
}

/// Spreads a pause from three to five quarters of its length, so that those who failed together do not return in step.
/// `jitter` is from 0 to 1.
pub fn spread(pause: Duration, jitter: f64) -> Duration {
    pause.mul_f64(0.75 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(3));
        let pauses: Vec<u128> = (0..6).map(|before| backoff.pause(before).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 3000, 3000]);
        assert_eq!(backoff.pause(u32::MAX), Duration::from_secs(3));
        let small = Backoff::new(Duration::from_secs(5), Duration::from_secs(1));
        assert_eq!(small.pause(0), Duration::from_secs(1), "the longest is a bound for the first too");
    }

    #[test]
    fn jitter_spreads_a_pause_over_half_its_length() {
        let pause = Duration::from_secs(4);
        let spread = [-1.0, 0.0, 0.5, 1.0, 7.0].map(|jitter| spread(pause, jitter).as_secs());
        assert_eq!(spread, [3, 3, 4, 5, 5]);
    }
}
