//! Policy: what the manager may do unasked, and when.

use alm_interface::window::Window;

/// How long whoever is asked has to begin, in seconds.
pub const BEGIN_SECONDS: u64 = 3600;
/// Nothing is asked for when the window closes sooner than that, in seconds: the other side's next hook may come later.
const LEAST_SECONDS: u64 = 600;

/// What the operator allows and wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How many units of an application may be down at once for maintenance, at least 1.
    pub max_unavailable: u32,
    /// When something may be begun unasked; at any time without it.
    pub window: Option<Window>,
    /// Whether units that stay out of step are asked to resync.
    pub auto_resync: bool,
    /// Backups, if there are to be any.
    pub backups: Option<Backups>,
    /// How many seconds an API token may be used before it is replaced.
    pub token_seconds: Option<u64>,
    /// Whether refreshes wait for our verdict on each turn.
    pub gate: bool,
}

/// When backups are made, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backups {
    /// Seconds from one to the next.
    pub every: u64,
    /// How many are kept.
    pub keep: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_unavailable: 1,
            window: None,
            auto_resync: true,
            backups: None,
            token_seconds: None,
            gate: true,
        }
    }
}

impl Policy {
    /// Within how many seconds something must begin that is asked for at a time, in seconds since 1970; nothing when the window
    /// is closed or about to close.
    #[must_use]
    pub fn within(&self, now: u64) -> Option<u64> {
        let left = self.window.map_or(Some(BEGIN_SECONDS), |window| window.seconds_left(now))?;
        (left >= LEAST_SECONDS).then_some(left.min(BEGIN_SECONDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_asked_for_that_could_begin_after_the_window() {
        // 25 November 2026, 00:00 UTC.
        let midnight = 1_795_564_800;
        let policy = Policy { window: "02:00-04:00".parse().ok(), ..Policy::default() };
        let at = |hour: u64, minute: u64| policy.within(midnight + hour * 3600 + minute * 60);
        assert_eq!(at(1, 59), None);
        assert_eq!(at(2, 0), Some(BEGIN_SECONDS));
        assert_eq!(at(3, 30), Some(1800));
        assert_eq!(at(3, 51), None);
        assert_eq!(Policy::default().within(0), Some(BEGIN_SECONDS));
    }
}
