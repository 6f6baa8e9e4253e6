//! Printing: documents and texts to standard output, notes to standard error.

use super::{screen::Screen, text::Text};
use crate::printable::printable;
use serde_json::Value as Json;
use std::io::{self, Write as _};

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
fn print(text: &Text) -> io::Result<()> {
    write(&text.render(Screen::stdout()))
}

/// Prints one document on one line.
pub(crate) fn json_line(document: &Json) -> io::Result<()> {
    write(&format!("{}\n", printable(&document.to_string())))
}

pub(super) fn write(text: &str) -> io::Result<()> {
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
