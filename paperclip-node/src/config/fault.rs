//! Faults of settings and of their file.

use super::{
    given::{MAX_FILE_BYTES, MAX_ITEMS, Place},
    key::Key,
};
use std::{fmt, path::PathBuf};

/// How many characters of a refused value are shown.
const SHOWN_CHARS: usize = 80;

/// How alike, from 0 to 1, two names are when one is the other misspelt.
const ALIKE: f64 = 0.9;

/// What stands for the configuration file among the settings.
const CONFIG_FILE: &str = "config";

/// Why a configuration file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is larger than [`MAX_FILE_BYTES`].
    #[error("{}: larger than {MAX_FILE_BYTES} bytes; is this a configuration file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is no YAML.
    #[error("{}: not valid YAML: {source}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// Why, with line and column.
        source: serde_yaml::Error,
    },
    /// It is YAML, but no mapping.
    #[error("{}: expected lines of the form `key: value`", path.display())]
    NoMapping {
        /// The file.
        path: PathBuf,
    },
}

/// One setting whose value cannot be used, as one line for the person who set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    key: String,
    told: String,
}

impl Fault {
    /// `value`, given at `place`, is not what is allowed.
    pub fn new(key: &Key, place: Place, value: &str) -> Self {
        Self::not(key, place, value, key.allowed)
    }

    /// More items are given than a list may have.
    pub fn too_many(key: &Key, place: Place, items: usize) -> Self {
        Self::not(key, place, &items.to_string(), format_args!("at most {MAX_ITEMS}"))
    }

    /// A file gives it a value of this shape.
    pub fn shape(key: &Key, shape: &str) -> Self {
        let wanted = if key.many { "a text or a list of texts" } else { "one value" };
        Self::not(key, Place::File, shape, wanted)
    }

    fn not(key: &Key, place: Place, value: &str, wanted: impl fmt::Display) -> Self {
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

    /// The file gives nothing.
    pub fn file(error: FileError) -> Self {
        Self { key: CONFIG_FILE.to_owned(), told: error.to_string() }
    }

    /// A file or the environment names something that does not exist; the nearest of the `known` is suggested.
    pub(super) fn unknown(name: String, fault: &str, known: Vec<String>) -> Self {
        Self { told: unknown(&name, fault, known), key: name }
    }

    /// Whether it leaves open what this setting is. A file that cannot be read may hold any of them.
    pub(super) fn is_about(&self, key: &Key) -> bool {
        self.key == key.name || self.key == CONFIG_FILE
    }

    /// The key it is about.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Names the nearest of `names`, or all of them when none is near.
fn unknown(name: &str, fault: &str, names: Vec<String>) -> String {
    let shown: String = name.chars().take(SHOWN_CHARS).collect();
    let likeness = |known: &String| strsim::jaro(name, known);
    match names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
        Some(nearest) if likeness(nearest) >= ALIKE => format!("{shown}: {fault}; did you mean {nearest}?"),
        _ => format!("{shown}: {fault}; there are {}", names.join(", ")),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told)
    }
}
