//! Chance that can be played again.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// A generator seeded from `PAPERCLIP_SEED`, or anew; the seed is printed, so that a failure can be played again.
pub fn seeded() -> StdRng {
    let given = std::env::var("PAPERCLIP_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| rand::rng().random());
    #[expect(clippy::print_stdout, reason = "cargo shows it with a failing test")]
    {
        println!("PAPERCLIP_SEED={seed}");
    }
    StdRng::seed_from_u64(seed)
}
