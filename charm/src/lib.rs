//! The `paperclip` charm.
//!
//! Juju runs one binary for every hook and action. Whatever the hook, it does the same: [`observe`] the facts, let
//! the pure [`plan`] say what to do about them, [`act`], and look again until there is nothing left to do; then tell
//! the [`status`]. Actions are in [`actions`], what other charms are told in [`relations`].

pub mod act;
pub mod actions;
pub mod cluster;
pub mod config;
pub mod dispatch;
pub mod error;
pub mod facts;
pub mod machine;
pub mod names;
pub mod node;
pub mod observe;
pub mod plan;
pub mod relations;
pub mod status;

use sha2::{Digest, Sha256};

/// SHA-256 of the parts, each preceded by its length so that no two lists of parts run together; hex.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
