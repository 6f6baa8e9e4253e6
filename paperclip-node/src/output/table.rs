//! Tables: in full for files and pipes, cut to the width of a terminal.

use super::{
    cells::{Cell, Tone},
    screen::Screen,
};
use crate::printable::printable;
use comfy_table::{
    Attribute, Cell as TableCell, Color, ColumnConstraint, ContentArrangement, Row, Table, TableStyle,
};
use std::collections::BTreeSet;

/// How many characters of a cell are shown where no terminal limits them. Longer ones end in `…`; `--json` has all of them.
const MAX_CELL_CHARS: usize = 1000;

/// The space between two columns.
const GAP: u16 = 2;

/// The shortest identifier that is worth shortening; those of blocks and peers have 52 characters and more.
const MIN_ID_CHARS: usize = 40;

/// How many characters of a shortened identifier stand before the `…`, and at least after it.
const ID_HEAD_CHARS: usize = 7;
const ID_TAIL_CHARS: usize = 6;

/// Aligned columns under a header, one line a row.
pub(super) fn render(header: &[String], rows: &[Vec<Cell>], screen: Screen) -> String {
    let whole: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| cut(&printable(&cell.text), MAX_CELL_CHARS)).collect())
        .collect();
    let table = table(header, rows, &whole, screen);
    let Some(columns) = screen.columns else { return lines(&table) };
    let gaps = usize::from(GAP) * header.len().saturating_sub(1);
    let natural =
        table.column_max_content_widths().iter().map(|width| usize::from(*width)).sum::<usize>() + gaps;
    if natural <= columns {
        return lines(&table);
    }
    let short = shortened(&whole);
    let mut table = self::table(header, rows, &short, screen);
    for (index, column) in table.column_iter_mut().enumerate() {
        // A shortened identifier has lost enough; what gives way is the rest, unless there are too many of them.
        let changed = whole.iter().zip(&short).filter(|(whole, short)| whole.get(index) != short.get(index));
        let widest = changed.filter_map(|(_, short)| Some(short.get(index)?.chars().count())).max();
        if widest.is_some_and(|widest| widest <= columns / 3) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    // The gap behind the last column is cut off again.
    let width = u16::try_from(columns).unwrap_or(u16::MAX).saturating_add(GAP);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    lines(&table)
}

fn table(header: &[String], rows: &[Vec<Cell>], texts: &[Vec<String>], screen: Screen) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
    table.set_truncation_indicator("\u{2026}").force_no_tty();
    if screen.colour {
        table.enforce_styling().style_text_only();
    }
    let mut top = Row::from(
        header.iter().map(|name| TableCell::new(name).add_attribute(Attribute::Bold)).collect::<Vec<_>>(),
    );
    top.max_height(1);
    table.set_header(top);
    for (row, texts) in rows.iter().zip(texts) {
        let cells = row.iter().zip(texts).map(|(cell, text)| {
            let shown = TableCell::new(text);
            match cell.tone {
                Tone::Plain => shown,
                Tone::Good => shown.fg(Color::Green),
                Tone::Warning => shown.fg(Color::Yellow),
                Tone::Bad => shown.fg(Color::Red),
            }
        });
        let mut row = Row::from(cells.collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    table
}

fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The first characters of a text, with a mark if there were more.
fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text.to_owned(),
    }
}

/// The same cells with identifiers shortened: by so much that different ones still differ.
fn shortened(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let all: BTreeSet<&str> = rows.iter().flatten().map(String::as_str).collect();
    let tail = (ID_TAIL_CHARS..MIN_ID_CHARS)
        .step_by(4)
        .find(|tail| all.iter().map(|cell| short(cell, *tail)).collect::<BTreeSet<_>>().len() == all.len());
    match tail {
        Some(tail) => rows.iter().map(|row| row.iter().map(|cell| short(cell, tail)).collect()).collect(),
        None => rows.to_vec(),
    }
}

/// An address with its identifiers shortened, and without what all addresses of databases begin with.
fn short(cell: &str, tail: usize) -> String {
    let cell = cell.strip_prefix("/orbitdb/").unwrap_or(cell);
    cell.split('/').map(|part| short_id(part, tail)).collect::<Vec<_>>().join("/")
}

fn short_id(part: &str, tail: usize) -> String {
    let id = ["zdpu", "12D3Koo", "16Uiu2"].iter().any(|prefix| part.starts_with(prefix))
        && part.len() >= MIN_ID_CHARS
        && part.chars().all(|char| char.is_ascii_alphanumeric());
    if !id {
        return part.to_owned();
    }
    format!("{}\u{2026}{}", &part[..ID_HEAD_CHARS], &part[part.len() - tail..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Text;

    const PIPE: Screen = Screen { columns: None, colour: false };
    const NARROW: Screen = Screen { columns: Some(80), colour: false };
    const ONE: &str = "/orbitdb/zdpuAya7a55GQvYR5rUbJfvXZqXXe2dYTjafsWHWg2mLjif5W";
    const OTHER: &str = "/orbitdb/zdpuAya7a55GQvYR5rUbJfvXZqXXe2dYTjafsWHXg2mLjif5W";

    fn databases() -> Text {
        let row = |name: &str, address: &str| {
            vec![
                name.to_owned(),
                "documents".into(),
                "opening".into(),
                "1000000".into(),
                "1".into(),
                "0".into(),
                address.into(),
            ]
        };
        let rows = [row("shortest", ONE), row(&"long ".repeat(40), OTHER)];
        Text::table(&["NAME", "TYPE", "STATE", "ENTRIES", "HEADS", "PENDING", "ADDRESS"], rows.into_iter())
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let rows = [vec!["\u{fc}ber", "1"], vec!["a", "22"], vec!["\u{65e5}\u{672c}", "3"]];
        let text = Text::table(&["NAME", "N"], rows.into_iter()).render(PIPE);
        assert_eq!(text, "NAME  N\n\u{fc}ber  1\na     22\n\u{65e5}\u{672c}  3\n");
    }

    #[test]
    fn a_table_fits_its_terminal_and_different_addresses_stay_different() {
        let text = databases().render(NARROW);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
        assert!(lines[1].contains("zdpuAya\u{2026}") && lines[1].ends_with("jif5W"), "{text}");
        assert!(lines[2].starts_with("long") && lines[2].contains('\u{2026}'), "{text}");
        let last = |line: &str| line.split_whitespace().last().map(str::to_owned);
        assert_ne!(last(lines[1]), last(lines[2]), "{text}");
    }

    #[test]
    fn files_and_wide_terminals_get_addresses_in_full() {
        for screen in [PIPE, Screen { columns: Some(400), colour: false }] {
            let text = databases().render(screen);
            assert!(text.contains(ONE) && text.contains(OTHER) && !text.contains('\u{2026}'), "{text}");
        }
    }

    #[test]
    fn a_cell_of_any_length_is_one_line() {
        for screen in [PIPE, NARROW] {
            let rows = [vec!["x".repeat(4 << 20), "b\nc".to_owned()]];
            let text = Text::table(&["A", "B"], rows.into_iter()).render(screen);
            assert_eq!(text.lines().count(), 2, "{}", text.len());
            assert!(text.contains('\u{2026}') && text.contains("b\\nc"));
        }
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let text = Text::table(&["STATE"], [vec![Cell::bad("failed")]].into_iter());
        let coloured = text.render(Screen { columns: Some(80), colour: true });
        assert!(coloured.contains("\u{1b}[") && coloured.contains("failed"), "{coloured:?}");
        assert_eq!(text.render(NARROW), "STATE\nfailed\n");
    }
}
