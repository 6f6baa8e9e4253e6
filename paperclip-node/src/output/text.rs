//! Text for people: lines, names with values, tables.

use super::{cells::Cell, screen::Screen, table};

/// What is printed for people, block below block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(Vec<Block>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Empty,
    Line(Cell),
    Pairs(Vec<(&'static str, Cell)>),
    Table { header: Vec<String>, rows: Vec<Vec<Cell>> },
}

impl Text {
    /// One line.
    pub(crate) fn line(text: impl Into<Cell>) -> Self {
        Self(vec![Block::Line(text.into())])
    }

    /// Lines of a name and what it is, aligned. A line without a name goes on with the one above.
    pub(crate) fn pairs(pairs: Vec<(&'static str, Cell)>) -> Self {
        Self(vec![Block::Pairs(pairs)])
    }

    /// Aligned columns under a header.
    pub(crate) fn table<C: Into<Cell>>(header: &[&str], rows: impl Iterator<Item = Vec<C>>) -> Self {
        let header = header.iter().map(|name| (*name).to_owned()).collect();
        let rows = rows.map(|row| row.into_iter().map(Into::into).collect()).collect();
        Self(vec![Block::Table { header, rows }])
    }

    /// This, and `below` right below it.
    pub(crate) fn then(mut self, below: Self) -> Self {
        self.0.extend(below.0);
        self
    }

    /// This, and `below` under an empty line.
    pub(crate) fn apart(mut self, below: Self) -> Self {
        self.0.push(Block::Empty);
        self.then(below)
    }

    /// All of it, as files and pipes get it.
    #[cfg(test)]
    pub(crate) fn in_full(&self) -> String {
        self.render(Screen { columns: None, colour: false })
    }

    /// The lines for a screen.
    pub(crate) fn render(&self, screen: Screen) -> String {
        self.0.iter().map(|block| block.render(screen)).collect()
    }
}

impl Block {
    fn render(&self, screen: Screen) -> String {
        match self {
            Self::Empty => "\n".to_owned(),
            Self::Line(cell) => format!("{}\n", cell.render(screen)),
            Self::Pairs(pairs) => {
                let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
                let lines =
                    pairs.iter().map(|(name, cell)| format!("{name:width$}  {}\n", cell.render(screen)));
                lines.collect()
            }
            Self::Table { header, rows } => table::render(header, rows, screen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_aligned() {
        let text = Text::pairs(vec![("a", "1".into()), ("", "2".into()), ("bcd", "3".into())]);
        assert_eq!(text.apart(Text::line("end")).in_full(), "a    1\n     2\nbcd  3\n\nend\n");
    }

    #[test]
    fn a_value_stays_on_its_line_and_colours_are_ours_alone() {
        let hostile = "\u{1b}[2J\nready  yes";
        let safe = "\\u001b[2J\\nready  yes";
        for (cell, colour) in [(Cell::from(hostile), ""), (Cell::bad(hostile), "\u{1b}[31m")] {
            let end = if colour.is_empty() { "" } else { "\u{1b}[0m" };
            let coloured = Screen { columns: Some(80), colour: true };
            assert_eq!(Text::line(cell.clone()).render(coloured), format!("{colour}{safe}{end}\n"));
            assert_eq!(Text::pairs(vec![("name", cell)]).in_full(), format!("name  {safe}\n"));
        }
    }
}
