//! The screen that text goes to: its width and whether it shows colours.

use crate::printable::colour_is_refused;
use console::Term;
use std::io::{self, IsTerminal as _};

/// Where text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screen {
    /// The width of a terminal; `None` for files and pipes, which get everything in full.
    pub(super) columns: Option<usize>,
    pub(super) colour: bool,
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
