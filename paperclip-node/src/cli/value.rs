//! Values on the command line.

use serde_json::Value as Json;
use std::io::{self, Read as _};

/// The largest value read from standard input, in bytes: more than any node takes.
const MAX_INPUT_BYTES: u64 = 16 << 20;

/// How much of a value that is no JSON is shown, in characters.
const SHOWN_CHARS: usize = 40;

/// Why a value on the command line is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum ValueError {
    /// Standard input cannot be read.
    #[error("standard input: {0}")]
    Input(#[from] io::Error),
    /// Standard input has more than any node takes.
    #[error("standard input: more than {MAX_INPUT_BYTES} bytes")]
    TooLong,
    /// It is no JSON.
    #[error("not JSON: {shown}: {source}{}", hint(shown))]
    NotJson {
        /// Its beginning.
        shown: String,
        /// Why.
        source: serde_json::Error,
    },
    /// It has a number that would be rounded, or something else that no node takes.
    #[error(transparent)]
    Unusable(#[from] oplog::json::TextError),
}

/// What people forget most often.
fn hint(shown: &str) -> &'static str {
    match shown.chars().next() {
        Some('{' | '[') => "; keys and strings need double quotes: '{\"like\": \"this\"}'",
        Some('"') => "",
        _ => "; a string needs quotes: '\"like this\"'",
    }
}

/// The JSON of an argument, or of standard input for `-`. Returned as it was written, but for white space around it.
pub(super) fn json(argument: &str) -> Result<String, ValueError> {
    if argument != "-" {
        return checked(argument);
    }
    let mut text = String::new();
    io::stdin().lock().take(MAX_INPUT_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_INPUT_BYTES {
        return Err(ValueError::TooLong);
    }
    checked(&text)
}

/// The same, read as a document: no integer is rounded.
pub(super) fn document(argument: &str) -> Result<Json, ValueError> {
    let text = json(argument)?;
    Ok(oplog::json::read(text.as_bytes())?)
}

fn checked(text: &str) -> Result<String, ValueError> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(source) => {
            Err(ValueError::NotJson { shown: text.trim().chars().take(SHOWN_CHARS).collect(), source })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_is_for_the_fault() {
        for (text, hint) in
            [("hello", "a string needs quotes"), ("{size: 1}", "keys and strings need double quotes")]
        {
            let told = json(text).unwrap_err().to_string();
            assert!(told.contains(hint), "{told}");
        }
        assert!(!json("\"open").unwrap_err().to_string().contains("quotes"));
    }

    #[test]
    fn json_stays_as_it_was_written() {
        assert_eq!(json(" 18446744073709551615 ").unwrap(), "18446744073709551615");
        let told = json("hello").unwrap_err();
        assert!(
            told.to_string().starts_with("not JSON: hello: ") && matches!(told, ValueError::NotJson { .. })
        );
    }
}
