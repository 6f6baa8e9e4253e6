//! Texts of the interface: each has a form and a length, and anything else is refused when it is read.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// The longest line, in bytes.
pub const MAX_LINE_BYTES: usize = 512;
/// The longest URL, in bytes.
pub const MAX_URL_BYTES: usize = 2048;
/// The longest text of several lines, such as an expression or a certificate, in bytes.
pub const MAX_BLOCK_BYTES: usize = 16 * 1024;
/// The most entries of a map.
pub const MAX_ENTRIES: usize = 32;

/// Why a text is not of the form it should have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Longer than it may be.
    #[error("{length} bytes, at most {most} are allowed")]
    TooLong {
        /// Its bytes.
        length: usize,
        /// How many there may be.
        most: usize,
    },
    /// Of another form.
    #[error("{text:?} is not {form}")]
    Form {
        /// What was given.
        text: String,
        /// What should have been.
        form: &'static str,
    },
    /// A map with more entries than it may have.
    #[error("{0} entries, at most {MAX_ENTRIES} are allowed")]
    TooMany(usize),
}

fn form(text: &str, good: bool, form: &'static str) -> Result<(), TextError> {
    if good { Ok(()) } else { Err(TextError::Form { text: text.chars().take(80).collect(), form }) }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $most:expr, $form:literal, $pattern:literal, $good:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(extend("maxLength" = $most, "pattern" = $pattern)))]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, TextError> {
                if text.len() > $most {
                    return Err(TextError::TooLong { length: text.len(), most: $most });
                }
                let good: fn(&str) -> bool = $good;
                form(&text, good(&text), $form)?;
                Ok(Self(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(
    /// A name: of an application, a charm, a model, a kind of condition.
    Name, MAX_NAME_BYTES, "a name (letters, digits and -_.@ only)", "^[A-Za-z0-9][A-Za-z0-9._@-]*$",
    |text| text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@".contains(&b))
);
text!(
    /// The name of a Prometheus label.
    LabelName, MAX_NAME_BYTES, "a label (letters, digits and _ only)", "^[A-Za-z_][A-Za-z0-9_]*$",
    |text| text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
);
text!(
    /// One line that people read. It may be empty.
    Line, MAX_LINE_BYTES, "one line", "^[^\\x00-\\x1f\\x7f]*$", |text| !text.contains(char::is_control)
);
text!(
    /// Several lines: an expression, a certificate, a dashboard's description.
    Block, MAX_BLOCK_BYTES, "text", "^[^\\x00-\\x08\\x0b-\\x1f\\x7f]*$",
    |text| !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t')
);
text!(
    /// A URL of HTTP.
    Url, MAX_URL_BYTES, "a URL of http or https", "^https?://[^\\s\"'\\\\]+$",
    |text| text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).is_some_and(|rest| {
        !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'\\".contains(c))
    })
);
text!(
    /// `host:port` of something to scrape; an IPv6 address stands in brackets.
    Authority, MAX_URL_BYTES, "host:port", "^([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$",
    |text| text.rsplit_once(':').is_some_and(|(host, port)| {
        let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match inside {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
        };
        host && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
);
text!(
    /// A path of HTTP.
    HttpPath, MAX_URL_BYTES, "a path that begins with /", "^/[^\\s\"'\\\\]*$",
    |text| text.starts_with('/') && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'\\".contains(c))
);
text!(
    /// The URI of a Juju secret. Never the secret.
    SecretUri, MAX_NAME_BYTES, "the URI of a Juju secret", "^secret:(//[0-9a-f-]+/)?[0-9a-z]{20}$",
    |text| text.strip_prefix("secret:").is_some_and(|rest| {
        let id = match rest.strip_prefix("//").map(|rest| rest.split_once('/')) {
            Some(Some((model, id))) if !model.is_empty()
                && model.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') => id,
            Some(_) => return false,
            None => rest,
        };
        id.len() == 20 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
);
text!(
    /// The id of a request. Used once in a relation, never again.
    RequestId, 64, "an id of a request (a-z, 0-9 and - only)", "^[a-z0-9][a-z0-9-]*$",
    |text| text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);
text!(
    /// A length of time in Prometheus's notation, such as `30s`.
    Duration, 16, "a duration such as 30s", "^[0-9]+(ms|s|m|h|d)$",
    |text| ["ms", "s", "m", "h", "d"].iter().any(|unit| {
        text.strip_suffix(unit).is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    })
);
text!(
    /// An operation that an application can carry out, with the version of its meaning: `resync@1`.
    Capability, MAX_NAME_BYTES, "an operation with its version, such as resync@1", "^[a-z][a-z0-9-]*@[1-9][0-9]*$",
    |text| text.split_once('@').is_some_and(|(name, version)| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !version.starts_with(['0', '+'])
            && version.parse::<u32>().is_ok()
    })
);

impl Capability {
    /// The operation without its version.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('@').map_or(self.0.as_str(), |(name, _)| name)
    }
}

impl Line {
    /// The text as one line: what does not belong into one is left out, what is too long is cut.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let end = (0..=MAX_LINE_BYTES).rev().find(|end| line.is_char_boundary(*end));
        line.truncate(end.unwrap_or_default());
        Self(line)
    }
}

/// A small map of texts: parameters, values of a result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<Name, Line>", into = "BTreeMap<Name, Line>")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("maxProperties" = MAX_ENTRIES)))]
pub struct Texts(BTreeMap<Name, Line>);

/// Labels or annotations of an alert rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<LabelName, Block>", into = "BTreeMap<LabelName, Block>")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("maxProperties" = MAX_ENTRIES)))]
pub struct Labels(BTreeMap<LabelName, Block>);

macro_rules! small_map {
    ($map:ident, $key:ty, $value:ty) => {
        impl TryFrom<BTreeMap<$key, $value>> for $map {
            type Error = TextError;

            fn try_from(map: BTreeMap<$key, $value>) -> Result<Self, TextError> {
                if map.len() > MAX_ENTRIES { Err(TextError::TooMany(map.len())) } else { Ok(Self(map)) }
            }
        }

        impl From<$map> for BTreeMap<$key, $value> {
            fn from(map: $map) -> Self {
                map.0
            }
        }

        impl std::ops::Deref for $map {
            type Target = BTreeMap<$key, $value>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    };
}

small_map!(Texts, Name, Line);
small_map!(Labels, LabelName, Block);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_of_another_form_are_refused_with_what_they_should_be() {
        assert!("secret:cr1e8ov2nfjc6v0d1234".parse::<SecretUri>().is_ok());
        assert!("secret://3f2b1c7e-0000/cr1e8ov2nfjc6v0d1234".parse::<SecretUri>().is_ok());
        let told = "0123456789abcdef".parse::<SecretUri>().unwrap_err().to_string();
        assert_eq!(told, r#""0123456789abcdef" is not the URI of a Juju secret"#);
        for authority in ["10.0.0.1:4748", "[fd00::1]:4748", "node-1.lxd:80"] {
            assert!(authority.parse::<Authority>().is_ok(), "{authority}");
        }
        for authority in
            ["*:4748", "10.0.0.1", "fd00::1:4748", "[fd00]:1", "a b:1", "host:0", "host:70000", ":1"]
        {
            assert!(authority.parse::<Authority>().is_err(), "{authority}");
        }
        for capability in ["resync", "resync@", "resync@0", "Resync@1", "resync@1.5", "@1"] {
            assert!(capability.parse::<Capability>().is_err(), "{capability}");
        }
        assert_eq!("refresh-turn@2".parse::<Capability>().unwrap().name(), "refresh-turn");
        assert!("file:///etc/passwd".parse::<Url>().is_err());
        assert!("x".repeat(MAX_NAME_BYTES + 1).parse::<Name>().is_err());
        assert!("two\nlines".parse::<Line>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_can_be_made_a_line(text in ".{0,900}\n?") {
            let line = Line::of(&text);
            prop_assert!(line.as_str().parse::<Line>().is_ok());
        }
    }
}
