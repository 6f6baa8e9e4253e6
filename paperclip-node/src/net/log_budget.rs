//! A budget of log lines about things that others can make happen as often as they like. Pure.

use std::time::{Duration, Instant};

/// Lines that may come at once.
const BURST: u32 = 32;

/// How long until there is one more.
const ONE_MORE_AFTER: Duration = Duration::from_secs(1);

/// How many lines may be logged yet.
#[derive(Debug)]
pub(super) struct LogBudget {
    left: u32,
    /// Up to when `left` has been reckoned.
    since: Instant,
    withheld: u64,
}

impl LogBudget {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: BURST, since: now, withheld: 0 }
    }

    /// Takes one line, if there is one left: how many were withheld before it.
    pub(super) fn take(&mut self, now: Instant) -> Option<u64> {
        let more = now.saturating_duration_since(self.since).as_secs() / ONE_MORE_AFTER.as_secs();
        if more > 0 {
            self.left = self.left.saturating_add(u32::try_from(more).unwrap_or(BURST)).min(BURST);
            self.since = now;
        }
        if self.left == 0 {
            self.withheld += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.withheld))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_to_a_line_a_second_and_what_was_withheld_is_told() {
        let start = Instant::now();
        let mut budget = LogBudget::new(start);
        let flood = |budget: &mut LogBudget, now| (0..1_000).filter(|_| budget.take(now).is_some()).count();
        assert_eq!(flood(&mut budget, start), BURST as usize);
        assert_eq!(budget.take(start + Duration::from_secs(1)), Some(1_000 - u64::from(BURST)));
        assert_eq!(flood(&mut budget, start + Duration::from_secs(4)), 3);
        assert_eq!(flood(&mut budget, start + Duration::from_secs(4_000)), BURST as usize);
    }
}
