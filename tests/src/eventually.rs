//! Waiting for a condition, with a deadline and a last sight of it.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use crate::{HarnessError, Result};

/// How long to rest between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// Looks again and again until `probe` succeeds, for at most `deadline`.
///
/// # Errors
/// [`HarnessError::Eventually`] with the last failure, when the deadline passes.
pub fn eventually<T>(deadline: Duration, what: &str, mut probe: impl FnMut() -> Result<T>) -> Result<T> {
    let until = Instant::now() + deadline;
    loop {
        match probe() {
            Ok(value) => return Ok(value),
            Err(last) if Instant::now() >= until => {
                return Err(HarnessError::Eventually {
                    what: what.to_owned(),
                    deadline,
                    last: Box::new(last),
                });
            }
            Err(_) => std::thread::sleep(LOOK_AGAIN),
        }
    }
}

/// A condition that does not hold, with what was seen instead.
///
/// # Errors
/// Always: that is what it is for.
pub fn not_yet<T>(seen: impl Into<String>) -> Result<T> {
    Err(HarnessError::NotYet(seen.into()))
}

/// Succeeds when `holds`; otherwise fails with what was seen.
///
/// # Errors
/// [`HarnessError::NotYet`] when it does not hold.
pub fn ensure(holds: bool, seen: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { not_yet(seen()) }
}

/// Succeeds when both are equal; otherwise fails with both.
///
/// # Errors
/// [`HarnessError::NotYet`] when they differ.
pub fn ensure_eq<T: PartialEq + Debug>(left: &T, right: &T) -> Result<()> {
    ensure(left == right, || format!("{left:?}\n  is not {right:?}"))
}
