//! Fuzz targets: one function for each decoder of bytes from outside. It panics when the decoder does, and when what the decoder
//! takes is not what it would write.
//!
//! Two things run them: `tests/seeded.rs`, with a few thousand mutants of the project's own vectors in each `make test`, and
//! `fuzz/`, with libfuzzer for as long as one likes (CONTRIBUTING says how).

mod corpus;
mod mutate;
mod targets;

pub use corpus::corpus;
pub use mutate::mutant;
pub use targets::{TARGETS, Target};
