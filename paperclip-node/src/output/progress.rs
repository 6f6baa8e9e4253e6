//! Progress on standard error, where that is a terminal; nothing is drawn elsewhere.

use crate::printable::printable;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// How often a bar moves while nothing is heard.
const TICK: Duration = Duration::from_millis(120);

/// Work that takes a while. What was drawn is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Work on `of` things one after another.
    pub(crate) fn over(what: &'static str, of: usize) -> Self {
        let bar = ProgressBar::new(of as u64).with_prefix(what);
        Self::start(bar, "{prefix} [{bar:30}] {pos}/{len} {elapsed} {wide_msg}")
    }

    /// A wait for something that has no measure.
    pub(crate) fn waiting(for_what: &str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(printable(for_what).into_owned());
        Self::start(bar, "{spinner} {elapsed} {wide_msg}")
    }

    fn start(bar: ProgressBar, template: &str) -> Self {
        // The templates are ours, and a test draws them; the library's default would do as well.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// What is worked on now.
    pub(crate) fn at(&self, name: &str) {
        self.0.set_message(printable(name).into_owned());
    }

    /// One thing more is done.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
