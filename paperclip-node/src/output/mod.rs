//! What is printed: text for people, one JSON document per line for programs.
//!
//! Whatever comes from outside passes [`printable`](crate::printable::printable) here, on its way out, and nowhere else.

mod cells;
mod format;
mod listing;
mod print;
mod progress;
mod screen;
mod table;
mod text;

pub(crate) use cells::Cell;
pub(crate) use format::{cell, duration, rows, size};
pub(crate) use listing::Listing;
pub(crate) use print::{Output, json_line, tell, tell_text};
pub(crate) use progress::Progress;
pub(crate) use screen::Screen;
pub(crate) use text::Text;
