//! Values on the command line.

use super::error::CliError;
use serde_json::Value as Json;
use std::io::{self, Read as _};

/// The largest value read from standard input, in bytes: more than any node takes.
const MAX_INPUT_BYTES: u64 = 16 << 20;

/// The JSON of an argument, or of standard input for `-`. Returned as it was written, but for white space around it.
pub(super) fn json(argument: &str) -> Result<String, CliError> {
    if argument != "-" {
        return checked(argument);
    }
    let mut text = String::new();
    io::stdin().lock().take(MAX_INPUT_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_INPUT_BYTES {
        return Err(CliError::Usage(format!("standard input: more than {MAX_INPUT_BYTES} bytes")));
    }
    checked(&text)
}

/// The same, read as a document: no integer is rounded.
pub(super) fn document(argument: &str) -> Result<Json, CliError> {
    let text = json(argument)?;
    oplog::json::read(text.as_bytes()).map_err(|error| CliError::Usage(error.to_string()))
}

fn checked(text: &str) -> Result<String, CliError> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(error) => {
            let shown: String = text.trim().chars().take(40).collect();
            let hint = match shown.chars().next() {
                Some('{' | '[') => "; keys and strings need double quotes: '{\"like\": \"this\"}'",
                Some('"') => "",
                _ => "; a string needs quotes: '\"like this\"'",
            };
            Err(CliError::Usage(format!("not JSON: {shown}: {error}{hint}")))
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
        assert!(told.to_string().starts_with("not JSON: hello: ") && matches!(told, CliError::Usage(_)));
    }
}
