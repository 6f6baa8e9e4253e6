//! What is wrong with a setting.

use super::{KEYS, Key, Place};
use std::fmt;

/// How many characters of a refused value are shown.
const SHOWN_CHARS: usize = 80;

/// One setting whose value cannot be used, as one line for the person who set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    key: String,
    told: String,
}

impl Fault {
    /// `value`, given at `place`, is not `wanted`.
    pub fn new(key: &Key, place: Place, value: &str, wanted: impl fmt::Display) -> Self {
        let name = match place {
            Place::Flag => format!("--{}", key.flag),
            Place::Environment => key.env(),
            Place::File | Place::Default => format!("{} ({place})", key.name),
        };
        let shown: String = value.chars().take(SHOWN_CHARS).collect();
        Self { key: key.name.to_owned(), told: format!("{name}: {shown} is not {wanted}") }
    }

    /// Settings that do not go together.
    pub fn conflict(key: &Key, told: impl fmt::Display) -> Self {
        Self { key: key.name.to_owned(), told: format!("{}: {told}", key.name) }
    }

    /// A file names a setting that does not exist.
    pub fn unknown_key(name: String) -> Self {
        let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        let shown: String = name.chars().take(SHOWN_CHARS).collect();
        Self { told: format!("{shown}: not a setting; the settings are {}", names.join(", ")), key: name }
    }

    /// The key it is about.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told)
    }
}
