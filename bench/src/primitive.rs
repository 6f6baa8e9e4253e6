//! The primitives that bound every replica on this machine: signing, verifying, flushing.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use paperclip_tests::{HarnessError, Result};
use secp256k1::{Message, PublicKey, SecretKey, ecdsa};
use sha2::{Digest as _, Sha256};

use crate::progress::say;
use crate::table::{Row, Table, Target};

/// What one flush writes.
const FLUSHED_BYTES: usize = 4096;
/// What is signed: about the size of an entry with a small value and 16 references.
const SIGNED_BYTES: usize = 1300;

/// Rates per second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Primitives {
    /// SHA-256 and ECDSA signatures by one core.
    pub(crate) signs: f64,
    /// SHA-256 and ECDSA verifications by all cores.
    pub(crate) verifies: f64,
    /// `fdatasync` of one page.
    pub(crate) flushes: f64,
}

/// Runs `work` for about `seconds`; rounds per second.
fn rate(seconds: f64, mut work: impl FnMut()) -> f64 {
    let until = Duration::from_secs_f64(seconds);
    let start = Instant::now();
    let mut rounds = 0.0;
    while start.elapsed() < until {
        work();
        rounds += 1.0;
    }
    rounds / start.elapsed().as_secs_f64()
}

/// Measures all three.
pub(crate) fn measure(folder: &Path, seconds: f64) -> Result<Primitives> {
    say("primitives");
    let secret = SecretKey::from_secret_bytes([7; 32])
        .map_err(|error| HarnessError::NotYet(format!("a secret key: {error}")))?;
    let public = PublicKey::from_secret_key(&secret);
    let data = [0x42; SIGNED_BYTES];
    let digest = || Message::from_digest(Sha256::digest(data).into());
    let signature = ecdsa::sign(digest(), &secret);

    let signs = rate(seconds, || {
        std::hint::black_box(ecdsa::sign(digest(), &secret));
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let verifies = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    rate(seconds, || {
                        let _ = std::hint::black_box(ecdsa::verify(&signature, digest(), &public));
                    })
                })
            })
            .collect();
        threads.into_iter().map(paperclip_tests::joined).sum()
    });
    Ok(Primitives { signs, verifies, flushes: flushes(folder, seconds)? })
}

fn flushes(folder: &Path, seconds: f64) -> Result<f64> {
    let io = |source| HarnessError::Io { what: "flushing a file".to_owned(), source };
    let mut file = File::create(folder.join("flushed")).map_err(io)?;
    let page = [0x42; FLUSHED_BYTES];
    let mut failed = None;
    let rate = rate(seconds, || {
        if let Err(error) = file.write_all(&page).and_then(|()| file.sync_data()) {
            failed = Some(error);
        }
    });
    failed.map_or(Ok(rate), |error| Err(io(error)))
}

impl Primitives {
    /// Adds them to the table.
    pub(crate) fn report(&self, table: &mut Table) {
        for (work, ours) in [
            ("primitive: sign (one core)", self.signs),
            ("primitive: verify (all cores)", self.verifies),
            ("primitive: flush of 4 KiB", self.flushes),
        ] {
            table.add(Row { work: work.to_owned(), unit: "/s", ours, compared: None, target: Target::None });
        }
    }
}
