//! Planning a join, without I/O.
//!
//! A [`Joiner`] is told what arrives (heads from a peer, blocks that were fetched, verdicts) and answers with [`Effect`]s:
//! what to fetch, what to verify, what was refused and why. Entries whose ancestors are all there come out of
//! [`Joiner::take_ready`], ancestors first; nothing else ever becomes visible. One missing block holds up its descendants
//! and nothing besides.
//!
//! What an entry needs before it is ready: its identity block, verified; a good signature; and every entry of `next` and
//! `refs`, ready or in the log. JavaScript fetches `refs` too and gives the whole join up when one cannot be had (wire
//! document, section 7), so an entry with a dangling reference must not be passed on to it.
//!
//! Every collection in here is bounded by [`Limits`].
//!
//! | file | concept |
//! | --- | --- |
//! | `joiner` | what a joiner is told and asked |
//! | `arrive` | from a block to a verified entry that knows what it needs |
//! | `settle` | entries become ready, or are refused with all that stands on them |
//! | `pending` | what is kept of an entry meanwhile |
//! | `lines` | which of the wanted blocks are asked for now |
//! | `staging` | blocks that wait go to disk, each peer's up to its share |
//! | `park` | entries of peers that have gone are set aside, and looked at again when somebody comes |
//! | `parked` | what is kept of them meanwhile |
//! | `verify` | judging one block, on any core |
//! | `check` | what holds between any two events, in debug builds |

mod admit;
mod arrive;
mod check;
mod joiner;
mod lines;
mod park;
mod parked;
mod pending;
mod settle;
mod staging;
mod verify;

pub use joiner::Joiner;
pub use park::PARK_AFTER;
pub use verify::{Job, Policy, Refusal, RefusalLabel, Verdict, judge};

use crate::{
    entry::MAX_ENTRY_BYTES, hash::Hash, identity::VerifiedIdentity, log::Added, order::Position,
    view::KeyedOp,
};
use bytes::Bytes;
use std::sync::Arc;

/// Who offered something. `P` is what the caller knows its peers by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source<P> {
    /// What the node itself had staged before a restart, and what that leads to. What was staged is taken in whether there is
    /// room or not.
    Staged,
    /// A peer, on its own account.
    Peer(P),
    /// A peer that passes on what somebody else said: it answers for the room that takes, not for what it is worth.
    Relay(P),
}

impl<P: Copy> Source<P> {
    /// The peer, whatever it answers for.
    pub fn peer(self) -> Option<P> {
        match self {
            Self::Staged => None,
            Self::Peer(peer) | Self::Relay(peer) => Some(peer),
        }
    }
}

/// Links of a pending entry that take as much memory as an entry. An ordinary entry has 17.
pub const LINKS_PER_ENTRY: usize = 32;

/// The default of [`Limits::max_pending_bytes`].
pub const DEFAULT_MAX_PENDING_BYTES: usize = 32 << 20;

/// Bounds on what a joiner keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest entry taken, in bytes.
    pub max_entry_bytes: usize,
    /// Entries that wait for something, all peers together; [`Shares`](crate::shares::Shares) says how much of it one peer
    /// may lead to. Each takes some 430 bytes and a `P` beside its block, and counts once more for every [`LINKS_PER_ENTRY`] links.
    pub max_pending: usize,
    /// Entries of those whose blocks are being fetched, shared in the same way.
    pub max_wanted: usize,
    /// Blocks asked for at a time, shared in the same way.
    pub max_asked: usize,
    /// Bytes of blocks in memory; above it, [`Joiner::stage`] has something to give.
    pub max_pending_bytes: usize,
    /// Bytes of staged blocks, shared in the same way.
    pub max_staged_bytes: u64,
    /// Parked entries, shared in the same way.
    pub max_parked: usize,
    /// Those of them on which nothing parked builds, shared in the same way.
    pub max_parked_heads: usize,
    /// Refused hashes remembered, so that they are not fetched and judged again.
    pub max_refused: usize,
    /// Verified identities remembered.
    pub max_identities: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entry_bytes: MAX_ENTRY_BYTES,
            max_pending: 1_000_000,
            max_wanted: 65_536,
            max_asked: 1024,
            max_pending_bytes: DEFAULT_MAX_PENDING_BYTES,
            max_staged_bytes: 768 << 20,
            max_parked: 262_144,
            max_parked_heads: 1024,
            max_refused: 16_384,
            max_identities: 4_096,
        }
    }
}

impl Limits {
    /// Bytes of blocks whose identity is not known yet, shared in the same way. The share of one of two peers has room for an
    /// entry of any size.
    fn max_unidentified_bytes(&self) -> u64 {
        self.max_pending_bytes.max(8 * self.max_entry_bytes + 8) as u64
    }
}

/// A block to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want<P> {
    /// The block.
    pub hash: Hash,
    /// Who offered what needs it, and so should have it.
    pub source: Source<P>,
}

/// What a joiner wants done.
#[derive(Debug, Clone)]
pub enum Effect<P> {
    /// Get this block, from the store if it is there, and give it to [`Joiner::block`].
    Fetch(Want<P>),
    /// The block is no longer needed.
    Cancel(Hash),
    /// The block that [`Joiner::stage`] gave need not be kept any longer.
    Unstage(Hash),
    /// Run the job and give the verdict to [`Joiner::verdict`].
    Verify(Job),
    /// Store this identity block, so that peers can have it, no later than the entries that name it.
    KeepIdentity(Hash, Bytes),
    /// The entry was not taken.
    Refused {
        /// Its hash.
        hash: Hash,
        /// Who offered it, or what led to it.
        source: Source<P>,
        /// Who wrote it, as far as that is known.
        written_by: WrittenBy,
        /// Why.
        reason: Refusal,
    },
}

/// Who wrote an entry that was refused.
#[derive(Debug, Clone, Default)]
pub enum WrittenBy {
    /// The block was not read so far.
    #[default]
    Unknown,
    /// The signing key that the entry names, in hex; nothing says that this is true.
    Key(String),
    /// The identity that the entry names, itself verified. Whether it signed the entry is for the refusal's reason to say.
    Identity(Arc<VerifiedIdentity>),
}

impl WrittenBy {
    /// The identity's id: what access lists name.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Identity(identity) => Some(&identity.identity().id),
            Self::Unknown | Self::Key(_) => None,
        }
    }

    /// The signing key in hex.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Identity(identity) => Some(&identity.identity().public_key),
            Self::Key(key) => Some(key),
            Self::Unknown => None,
        }
    }
}

/// An entry that may be committed: verified, and its ancestors are in the log or come out before it.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Where it stands.
    pub position: Position,
    /// The heads that it replaces.
    pub next: Vec<Hash>,
    /// What it does to a view of keys.
    pub keyed: Option<KeyedOp>,
    /// Whether JavaScript does not read it as it is written ([`javascript`](crate::javascript)).
    pub unreadable: bool,
    /// The block; `None` when it was staged.
    pub block: Option<Bytes>,
}

impl Ready {
    /// The entry for [`Log::join`](crate::log::Log::join), with the block that was staged if it was.
    pub fn with_block(self, block: Bytes) -> Added {
        Added { position: self.position, block, next: self.next, keyed: self.keyed }
    }
}
