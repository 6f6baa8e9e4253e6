//! What is wrong with a setting.

use super::{FileError, KEYS, Key, MAX_ITEMS, Place};
use std::fmt;

/// How many characters of a refused value are shown.
const SHOWN_CHARS: usize = 80;

/// How alike, from 0 to 1, two names are when one is the other misspelt.
const ALIKE: f64 = 0.9;

/// What stands for the configuration file among the settings.
const CONFIG_FILE: &str = "config";

/// Variables beside those of settings: what names the configuration file, and what the client commands read.
pub(super) const OTHER_VARIABLES: [&str; 3] =
    ["PAPERCLIP_CONFIG", "PAPERCLIP_TOKEN_FILE", "PAPERCLIP_CA_FILE"];

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

    /// A file names a setting that does not exist.
    pub fn unknown_key(name: String) -> Self {
        let names = KEYS.iter().map(|key| key.name.to_owned()).collect();
        Self { told: unknown(&name, "not a setting", names), key: name }
    }

    /// The environment names a setting that does not exist.
    pub fn unknown_variable(name: String) -> Self {
        let names = KEYS.iter().map(|key| key.env()).chain(OTHER_VARIABLES.map(str::to_owned)).collect();
        Self { told: unknown(&name, "not a variable of PaperClip", names), key: name }
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
