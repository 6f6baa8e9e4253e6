//! Cells: single values, in the colour of what they mean.

use super::screen::Screen;
use crate::printable::printable;
use console::style;

/// One value with what it means for whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    /// As it was given: it becomes printable when it is printed.
    pub(crate) text: String,
    pub(super) tone: Tone,
}

/// What a value means; shown as a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Warning,
    Bad,
}

impl Cell {
    /// All is well.
    pub(crate) fn good(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Good }
    }

    /// Something is not yet as it should be.
    pub(crate) fn warning(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Warning }
    }

    /// Something is wrong.
    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Bad }
    }

    pub(super) fn render(&self, screen: Screen) -> String {
        let text = style(printable(&self.text)).force_styling(screen.colour);
        match self.tone {
            Tone::Plain => text,
            Tone::Good => text.green(),
            Tone::Warning => text.yellow(),
            Tone::Bad => text.red(),
        }
        .to_string()
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }
}
