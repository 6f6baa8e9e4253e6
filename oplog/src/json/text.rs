//! JSON texts from outside, read without losing what they say.
//!
//! A JSON library reads an integer that it has no room for as a float, and says nothing; and its limit of nesting is not
//! ours. Both are settled by one look over the text before it is read.

use crate::cbor;
use serde::de::DeserializeOwned;

/// How deep the lists and objects of a document may nest: an entry puts its value two maps down, and what is written must
/// be read.
pub const MAX_DEPTH: usize = cbor::MAX_DEPTH - 2;

/// Why a JSON text is not read.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// It is no JSON, or not of the shape that is wanted.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It nests too deep.
    #[error("lists and objects nest deeper than {0} levels")]
    TooDeep(usize),
    /// An integer that neither 64 bits nor a float hold as it is written.
    #[error(
        "the integer {0} has more than 64 bits and would be rounded; store it as a text, or round it yourself (1.5e30)"
    )]
    Rounded(String),
}

/// Reads a text as a value's document: nested up to [`MAX_DEPTH`], no integer rounded.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, TextError> {
    read_nested(text, MAX_DEPTH)
}

/// The same with another bound for the nesting. Reading takes stack by it.
pub fn read_nested<T: DeserializeOwned>(text: &[u8], depth: usize) -> Result<T, TextError> {
    look_over(text, depth)?;
    let mut json = serde_json::Deserializer::from_slice(text);
    json.disable_recursion_limit();
    let read = T::deserialize(&mut json)?;
    json.end()?;
    Ok(read)
}

/// Judges brackets and numbers outside of strings. What is no JSON is left to the reader behind.
fn look_over(text: &[u8], most: usize) -> Result<(), TextError> {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = end_of_string(text, at),
            b'[' | b'{' => {
                depth += 1;
                if depth > most {
                    return Err(TextError::TooDeep(most));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'-' | b'0'..=b'9' => {
                let length = text[at..].iter().take_while(|byte| is_numeric(**byte)).count();
                check_number(&text[at..at + length])?;
                at += length;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// The place of the quote that ends the string which begins at `start`, or of the text's end.
fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => break,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

fn is_numeric(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// An integer of more than 64 bits is read as a float. That is right for one that is written as JavaScript writes a float,
/// and for one that the float is equal to.
fn check_number(token: &[u8]) -> Result<(), TextError> {
    let Ok(digits) = std::str::from_utf8(token) else { return Ok(()) };
    let integer = digits.bytes().skip(usize::from(digits.starts_with('-'))).all(|byte| byte.is_ascii_digit());
    if !integer || digits.parse::<i64>().is_ok() || digits.parse::<u64>().is_ok() {
        return Ok(());
    }
    match digits.parse::<f64>() {
        Ok(float) if format!("{float}") == digits || format!("{float:.0}") == digits => Ok(()),
        Ok(float) if float.is_finite() => Err(TextError::Rounded(digits.chars().take(40).collect())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value as Json;

    fn told(text: &str) -> String {
        read::<Json>(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn no_integer_is_rounded() {
        for (text, read_as) in [
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            // as JavaScript writes the number 123456789012345683968
            ("123456789012345680000", "1.2345678901234568e+20"),
            // 2^70, which a float holds
            ("1180591620717411303424", "1.1805916207174113e+21"),
            ("1.5e30", "1.5e+30"),
            (
                r#"{"18446744073709551617":"-18446744073709551617"}"#,
                r#"{"18446744073709551617":"-18446744073709551617"}"#,
            ),
            (r#"["\"18446744073709551617",1]"#, r#"["\"18446744073709551617",1]"#),
        ] {
            assert_eq!(read::<Json>(text.as_bytes()).unwrap().to_string(), read_as, "{text}");
        }
        for text in
            ["18446744073709551617", "[1,{\"a\":-9223372036854775809}]", "123456789012345678901234567890"]
        {
            assert!(told(text).contains("would be rounded"), "{text}: {}", told(text));
        }
    }

    #[test]
    fn nesting_is_bounded_and_no_deeper_than_that() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read::<Json>(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(told(&nested(MAX_DEPTH + 1)), "lists and objects nest deeper than 254 levels");
        assert!(read::<Json>(br#""[[[[""#).is_ok());
    }

    #[test]
    fn what_is_no_json_is_told_by_the_reader() {
        for text in ["", "[", "\"", "\"\\", "-", "1 2", "]]", "1-2", "{\"a\":\"\\ud800\"}", "1e999"] {
            assert!(matches!(read::<Json>(text.as_bytes()), Err(TextError::Json(_))), "{text}");
        }
    }
}
