//! What is chosen per database. The catalog keeps it, so all nodes of a cluster have the same.

use oplog::reading::Reading;

/// What is chosen per database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Takes entries whose key is not their identity's, as JavaScript does.
    pub allow_foreign_keys: bool,
    /// How its operations are understood, instead of what is found from them.
    pub reading: Option<Reading>,
    /// No JavaScript reads it, so that values may be written which JavaScript would not read as they are written.
    pub no_javascript: bool,
}
