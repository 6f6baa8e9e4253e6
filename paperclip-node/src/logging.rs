//! Log lines on standard error, as text for people or as JSON for collectors.

use std::io::IsTerminal as _;
use tracing_subscriber::{EnvFilter, filter::LevelFilter, util::SubscriberInitExt as _};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text each.
    Text,
    /// One JSON document each.
    Json,
}

/// What is logged: a level, or directives of `tracing-subscriber`'s filter language such as `info,libp2p=warn`. Kept as
/// text that was parsed once, because parsed filters can be neither compared nor cloned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

impl Default for Filter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl Filter {
    /// Reads a filter; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        // A lone word that is no level is valid filter language, a target, but surely a misspelt level.
        let word = text.chars().all(char::is_alphanumeric);
        let valid = if word { text.parse::<LevelFilter>().is_ok() } else { EnvFilter::try_new(text).is_ok() };
        (valid && !text.trim().is_empty()).then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Another part of the program logs already.
#[derive(Debug, thiserror::Error)]
#[error("logging: {0}")]
pub struct LoggingError(#[from] tracing_subscriber::util::TryInitError);

/// Starts logging, for the rest of the process.
///
/// # Errors
/// [`LoggingError`] when it was started before.
pub fn start(filter: &Filter, format: LogFormat) -> Result<(), LoggingError> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter.as_str()))
        .with_writer(std::io::stderr)
        .with_ansi(format == LogFormat::Text && std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => lines.finish().try_init()?,
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_filters_and_nonsense_is_not() {
        for good in ["error", "info", "info,paperclip_node::net=debug"] {
            assert!(Filter::parse(good).is_some(), "{good}");
        }
        for bad in ["", " ", "inof", "loud[[", "a=b=c"] {
            assert_eq!(Filter::parse(bad), None, "{bad}");
        }
    }
}
