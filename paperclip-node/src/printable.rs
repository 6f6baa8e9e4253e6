//! Text from outside, made safe to print: names, keys, errors and agents of peers cannot move the cursor or forge lines.

use std::{borrow::Cow, fmt::Write as _};

/// Replaces what would act on a terminal, or hide in one, by its JSON escape: `\n`, `\u001b`. JSON stays the same JSON.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            // All of them are in the basic plane. Writing to a `String` cannot fail.
            char if acts(char) => drop(write!(escaped, "\\u{:04x}", u32::from(char))),
            char => escaped.push(char),
        }
    }
    Cow::Owned(escaped)
}

/// Control characters (C0, DEL, C1), marks that reorder text, separators of lines, and the byte order mark, which no one sees.
fn acts(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// Whether the user wants no colours (<https://no-color.org>).
pub(crate) fn colour_is_refused() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_is_left() {
        let hostile = "a\u{1b}[2J\u{7}\r\nb\t\u{7f}\u{9b}H\u{202e}c\u{2066}\u{feff}";
        let safe = "a\\u001b[2J\\u0007\\r\\nb\\t\\u007f\\u009bH\\u202ec\\u2066\\ufeff";
        assert_eq!(printable(hostile), safe);
        assert_eq!(printable("\u{fc}ber \u{1f4ce} 'x'"), "\u{fc}ber \u{1f4ce} 'x'");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "k\u{9b}": "a\u{1b}\n\u{202e}\u{7f}\u{feff}" });
        let printed = printable(&value.to_string()).into_owned();
        assert!(!printed.chars().any(acts));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), value);
    }
}
