//! Log lines on standard error, as text for people or as JSON for collectors.

use crate::printable::{colour_is_refused, printable};
use std::{
    fmt,
    io::{self, IsTerminal as _},
};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    filter::LevelFilter,
    fmt::{
        MakeWriter,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    util::SubscriberInitExt as _,
};

/// How many characters of `2026-11-24T20:55:02.123456Z` stand before the digits that nobody reads.
const MILLISECONDS: usize = "2026-11-24T20:55:02.123".len();

/// What follows the escape character in the styles of the formatter: reset, bold, dimmed, italic, and a colour for each level.
const STYLES: [&str; 9] = ["[0m", "[1m", "[2m", "[3m", "[31m", "[32m", "[33m", "[34m", "[35m"];

/// What the default level leaves out: a library that tells at `info` what the node tells itself, and one whose complaints a peer
/// can cause as often as it likes.
const QUIET: &str = "info,libp2p_swarm=warn,libp2p_gossipsub=off";

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
pub(crate) struct LoggingError(#[from] tracing_subscriber::util::TryInitError);

/// Starts logging, for the rest of the process.
///
/// # Errors
/// [`LoggingError`] when it was started before.
pub(crate) fn start(filter: &Filter, format: LogFormat) -> Result<(), LoggingError> {
    let colour = format == LogFormat::Text && io::stderr().is_terminal();
    Ok(subscriber(filter, format, colour && !colour_is_refused(), io::stderr).try_init()?)
}

fn subscriber<W>(
    filter: &Filter,
    format: LogFormat,
    colour: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let directives = if filter.as_str() == "info" { QUIET } else { filter.as_str() };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(directives))
        .with_writer(Lines { writer, colour })
        .with_ansi(colour);
    match format {
        LogFormat::Text => Box::new(lines.with_timer(Milliseconds).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish()),
    }
}

/// The time of a line for people.
struct Milliseconds;

impl FormatTime for Milliseconds {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let mut text = String::new();
        SystemTime.format_time(&mut Writer::new(&mut text))?;
        write!(writer, "{}Z", text.get(..MILLISECONDS).unwrap_or(&text))
    }
}

/// Writers of log lines: each event is one line, and nothing in it acts on a terminal but our own colours.
struct Lines<W> {
    writer: W,
    colour: bool,
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { writer: self.writer.make_writer(), colour: self.colour }
    }
}

/// Takes one event, which is formatted before it is written.
struct Line<W> {
    writer: W,
    colour: bool,
}

/// Leaves the styles that the formatter uses, and escapes all else. The formatter does not tell its own from those in
/// values that are displayed, so a value can be coloured, and no more.
fn coloured(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = printable(parts.next().unwrap_or_default()).into_owned();
    parts.fold(first, |line, part| {
        let styled = STYLES.iter().any(|style| part.starts_with(style));
        line + if styled { "\u{1b}" } else { "\\u001b" } + &printable(part)
    })
}

impl<W: io::Write> io::Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let line = if self.colour { coloured(text) } else { printable(text).into_owned() };
        self.writer.write_all(format!("{line}\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Where the lines of a test go.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged about a peer.
    fn logged(format: LogFormat, colour: bool, agent: &str) -> String {
        let written = Written::default();
        let make = {
            let written = written.clone();
            move || written.clone()
        };
        tracing::subscriber::with_default(subscriber(&Filter::default(), format, colour, make), || {
            tracing::info!(target: "libp2p_swarm", "local_peer_id=12D3Koo");
            tracing::warn!(agent, cause = %agent, "peer\n{agent}");
        });
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_peer_cannot_forge_a_line_or_move_the_cursor() {
        let hostile = "\u{1b}[2J\u{9b}H\u{202e}\r\nINFO forged";
        for (format, colour) in [(LogFormat::Text, false), (LogFormat::Text, true), (LogFormat::Json, false)]
        {
            let text = logged(format, colour, hostile);
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(!text.contains(['\u{9b}', '\u{202e}', '\r']) && !text.contains("\u{1b}[2J"), "{text:?}");
            assert!(colour || !text.contains('\u{1b}'), "{text:?}");
        }
        let document: serde_json::Value =
            serde_json::from_str(&logged(LogFormat::Json, false, hostile)).unwrap();
        assert!(document["agent"].as_str().is_some_and(|agent| agent.contains("forged")), "{document}");
    }

    #[test]
    fn a_line_for_people_has_milliseconds() {
        let text = logged(LogFormat::Text, false, "js-libp2p");
        let (time, rest) = text.split_once(' ').unwrap();
        assert_eq!((time.len(), time.ends_with('Z')), (MILLISECONDS + 1, true), "{text}");
        assert!(rest.contains("WARN") && rest.contains("cause=js-libp2p"), "{text}");
    }

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
