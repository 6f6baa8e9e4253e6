//! The table of figures, for a terminal and as Markdown.

use std::fmt::Write as _;

use crate::progress::say;

/// What a figure is to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// At least this many times the compared figure.
    Times(f64),
    /// At least this share of the primitive.
    Share(f64),
    /// At most this figure, in the row's unit.
    AtMost(f64),
    /// None was set.
    None,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What was done.
    pub(crate) work: String,
    /// Of `ours` and `compared`.
    pub(crate) unit: &'static str,
    /// PaperClip's figure.
    pub(crate) ours: f64,
    /// JavaScript's figure, or the primitive's.
    pub(crate) compared: Option<f64>,
    /// What was asked for.
    pub(crate) target: Target,
}

/// All lines, with where they were measured.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Row>,
    is_quick: bool,
}

const HEADINGS: [&str; 6] = ["work", "PaperClip", "compared with", "ratio", "target", "reached"];

impl Table {
    pub(crate) fn new(is_quick: bool) -> Self {
        Self { rows: Vec::new(), is_quick }
    }

    pub(crate) fn add(&mut self, row: Row) {
        say(&format!("  {}", row.cells().join(" | ")));
        self.rows.push(row);
    }

    /// For a terminal.
    pub(crate) fn text(&self) -> String {
        let cells: Vec<[String; 6]> = self.rows.iter().map(Row::cells).collect();
        let width = |column: usize| {
            let longest = cells.iter().map(|row| row[column].chars().count()).max();
            longest.unwrap_or(0).max(HEADINGS[column].len())
        };
        let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
        let line = |row: &[String; 6]| {
            let padded: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            padded.join("  ").trim_end().to_owned()
        };
        let rule = widths.iter().map(|&width| "-".repeat(width)).collect::<Vec<_>>().join("  ");
        let mut lines = vec![line(&HEADINGS.map(str::to_owned)), rule];
        lines.extend(cells.iter().map(line));
        lines.join("\n")
    }

    /// For the book.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from("# Benchmarks\n\n");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let _ = writeln!(
            text,
            "Written by `make bench` on {cores} cores ({}). PaperClip: release binary, real processes, HTTP over loopback, every\n\
             acknowledged write flushed. JavaScript: OrbitDB 4.0.0 on Node 24, LevelDB on disk, called in its own process, not\n\
             flushed. The last column says whether the target of the plan was reached in this run.\n",
            cpu()
        );
        if self.is_quick {
            text.push_str("This was a `--quick` run: its figures say little.\n\n");
        }
        let line = |cells: &[String; 6]| format!("| {} |\n", cells.join(" | "));
        text.push_str(&line(&HEADINGS.map(str::to_owned)));
        text.push_str("| --- | ---: | ---: | ---: | ---: | --- |\n");
        for row in &self.rows {
            text.push_str(&line(&row.cells()));
        }
        text
    }
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.compared.filter(|&compared| compared > 0.0).map(|compared| self.ours / compared)
    }

    fn is_reached(&self) -> Option<bool> {
        match self.target {
            Target::Times(least) | Target::Share(least) => self.ratio().map(|ratio| ratio >= least),
            Target::AtMost(most) => Some(self.ours <= most),
            Target::None => None,
        }
    }

    fn cells(&self) -> [String; 6] {
        let with_unit = |figure: f64| format!("{} {}", short(figure), self.unit);
        let ratio = match (self.ratio(), self.target) {
            (Some(ratio), Target::Share(_)) => format!("{:.0} %", ratio * 100.0),
            (Some(ratio), _) => format!("{}x", short(ratio)),
            (None, _) => String::new(),
        };
        let target = match self.target {
            Target::Times(least) => format!(">= {}x", short(least)),
            Target::Share(least) => format!(">= {:.0} %", least * 100.0),
            Target::AtMost(most) => format!("<= {}", with_unit(most)),
            Target::None => String::new(),
        };
        let reached = match self.is_reached() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        [
            self.work.clone(),
            with_unit(self.ours),
            self.compared.map(with_unit).unwrap_or_default(),
            ratio,
            target,
            reached.to_owned(),
        ]
    }
}

/// Three significant digits, thousands set apart.
fn short(figure: f64) -> String {
    if figure >= 1000.0 {
        let digits = format!("{figure:.0}");
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                text.push(',');
            }
            text.push(digit);
        }
        text
    } else if figure >= 100.0 {
        format!("{figure:.0}")
    } else if figure >= 10.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.2}")
    }
}

fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name"));
    model
        .map(|rest| rest.trim_start_matches(['\t', ' ', ':']).to_owned())
        .unwrap_or_else(|| "unknown CPU".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(short(1_234_567.8), "1,234,568");
        assert_eq!(short(193.4), "193");
        assert_eq!(short(2.347), "2.35");
    }

    #[test]
    fn a_row_says_whether_its_target_was_reached() {
        let row = |ours, target| Row { work: "w".into(), unit: "/s", ours, compared: Some(10.0), target };
        assert_eq!(row(400.0, Target::Times(40.0)).cells()[5], "yes");
        assert_eq!(
            row(4.0, Target::Share(0.5)).cells(),
            ["w", "4.00 /s", "10.0 /s", "40 %", ">= 50 %", "no"]
        );
        assert_eq!(row(4.0, Target::None).cells()[5], "");
    }
}
