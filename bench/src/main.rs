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

use crate::figures::Scale;
use crate::progress::say;
use crate::table::Table;

/// Measures PaperClip and JavaScript OrbitDB at the same work.
#[derive(Debug, Parser)]
#[command(name = "paperclip-bench", version)]
struct Arguments {
    /// Also write the table as Markdown to this file.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Small sizes: shows in a minute that everything runs; its figures say little.
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
    let scale = if arguments.quick { Scale::quick() } else { Scale::full() };
    let home = folder()?;
    let mut table = Table::new(arguments.quick);
    let primitives = primitive::measure(home.path(), scale.seconds)?;
    primitives.report(&mut table);
    figures::measure(home.path(), &scale, &primitives, &mut table)?;
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
