//! Backups on their way, with their progress.

use super::error::BackupFileError;
use crate::output::{Progress, size};
use car::{Closing, Contents, Index, Part, Reader, Refusal};
use oplog::entry::MAX_ENTRY_BYTES;
use std::io::{self, BufReader, Read, Write};

/// Bytes after which progress is shown anew.
const SHOWN_EVERY: u64 = 1 << 20;

/// Copies a backup, of which everything but the entries' signatures is checked.
pub(super) fn copy(
    from: impl Read,
    to: impl Write,
    progress: &Progress,
) -> Result<(Index, Closing), BackupFileError> {
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
pub(super) struct Sent<'a> {
    from: Box<dyn Read + 'a>,
    bytes: u64,
    progress: &'a Progress,
}

impl<'a> Sent<'a> {
    pub(super) fn new(from: Box<dyn Read + 'a>, progress: &'a Progress) -> Self {
        Self { from, bytes: 0, progress }
    }
}

impl Read for Sent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        show(self.progress, "restoring", &mut self.bytes, read);
        if read == 0 {
            self.progress.at("restoring: everything is sent, and is being checked and taken in");
        }
        Ok(read)
    }
}
