//! `make bench`: PaperClip (release binary, real processes, real HTTP) and JavaScript OrbitDB (LevelDB on disk) at the
//! same work in one run, with the primitives both stand on, as one table of figures, ratios and targets.
//!
//! Nothing here passes or fails: a figure is a figure. The tests are in `tests/`.

mod figures;
mod primitive;
mod progress;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use paperclip_tests::{HarnessError, Result, folder};

use crate::figures::{Figure, Scale};
use crate::progress::say;
use crate::table::Table;

/// Measure PaperClip and JavaScript OrbitDB at the same work.
#[derive(Debug, Parser)]
#[command(name = "paperclip-bench", version)]
struct Arguments {
    /// Figures to measure; all but databases if omitted.
    #[arg(value_name = "FIGURE")]
    figures: Vec<Figure>,
    /// Number of databases for the figure databases.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    databases: Option<u16>,
    /// Also write the table to this file, as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Use small sizes, to check in a minute that everything runs; the figures mean little.
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("paperclip-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let mut scale = if arguments.quick { Scale::quick() } else { Scale::full() };
    scale.databases = arguments.databases.map_or(scale.databases, usize::from);
    let figures =
        if arguments.figures.is_empty() { Figure::USUAL.as_slice() } else { arguments.figures.as_slice() };
    let home = folder()?;
    let mut table = Table::new(arguments.quick);
    let primitives = primitive::measure(home.path(), scale.seconds)?;
    primitives.report(&mut table);
    figures::measure(figures, home.path(), &scale, &primitives, &mut table)?;
    show(&table.text());
    if let Some(file) = &arguments.markdown {
        std::fs::write(file, table.markdown())
            .map_err(|source| HarnessError::Io { what: format!("writing {}", file.display()), source })?;
    }
    Ok(())
}

/// The result, on standard output.
fn show(text: &str) {
    #[expect(clippy::print_stdout, reason = "the table is what the program is for")]
    {
        println!("{text}");
    }
}
