//! A conformance kit: what holds of every store, whatever engine keeps its index and whatever format its journal had.
//!
//! [`check_engine`] runs an engine alone, beside a sorted map. [`check_store`] runs a whole store beside
//! [`MemoryLog`](oplog::memory::MemoryLog), the reference: both are given the same commits, and after each step everything that can
//! be read is compared. An engine conforms when both pass over it; a change of format when a [`Place`] that migrates at each opening
//! passes the second.
//!
//! A check that fails is a panic. [`with_seeds`] prints the seed that leads there again.

#![expect(clippy::unwrap_used, reason = "a check that fails is a panic")]

mod engine;
mod replica;
mod steps;

pub use engine::check_engine;
pub use replica::{Place, Replica, identity, writer};
pub use steps::check_store;

use std::panic::{self, AssertUnwindSafe};

/// The environment variable that has [`with_seeds`] repeat one run.
pub const SEED: &str = "PAPERCLIP_SEED";

/// Runs something with so many seeds, from a random one on; or once, with that in [`SEED`].
#[expect(clippy::print_stderr, reason = "the seed, for whoever reads the failed test")]
pub fn with_seeds(runs: u64, run: impl Fn(u64)) {
    if let Some(seed) = std::env::var(SEED).ok().and_then(|text| text.parse().ok()) {
        return run(seed);
    }
    let first: u64 = rand::random();
    for seed in (0..runs).map(|number| first.wrapping_add(number)) {
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| run(seed))) {
            eprintln!("{SEED}={seed}");
            panic::resume_unwind(panic);
        }
    }
}
