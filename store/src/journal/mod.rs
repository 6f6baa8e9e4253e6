//! The journal: every block and every change, in the order of writing. It is the truth; the tree is derived from it.
//!
//! One append-only sequence serves all databases, so that one `fdatasync` makes everything written before it durable.

pub(super) mod frame;
mod scan;
mod segments;

pub(super) use frame::{Frames, Kind};
pub(super) use scan::Scan;
pub(super) use segments::{Location, Offset, Segments};

use super::error::StoreError;
use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

/// The size at which a new file is begun, in bytes.
pub(super) const SEGMENT_BYTES: u64 = 64 << 20;

/// The end of the journal, to which frames are added.
#[derive(Debug)]
pub(super) struct Journal {
    segments: Arc<Segments>,
    file: Arc<File>,
    end: Offset,
    /// Bytes of all files but the last.
    full_bytes: u64,
    /// Set when a failed append could not be taken back, or a sync failed: what follows might not be found again.
    broken: bool,
}

/// The journal of a folder before its end is known.
#[derive(Debug)]
pub(super) struct Found {
    segments: Arc<Segments>,
}

impl Found {
    /// Looks at a folder, and creates it if need be.
    pub(super) fn at(folder: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
        Ok(Self { segments: Arc::new(Segments::new(folder)) })
    }

    /// The frames from `from` on.
    pub(super) fn scan(&self, from: Offset) -> Result<Scan, StoreError> {
        Scan::new(Arc::clone(&self.segments), from)
    }

    /// Whether there is no file.
    pub(super) fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.segments.list()?.is_empty())
    }

    /// Where the last file ends, whole frame or not.
    pub(super) fn last_byte(&self) -> Result<Offset, StoreError> {
        let Some(segment) = self.segments.list()?.pop() else { return Ok(Offset::default()) };
        let path = self.segments.path(segment);
        let length = fs::metadata(&path).map_err(StoreError::io("read", path))?.len();
        Ok(Offset { segment, at: length })
    }

    /// The journal, to be continued at `end`. What follows it, the unfinished end of a write that a crash cut off, goes.
    pub(super) fn continue_at(self, end: Offset) -> Result<Journal, StoreError> {
        let mut full_bytes = 0;
        for segment in self.segments.list()? {
            let path = self.segments.path(segment);
            if segment < end.segment {
                full_bytes += fs::metadata(&path).map_err(StoreError::io("read", path))?.len();
            }
        }
        let file = open_end(&self.segments, end)?;
        Ok(Journal { segments: self.segments, file: Arc::new(file), end, full_bytes, broken: false })
    }
}

impl Journal {
    /// For readers.
    pub(super) fn segments(&self) -> &Arc<Segments> {
        &self.segments
    }

    /// The file that is written, to be synced.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Where the next frame goes.
    pub(super) fn end(&self) -> Offset {
        self.end
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.full_bytes + self.end.at
    }

    /// Whether a failure left the files in a state that only a restart clears up.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Appends frames and says where their payloads are. They are on disk after the next sync of [`file`](Self::file).
    /// After an error nothing was appended.
    pub(super) fn append(&mut self, frames: &Frames) -> Result<Vec<Location>, StoreError> {
        let failed = || StoreError::io("write", self.segments.path(self.end.segment));
        if self.broken || frames.payloads.iter().any(|(_, length)| *length > frame::MAX_PAYLOAD) {
            return Err(failed()(io::ErrorKind::InvalidInput.into()));
        }
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        if self.end.at > 0 && self.end.at + frames.bytes.len() as u64 > SEGMENT_BYTES {
            self.roll()?;
        }
        if let Err(error) = (&*self.file).write_all(&frames.bytes) {
            self.broken = self.file.set_len(self.end.at).is_err();
            return Err(StoreError::io("write", self.segments.path(self.end.segment))(error));
        }
        let Offset { segment, at } = self.end;
        self.end.at += frames.bytes.len() as u64;
        let locate = |(start, length): &(usize, usize)| Location {
            segment,
            at: at + *start as u64,
            length: u32::try_from(*length).unwrap_or(u32::MAX),
        };
        Ok(frames.payloads.iter().map(locate).collect())
    }

    /// Begins a new file. The last one is synced first, so that syncing the new one covers all.
    pub(super) fn roll(&mut self) -> Result<(), StoreError> {
        if let Err(error) = self.file.sync_data() {
            self.broken = true;
            return Err(StoreError::io("sync", self.segments.path(self.end.segment))(error));
        }
        let next = Offset { segment: self.end.segment + 1, at: 0 };
        let file = open_end(&self.segments, next)?;
        self.full_bytes += self.end.at;
        self.end = next;
        self.file = Arc::new(file);
        Ok(())
    }

    /// The frames from `from` on.
    pub(super) fn scan(&self, from: Offset) -> Result<Scan, StoreError> {
        Scan::new(Arc::clone(&self.segments), from)
    }

    /// The frames of one segment.
    pub(super) fn scan_segment(&self, segment: u32) -> Scan {
        Scan::segment(Arc::clone(&self.segments), segment)
    }

    /// The files and their sizes in bytes.
    pub(super) fn sizes(&self) -> Result<Vec<(u32, u64)>, StoreError> {
        let size = |segment| {
            let path = self.segments.path(segment);
            Ok((segment, fs::metadata(&path).map_err(StoreError::io("read", path))?.len()))
        };
        self.segments.list()?.into_iter().map(size).collect()
    }

    /// Deletes a segment that holds nothing any more; never the last one.
    pub(super) fn delete(&mut self, segment: u32) -> Result<(), StoreError> {
        let path = self.segments.path(segment);
        let length = fs::metadata(&path).map_err(StoreError::io("read", path))?.len();
        self.segments.delete(segment)?;
        self.full_bytes = self.full_bytes.saturating_sub(length);
        Ok(())
    }
}

/// Opens the file to append to, cut to `end`, and makes its name durable.
fn open_end(segments: &Segments, end: Offset) -> Result<File, StoreError> {
    let path = segments.path(end.segment);
    let open = || {
        let file = File::options().create(true).append(true).open(&path)?;
        if file.metadata()?.len() != end.at {
            file.set_len(end.at)?;
        }
        file.sync_all()?;
        File::open(segments.folder())?.sync_all()?;
        Ok(file)
    };
    open().map_err(StoreError::io("open", &path))
}
