//! Scale of the figures: how much of everything is done, and the value that is written.

use serde_json::{Value, json};

/// How much of everything is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// How long a rate is measured on PaperClip's side and for the primitives.
    pub(crate) seconds: f64,
    /// Appends by JavaScript.
    pub(crate) js_appends: usize,
    /// Entries that are iterated.
    pub(crate) iterated: usize,
    /// Keys of the keyvalue database.
    pub(crate) keys: usize,
    /// Gets by JavaScript.
    pub(crate) js_gets: usize,
    /// Entries that are replicated cold.
    pub(crate) replicated: usize,
    /// Entries of the cold join that is compared with the verifying rate.
    pub(crate) joined: usize,
    /// Live updates.
    pub(crate) updates: usize,
    /// Entries of the large database.
    pub(crate) large: usize,
    /// Databases of the cluster that has many.
    pub(crate) databases: usize,
}

impl Scale {
    /// The plan's sizes.
    pub(crate) fn full() -> Self {
        Self {
            seconds: 3.0,
            js_appends: 1_000,
            iterated: 5_000,
            keys: 2_000,
            js_gets: 10,
            replicated: 2_000,
            joined: 20_000,
            updates: 200,
            large: 100_000,
            databases: 10_000,
        }
    }

    /// Enough to see that it runs.
    pub(crate) fn quick() -> Self {
        Self {
            seconds: 0.3,
            js_appends: 50,
            iterated: 100,
            keys: 50,
            js_gets: 5,
            replicated: 100,
            joined: 500,
            updates: 10,
            large: 1_000,
            databases: 50,
        }
    }
}

/// The value that is appended: about 100 bytes, as a chat message or a reading.
pub(crate) fn value() -> Value {
    json!({ "kind": "message", "from": "clip", "text": "sixty-four characters are about what one short message needs...." })
}
