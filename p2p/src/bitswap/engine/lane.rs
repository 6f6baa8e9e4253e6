//! Whether a message may be sent now.

use std::time::Duration;

use crate::{
    backoff::Backoff,
    bitswap::limits::{RESEND_AFTER, RESEND_AT_MOST},
};

/// Names one thing under way (a look-up, a message), so that a report about it is not taken for one about another
/// after a peer left and came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Job(pub(super) u64);

/// One of the two directions in which a peer is sent messages: our wants, and answers to its own. Each has at most
/// one message under way, so that small urgent wants never wait for large answers.
#[derive(Debug, Default)]
pub(super) struct Lane {
    job: Option<Job>,
    failures: u32,
    closed_until: Duration,
}

impl Lane {
    /// Whether something new may start.
    pub(super) fn is_open(&self, now: Duration) -> bool {
        !self.is_busy() && now >= self.closed_until
    }

    pub(super) fn is_busy(&self) -> bool {
        self.job.is_some()
    }

    /// Whether `job` is what is under way here.
    pub(super) fn does(&self, job: Job) -> bool {
        self.job == Some(job)
    }

    pub(super) fn occupy(&mut self, job: Job) {
        self.job = Some(job);
    }

    /// Nothing was to be sent after all.
    pub(super) fn release(&mut self) {
        self.job = None;
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Returns the failures in a row.
    pub(super) fn failed(&mut self, now: Duration) -> u32 {
        let pause = Backoff::new(RESEND_AFTER, RESEND_AT_MOST).pause(self.failures);
        self.job = None;
        self.failures = self.failures.saturating_add(1);
        self.closed_until = now + pause;
        self.failures
    }
}
