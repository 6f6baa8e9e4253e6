//! The bearer token of the API.

use crate::identity::{KeyFileError, read_secret};
use std::{fmt, path::Path};
use subtle::ConstantTimeEq as _;

/// A secret that a client must show.
#[derive(Clone)]
pub struct Token(Vec<u8>);

/// Why a file holds no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read, or others than its owner can.
    #[error("api-token-file: {0}")]
    File(#[from] KeyFileError),
    /// Its text cannot stand in a header.
    #[error("api-token-file: {0} must hold one word of visible ASCII characters")]
    Text(String),
}

impl Token {
    /// Reads a token; white space around it does not count.
    ///
    /// # Errors
    /// [`TokenError`], also when others than the owner may read the file.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        Self::new(&read_secret(path)?).ok_or_else(|| TokenError::Text(path.display().to_string()))
    }

    /// The token of this text; `None` when it cannot stand in a header.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.as_bytes().to_vec()))
    }

    /// Whether an `Authorization` header shows this token. Takes the same time wherever the two differ; only the length of
    /// the token shows.
    pub fn is_shown_by(&self, authorization: &[u8]) -> bool {
        let Some((scheme, shown)) = authorization.split_at_checked(7) else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ") && self.0.ct_eq(shown).into()
    }

    /// The text, for a client to show.
    pub fn as_str(&self) -> &str {
        // Visible ASCII characters are text.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens() {
        let token = Token::new("correct-horse\n").unwrap();
        for good in ["Bearer correct-horse", "bearer correct-horse"] {
            assert!(token.is_shown_by(good.as_bytes()), "{good}");
        }
        for bad in
            ["", "Bearer", "Bearer ", "Bearer correct-hors", "Bearer correct-horsee", "Basic correct-horse"]
        {
            assert!(!token.is_shown_by(bad.as_bytes()), "{bad}");
        }
        assert!(Token::new(" \n").is_none() && Token::new("two words").is_none());
        assert!(!format!("{token:?}").contains("horse"));
    }
}
