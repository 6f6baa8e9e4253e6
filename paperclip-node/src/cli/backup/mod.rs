//! `backup`, `restore`: a running node's databases as one file, and back.

pub(super) mod error;

use super::{error::CliError, target::ClientArgs};
use crate::output::{Cell, Progress, Text, size, tell};
use car::{Closing, Contents, Index, Part, Reader, Refusal};
use clap::Args;
use durable_file::OWNERS_FILE;
use error::BackupFileError;
use oplog::entry::MAX_ENTRY_BYTES;
use paperclip_client::{
    http::encoded,
    shape::{BACKUP_MEDIA_TYPE, RestoreReport, RestoredDatabase},
};
use serde_json::json;
use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};

/// Stands for standard input and output.
const STANDARD: &str = "-";

/// Bytes after which progress is shown anew.
const SHOWN_EVERY: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// Name or address of a database; all databases if omitted
    db: Option<String>,
    /// Back up all databases and the catalog
    #[arg(long, conflicts_with = "db")]
    all: bool,
    /// File to write, readable by its owner only; - for standard output
    #[arg(long, value_name = "FILE")]
    to: String,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// File to read; - for standard input
    #[arg(long, value_name = "FILE")]
    from: String,
    /// Only check the backup, and change nothing
    #[arg(long)]
    check: bool,
    /// Name or address of the one database to restore
    #[arg(long, value_name = "DB", conflicts_with = "check")]
    only: Option<String>,
}

/// Writes a backup, and checks it on its way: what is there in the end is whole.
pub(super) fn back_up(args: &BackupArgs) -> Result<(), CliError> {
    let client = args.client.connect()?;
    let path = match &args.db {
        Some(db) => format!("/v1/backup?database={}", encoded(db)),
        None => "/v1/backup".to_owned(),
    };
    let from = client.download(&path)?;
    let progress = Progress::waiting("backing up");
    let mut copied = None;
    if args.to == STANDARD {
        copied = Some(copy(from, io::stdout().lock(), &progress).map_err(|error| named(error, &args.to))?);
    } else {
        let filled = durable_file::replace_with(Path::new(&args.to), OWNERS_FILE, |file| {
            copied = Some(copy(from, file, &progress)?);
            Ok(())
        });
        filled.map_err(|error| named(error, &args.to))?;
    }
    drop(progress);
    let Some((index, closing)) = copied else { return Ok(()) };
    for address in &index.missing {
        tell(&format!("{address}: left out, since no peer has provided it to the node so far"));
    }
    let databases = index.databases.len();
    let told = format!("{databases} databases, {} entries, {}", closing.entries, size(Some(closing.bytes)));
    if args.to == STANDARD {
        tell(&told);
        return Ok(());
    }
    let document = json!({
        "file": args.to,
        "bytes": closing.bytes,
        "entries": closing.entries,
        "databases": databases,
        "missing": index.missing.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    Ok(args.client.output().document(&document, || Text::line(format!("{}: {told}", args.to)))?)
}

fn named(error: BackupFileError, file: &str) -> BackupFileError {
    match error {
        BackupFileError::Write { source, .. } => BackupFileError::Write { path: file.into(), source },
        other => other,
    }
}

/// Copies a backup, of which everything but the entries' signatures is checked.
fn copy(from: impl Read, to: impl Write, progress: &Progress) -> Result<(Index, Closing), BackupFileError> {
    let mut tee = Tee { from, to, failed: None, bytes: 0, progress };
    let copied = checked(BufReader::with_capacity(64 << 10, &mut tee));
    if let Some(source) = tee.failed {
        return Err(source.into());
    }
    tee.to.flush()?;
    Ok(copied?)
}

fn checked(from: impl io::BufRead) -> Result<(Index, Closing), Refusal> {
    let mut reader = Reader::new(from)?;
    let mut contents = Contents::new(reader.root(), MAX_ENTRY_BYTES, |_| false);
    let mut closing = None;
    while let Some(block) = reader.next_block()? {
        if let Part::Closing(record) = contents.take(block, || reader.before_last())? {
            closing = Some(record);
        }
    }
    contents.finish()?;
    match (contents.index(), closing) {
        (Some(index), Some(closing)) => Ok((index.clone(), closing)),
        _ => Err(Refusal::NoClosing { blocks: 0 }),
    }
}

/// Writes what is read.
struct Tee<'a, R, W> {
    from: R,
    to: W,
    /// Why it could not be written.
    failed: Option<io::Error>,
    bytes: u64,
    progress: &'a Progress,
}

impl<R: Read, W: Write> Read for Tee<'_, R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        if let Err(error) = self.to.write_all(&buffer[..read]) {
            let told = error.kind().into();
            self.failed = Some(error);
            return Err(told);
        }
        show(self.progress, "backing up", &mut self.bytes, read);
        Ok(read)
    }
}

/// Shows how far a transfer is.
fn show(progress: &Progress, what: &str, bytes: &mut u64, more: usize) {
    let before = *bytes / SHOWN_EVERY;
    *bytes += more as u64;
    if *bytes / SHOWN_EVERY != before {
        progress.at(&format!("{what}: {}", size(Some(*bytes))));
    }
}

/// What is read, with its progress.
struct Upload<'a> {
    from: Box<dyn Read + 'a>,
    bytes: u64,
    progress: &'a Progress,
}

impl Read for Upload<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        show(self.progress, "restoring", &mut self.bytes, read);
        if read == 0 {
            self.progress.at("restoring: everything is sent, and is being checked and taken in");
        }
        Ok(read)
    }
}

/// Restores a backup, or only checks it.
pub(super) fn restore(args: &RestoreArgs) -> Result<(), CliError> {
    let client = args.client.connect()?;
    let from: Box<dyn Read> = if args.from == STANDARD {
        Box::new(io::stdin().lock())
    } else {
        let path = PathBuf::from(&args.from);
        Box::new(File::open(&path).map_err(|source| BackupFileError::Read { path, source })?)
    };
    let mut path = format!("/v1/restore?check={}", args.check);
    if let Some(only) = &args.only {
        path.push_str(&format!("&only={}", encoded(only)));
    }
    let progress = Progress::waiting("restoring");
    let answer = client.upload(&path, BACKUP_MEDIA_TYPE, Upload { from, bytes: 0, progress: &progress })?;
    drop(progress);
    let report: RestoreReport = answer.read()?;
    args.client.output().document(&answer.json()?, || {
        let header = ["NAME", "ENTRIES", "NEW", "AS IN THE BACKUP", "ADDRESS"];
        Text::table(&header, report.databases.iter().map(cells))
    })?;
    if let Some(catalog) = &report.foreign_catalog {
        tell(&format!(
            "the backup is of another cluster: its databases are pinned here, and its catalog {catalog} was left out"
        ));
    }
    for address in &report.missing {
        tell(&format!("{address}: pinned when the backup was made, and not in it"));
    }
    Ok(())
}

fn cells(database: &RestoredDatabase) -> Vec<Cell> {
    let equal = match database.equal {
        None => "-".into(),
        Some(true) => Cell::good("yes"),
        // It was written to since, which is as it should be.
        Some(false) => "and more".into(),
    };
    vec![
        database.name.as_str().into(),
        database.entries.to_string().into(),
        database.new.map_or_else(|| "-".to_owned(), |new| new.to_string()).into(),
        equal,
        database.address.as_str().into(),
    ]
}
