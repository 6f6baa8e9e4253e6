//! What is printed: text for people, one JSON document per line for programs.
//!
//! Whatever comes from outside passes [`printable`] here, on its way out, and nowhere else.

mod listing;
mod progress;
mod table;
mod text;

pub(crate) use listing::Listing;
pub(crate) use progress::Progress;
pub(crate) use text::{Cell, Text};

use crate::printable::{colour_is_refused, printable};
use console::Term;
use serde_json::Value as Json;
use std::io::{self, IsTerminal as _, Write as _};

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a document for programs, or a text for people.
    pub(crate) fn document(self, document: &Json, text: impl FnOnce() -> Text) -> io::Result<()> {
        if self.json { json_line(document) } else { print(&text()) }
    }

    /// Prints documents: each on its line for programs, one text for people.
    pub(crate) fn documents(self, documents: &[Json], text: impl FnOnce() -> Text) -> io::Result<()> {
        if self.json { documents.iter().try_for_each(json_line) } else { print(&text()) }
    }

    /// Prints a value as JSON whoever reads: on one line for programs, indented for people.
    pub(crate) fn value(self, value: &Json) -> io::Result<()> {
        if self.json {
            return json_line(value);
        }
        write(&format!("{value:#}").lines().map(|line| format!("{}\n", printable(line))).collect::<String>())
    }
}

/// Prints a text.
pub(crate) fn print(text: &Text) -> io::Result<()> {
    write(&text.render(Screen::stdout()))
}

/// Prints one document on one line.
pub(crate) fn json_line(document: &Json) -> io::Result<()> {
    write(&format!("{}\n", printable(&document.to_string())))
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Tells people something beside the output, as one line on standard error. When that is closed there is nobody to tell.
pub(crate) fn tell(text: &str) {
    drop(writeln!(io::stderr().lock(), "paperclip-node: {}", printable(text)));
}

/// Tells people a text beside the output, on standard error.
pub(crate) fn tell_text(text: &Text) {
    drop(io::stderr().lock().write_all(text.render(Screen { columns: None, colour: false }).as_bytes()));
}

/// Where text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screen {
    /// The width of a terminal; `None` for files and pipes, which get everything in full.
    columns: Option<usize>,
    colour: bool,
}

impl Screen {
    /// Standard output. Colours are for terminals whose user wants them.
    pub(crate) fn stdout() -> Self {
        if !io::stdout().is_terminal() {
            return Self { columns: None, colour: false };
        }
        let (_, columns) = Term::stdout().size();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { columns: Some(columns.into()), colour: !colour_is_refused() && !dumb }
    }
}

/// The items of an array.
pub(crate) fn rows(documents: &Json) -> &[Json] {
    documents.as_array().map_or(&[], Vec::as_slice)
}

/// A field of an answer as text for a cell; `-` for what is not there.
pub(crate) fn cell(document: &Json, field: &str) -> String {
    match document.get(field) {
        None | Some(Json::Null) => "-".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Seconds in the unit that people would use.
pub(crate) fn duration(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 120.0 => format!("{seconds:.0} s"),
        Some(seconds) if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        Some(seconds) if seconds < 172_800.0 => format!("{:.0} h", seconds / 3600.0),
        Some(seconds) => format!("{:.0} days", seconds / 86_400.0),
    }
}

/// Bytes in the unit that people would use.
pub(crate) fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| indicatif::BinaryBytes(bytes).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(None), "-");
        assert_eq!(duration(Some(3.4)), "3 s");
        assert_eq!(duration(Some(600.0)), "10 min");
        assert_eq!(duration(Some(7200.0)), "2 h");
        assert_eq!(duration(Some(200_000.0)), "2 days");
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(size(None), "-");
        assert_eq!(size(Some(512)), "512 B");
        assert_eq!(size(Some(13_114)), "12.81 KiB");
    }
}
