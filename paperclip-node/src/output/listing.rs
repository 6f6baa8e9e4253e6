//! Listings of any length: printed page by page in columns that stay where they are.

use super::{print::write, screen::Screen};
use crate::printable::printable;
use console::{Alignment, measure_text_width, pad_str, truncate_str};
use std::io;

/// The columns before the last one take at most this part of a terminal's width together.
const LEADING_PART: usize = 2;

/// Rows that come page by page. The first page decides how wide the columns are, the header is printed once. The last
/// column takes what is left of a terminal's width; files and pipes get every value in full.
#[derive(Debug)]
pub(crate) struct Listing {
    header: &'static [&'static str],
    widths: Option<Vec<usize>>,
    screen: Screen,
}

impl Listing {
    /// A listing on standard output; an empty header is none.
    pub(crate) fn new(header: &'static [&'static str]) -> Self {
        Self { header, widths: None, screen: Screen::stdout() }
    }

    /// Prints the next rows.
    pub(crate) fn print(&mut self, rows: &[Vec<String>]) -> io::Result<()> {
        write(&self.render(rows))
    }

    fn render(&mut self, rows: &[Vec<String>]) -> String {
        let mut text = String::new();
        let first = self.widths.is_none();
        let widths = self.widths.get_or_insert_with(|| widths(self.header, rows, self.screen));
        if first && !self.header.is_empty() {
            text.push_str(&line(self.header.iter().copied(), widths, self.screen));
        }
        for row in rows {
            text.push_str(&line(row.iter().map(String::as_str), widths, self.screen));
        }
        text
    }
}

/// The widths of all columns but the last.
fn widths(header: &[&str], rows: &[Vec<String>], screen: Screen) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(header.len()).max(header.len());
    let leading = columns.saturating_sub(1);
    let limit = screen.columns.map_or(usize::MAX, |columns| columns / LEADING_PART / leading.max(1));
    let named = header.iter().map(|name| measure_text_width(name)).chain(std::iter::repeat(0));
    let widest = named.take(leading).enumerate().map(|(column, name)| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| measure_text_width(&shown(cell, limit))).max().unwrap_or_default().max(name)
    });
    widest.collect()
}

fn line<'a>(cells: impl Iterator<Item = &'a str>, widths: &[usize], screen: Screen) -> String {
    let mut line = String::new();
    let mut left = screen.columns;
    for (column, cell) in cells.enumerate() {
        let cell = match (widths.get(column), left) {
            (Some(width), Some(_)) => {
                pad_str(&shown(cell, *width), *width, Alignment::Left, None).into_owned()
            }
            (Some(width), None) => pad_str(&printable(cell), *width, Alignment::Left, None).into_owned(),
            (None, Some(left)) => shown(cell, left),
            (None, None) => printable(cell).into_owned(),
        };
        left = left.map(|left| left.saturating_sub(measure_text_width(&cell) + 2));
        line.push_str(&cell);
        line.push_str("  ");
    }
    format!("{}\n", line.trim_end())
}

/// What fits a width, with a mark if that is not all.
fn shown(cell: &str, width: usize) -> String {
    // A text is measured only as far as it can matter: four marks on each letter are more than any script has.
    let end = cell.char_indices().nth(width.saturating_mul(4)).map_or(cell.len(), |(end, _)| end);
    truncate_str(&printable(&cell[..end]), width, "\u{2026}").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(columns: Option<usize>, header: &'static [&'static str]) -> Listing {
        Listing { header, widths: None, screen: Screen { columns, colour: false } }
    }

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn a_second_page_has_the_columns_of_the_first_and_no_header() {
        let mut listing = listing(None, &["HASH", "TIME", "PAYLOAD"]);
        let first = listing.render(&[row(&["abcdef", "1", "{}"])]);
        assert_eq!(first, "HASH    TIME  PAYLOAD\nabcdef  1     {}\n");
        assert_eq!(listing.render(&[row(&["abcdef", "10000", "{}"])]), "abcdef  10000  {}\n");
    }

    #[test]
    fn values_of_any_size_are_whole_in_a_file_and_one_line_on_a_terminal() {
        let value = format!("\"{}\"", "x".repeat(4 << 20));
        let rows = [row(&["hash", &value])];
        assert_eq!(listing(None, &[]).render(&rows), format!("hash  {value}\n"));
        let shown = listing(Some(80), &[]).render(&rows);
        assert_eq!(shown.trim_end().chars().count(), 80, "{shown}");
        assert!(shown.ends_with("\u{2026}\n"), "{shown}");
    }

    #[test]
    fn a_key_forges_no_row_and_takes_no_more_than_half_a_terminal() {
        let rows = [row(&["a\nb\u{1b}[2J", "1"]), row(&[&"k".repeat(70_000), "2"])];
        for columns in [None, Some(80)] {
            let text = listing(columns, &[]).render(&rows);
            assert_eq!(text.lines().count(), 2, "{columns:?}");
            assert!(text.starts_with("a\\nb\\u001b[2J"), "{columns:?}");
        }
        let text = listing(Some(80), &[]).render(&rows);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80) && text.contains("\u{2026}  2"),
            "{text}"
        );
    }
}
