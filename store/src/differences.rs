//! What a verification reports.

use super::{damaged::MAX_DAMAGED_LISTED, error::Corruption};
use oplog::Hash;
use std::fmt;

/// Most differences that a report names.
pub const MAX_DIFFERENCES: usize = 100;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Entries that were checked.
    pub entries: u64,
    /// Bytes of their blocks.
    pub bytes: u64,
    /// Everything that is not as it should be.
    pub differences: u64,
    /// The first [`MAX_DIFFERENCES`] of them.
    pub examples: Vec<Difference>,
    /// Blocks that are damaged or missing, at most [`MAX_DAMAGED_LISTED`].
    pub damaged: Vec<Hash>,
}

impl VerifyReport {
    /// Whether all is well.
    pub fn is_clean(&self) -> bool {
        self.differences == 0
    }

    pub(super) fn add(&mut self, difference: Difference) {
        self.differences += 1;
        if let Difference::Block(corruption) = &difference
            && corruption.is_loss()
            && let Some(hash) = corruption.hash()
            && self.damaged.len() < MAX_DAMAGED_LISTED
        {
            self.damaged.push(hash);
        }
        if self.examples.len() < MAX_DIFFERENCES {
            self.examples.push(difference);
        }
    }
}

/// Something that is not as the blocks say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A block is damaged, missing, or no entry.
    Block(Corruption),
    /// An entry's signature is not one of its key.
    Signature(Hash),
    /// The identity that an entry names is none, or its certificate does not hold.
    Identity {
        /// The entry.
        entry: Hash,
        /// The identity's block.
        identity: Hash,
    },
    /// An entry belongs to another log.
    OtherLog(Hash),
    /// An entry's place in the order, or in the index, is not its own.
    Misplaced(Hash),
    /// An ancestor of an entry is missing.
    MissingAncestor {
        /// The entry.
        entry: Hash,
        /// The ancestor.
        ancestor: Hash,
    },
    /// The heads are not the entries that no other points to.
    Heads,
    /// The count is not the number of entries.
    Count {
        /// What the store says.
        stored: u64,
        /// How many there are.
        counted: u64,
    },
    /// A key's winner is not the newest entry that sets or deletes it.
    Winner(String),
    /// The list of what the view shows lacks this winner or has one too many.
    Live(Hash),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(corruption) => corruption.fmt(f),
            Self::Signature(hash) => write!(f, "the signature of entry {hash} does not fit"),
            Self::Identity { entry, identity } => {
                write!(f, "identity {identity} of entry {entry} is not certified")
            }
            Self::OtherLog(hash) => write!(f, "entry {hash} belongs to another database"),
            Self::Misplaced(hash) => write!(f, "entry {hash} is indexed in the wrong place"),
            Self::MissingAncestor { entry, ancestor } => {
                write!(f, "entry {entry} builds on {ancestor}, which is missing")
            }
            Self::Heads => f.write_str("the heads are not those of the entries"),
            Self::Count { stored, counted } => write!(f, "{counted} entries, counted as {stored}"),
            Self::Winner(key) => write!(f, "key {key:?} does not show the newest entry"),
            Self::Live(hash) => {
                write!(f, "entry {hash} is wrongly listed or missing among what the view shows")
            }
        }
    }
}
