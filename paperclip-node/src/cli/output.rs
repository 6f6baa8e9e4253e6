//! What is printed: aligned columns for people, one JSON document per line for programs.

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

    /// Prints a document for programs, or `lines` for people.
    pub(crate) fn document(self, document: &Json, lines: impl FnOnce() -> String) -> io::Result<()> {
        if self.json { line(&document.to_string()) } else { line(&lines()) }
    }

    /// Prints documents: each on its line for programs, as a table for people.
    pub(crate) fn rows(
        self,
        documents: &[Json],
        header: &[&str],
        row: impl Fn(&Json) -> Vec<String>,
    ) -> io::Result<()> {
        if self.json {
            return documents.iter().try_for_each(|document| line(&document.to_string()));
        }
        line(&table(header, documents.iter().map(row)))
    }

    /// Prints a value as JSON whoever reads: on one line for programs, indented for people.
    pub(crate) fn value(self, value: &Json) -> io::Result<()> {
        if self.json { line(&value.to_string()) } else { line(&format!("{value:#}")) }
    }
}

/// Prints one line, or several that are one text.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.is_empty() && !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Tells why a command failed. When standard error is closed there is nobody to tell.
pub(super) fn tell_error(error: &dyn std::fmt::Display) {
    let mut err = io::stderr().lock();
    for line in error.to_string().lines() {
        drop(writeln!(err, "paperclip-node: {line}"));
    }
}

/// Aligned columns under a header. Empty without rows but for the header.
pub(crate) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Lines of a name and what it is, aligned.
pub(crate) fn pairs(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    pairs.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = [vec!["\u{fc}ber".to_owned(), "1".to_owned()], vec!["a".to_owned(), "22".to_owned()]];
        assert_eq!(table(&["NAME", "N"], rows.into_iter()), "NAME  N\n\u{fc}ber  1\na     22\n");
        assert_eq!(pairs(&[("a", "1".to_owned()), ("bcd", "2".to_owned())]), "a    1\nbcd  2\n");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(None), "-");
        assert_eq!(duration(Some(3.4)), "3 s");
        assert_eq!(duration(Some(600.0)), "10 min");
        assert_eq!(duration(Some(7200.0)), "2 h");
        assert_eq!(duration(Some(200_000.0)), "2 days");
    }
}
