//! What of the journal could not be read.

use super::place::Offset;
use std::collections::{BTreeMap, BTreeSet};

/// Most damaged parts that are told apart; further ones are not counted.
const MAX_DAMAGED_PARTS: usize = 4096;

/// What of the journal could not be read since the store was opened. Opening reads what the index has not followed yet, or
/// everything when there is no index; a block that is found damaged when it is read is not part of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Damage {
    /// Parts of files that hold no frames of ours, with frames before or behind them. At most 4,096 are counted.
    pub parts: u64,
    /// Bytes of these parts.
    pub bytes: u64,
    /// Files that were there and are missing, emptied or shorter than they were.
    pub files: u64,
}

impl Damage {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The parts and files, so that each counts once however often it is met.
#[derive(Debug, Default)]
pub(crate) struct Damaged {
    parts: BTreeMap<Offset, u64>,
    files: BTreeSet<u32>,
}

impl Damaged {
    /// A part of a file is damaged; whether that is news.
    pub(super) fn part(&mut self, from: Offset, bytes: u64) -> bool {
        self.parts.len() < MAX_DAMAGED_PARTS && self.parts.insert(from, bytes).is_none()
    }

    /// A file is missing or too short; whether that is news.
    pub(crate) fn file(&mut self, segment: u32) -> bool {
        self.files.len() < MAX_DAMAGED_PARTS && self.files.insert(segment)
    }

    /// Whether something of a file is damaged.
    pub(crate) fn has(&self, segment: u32) -> bool {
        self.files.contains(&segment) || self.parts.keys().any(|part| part.segment == segment)
    }

    /// A file is gone, with what was damaged of it.
    pub(super) fn forget(&mut self, segment: u32) {
        self.files.remove(&segment);
        self.parts.retain(|part, _| part.segment != segment);
    }

    pub(crate) fn total(&self) -> Damage {
        Damage {
            parts: self.parts.len() as u64,
            bytes: self.parts.values().sum(),
            files: self.files.len() as u64,
        }
    }
}
