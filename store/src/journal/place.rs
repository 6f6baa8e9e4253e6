//! Places in the journal.

/// A place in the journal. The order is that of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Offset {
    pub(crate) segment: u32,
    pub(crate) at: u64,
}

/// Where a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) segment: u32,
    pub(crate) at: u64,
    pub(crate) length: u32,
}
