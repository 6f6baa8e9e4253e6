//! The journal: every block and every change, in the order of writing. It is the truth; the tree is derived from it.
//!
//! One append-only sequence serves all databases, so that one `fdatasync` makes everything written before it durable.

mod damage;
pub(super) mod file_header;
pub(super) mod frame;
mod key;
mod place;
pub(super) mod records;
mod resync;
mod scan;
mod segments;

pub use damage::Damage;
pub(super) use file_header::FRAMES_START;
pub(super) use frame::{Frame, Kind};
pub(super) use place::{Location, Offset};
pub(super) use records::Frames;
pub(super) use scan::Scan;
pub(super) use segments::Segments;

use super::{
    disk::{self, DiskFile},
    environment::Environment,
    error::StoreError,
};
use file_header::FileHeader;
use std::{io, path::Path, sync::Arc};

/// Bytes that are copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// The end of the journal, to which frames are added.
#[derive(Debug)]
pub(super) struct Journal {
    segments: Arc<Segments>,
    file: Arc<dyn DiskFile>,
    header: FileHeader,
    end: Offset,
    /// Where the last frame ends that is no [`Kind::Synced`].
    written: Offset,
    /// Whether there is no frame behind which a [`Kind::Synced`] is lacking.
    is_marked: bool,
    /// Bytes of all files but the last.
    full_bytes: u64,
    /// Set when a failed append could not be taken back, or a sync failed: what follows might not be found again. Also where
    /// the journal is only read.
    broken: bool,
}

/// The journal of a folder before its end is known.
#[derive(Debug)]
pub(super) struct Found {
    segments: Arc<Segments>,
}

impl Found {
    /// Looks at a folder, and creates it if need be.
    pub(super) fn at(folder: &Path, environment: &Environment) -> Result<Self, StoreError> {
        environment.disk.create_folder(folder).map_err(StoreError::io("create", folder))?;
        Ok(Self { segments: Arc::new(Segments::new(folder, environment)) })
    }

    /// For readers.
    pub(super) fn segments(&self) -> &Arc<Segments> {
        &self.segments
    }

    /// The frames from `from` on.
    pub(super) fn scan(&self, from: Offset) -> Result<Scan, StoreError> {
        Scan::new(Arc::clone(&self.segments), from)
    }

    /// Whether there is no file.
    pub(super) fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.segments.list()?.is_empty())
    }

    /// The epoch of a file; `None` when it is missing or its beginning is damaged.
    pub(super) fn epoch(&self, segment: u32) -> Result<Option<u64>, StoreError> {
        if !self.segments.list()?.contains(&segment) {
            return Ok(None);
        }
        Ok(self.segments.begin(segment)?.1.map(|header| header.epoch))
    }

    /// Where the last file ends, whole frame or not.
    pub(super) fn last_byte(&self) -> Result<Offset, StoreError> {
        let Some(segment) = self.segments.list()?.pop() else { return Ok(Offset::default()) };
        Ok(Offset { segment, at: self.segments.size(segment)? })
    }

    /// The journal, to be continued at `end`, where the last frame `is_marked` or not. What follows it, the unfinished end of a
    /// write that a crash cut off, goes.
    ///
    /// What of the last file is not known to be `synced` may be in the system's cache only, and after a failed flush the system
    /// may take it for written. So the file is written once more, and the copy takes its place. A file of which something cannot
    /// be read stays as it is, and another one is begun.
    pub(super) fn continue_at(
        self,
        end: Offset,
        synced: Offset,
        is_marked: bool,
    ) -> Result<Journal, StoreError> {
        let mut full_bytes = self.bytes_before(end)?;
        let continued = match self.last_byte()? {
            Offset { at: 0, .. } => None,
            last => open_last(&self.segments, last, end, synced)?,
        };
        let (header, file, end, is_marked) = match continued {
            Some((header, file)) => (header, file, end, is_marked),
            None => {
                let segment = if self.is_empty()? { 0 } else { end.segment + 1 };
                full_bytes += end.at;
                let (header, file) = begin(&self.segments, segment)?;
                (header, file, Offset { segment, at: FRAMES_START }, true)
            }
        };
        Ok(Journal {
            segments: self.segments,
            file,
            header,
            end,
            written: end,
            is_marked: is_marked || end.at == FRAMES_START,
            full_bytes,
            broken: false,
        })
    }

    /// The journal up to `end`, to be read. Its files stay as they are, with what follows `end`.
    pub(super) fn stop_at(self, end: Offset) -> Result<Journal, StoreError> {
        let full_bytes = self.bytes_before(end)?;
        let (file, header) = self.segments.begin(end.segment)?;
        let header = match header {
            Some(header) => header,
            // Nothing is written with it.
            None => FileHeader::draw(self.segments.environment().random)
                .map_err(StoreError::io("read", self.segments.path(end.segment)))?,
        };
        Ok(Journal {
            segments: self.segments,
            file,
            header,
            end,
            written: end,
            is_marked: true,
            full_bytes,
            broken: true,
        })
    }

    /// Bytes of the files before the one of a place.
    fn bytes_before(&self, end: Offset) -> Result<u64, StoreError> {
        let before = self.segments.list()?.into_iter().filter(|segment| *segment < end.segment);
        before.map(|segment| self.segments.size(segment)).sum()
    }
}

impl Journal {
    /// For readers.
    pub(super) fn segments(&self) -> &Arc<Segments> {
        &self.segments
    }

    /// The file that is written, to be synced.
    pub(super) fn file(&self) -> Arc<dyn DiskFile> {
        Arc::clone(&self.file)
    }

    /// Where the next frame goes.
    pub(super) fn end(&self) -> Offset {
        self.end
    }

    /// Where the last frame ends that records something. What follows need not be brought to disk.
    pub(super) fn written(&self) -> Offset {
        self.written
    }

    /// The epoch of the file in which it is.
    pub(super) fn epoch(&self) -> u64 {
        self.header.epoch
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
    pub(super) fn append(&mut self, frames: Frames) -> Result<Vec<Location>, StoreError> {
        if self.broken || frames.longest() > frame::MAX_PAYLOAD {
            let path = self.segments.path(self.end.segment);
            return Err(StoreError::io("write", path)(io::ErrorKind::InvalidInput.into()));
        }
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        let limit = self.segments.environment().segment_bytes;
        if self.end.at > FRAMES_START && self.end.at + frames.len() as u64 > limit {
            self.roll()?;
        }
        let locations = self.push(frames)?;
        (self.written, self.is_marked) = (self.end, false);
        Ok(locations)
    }

    /// Has the last frame followed by one that tells that everything is on disk, unless there is one: now nobody takes it for the
    /// unfinished end of a write. To be called when everything up to [`written`](Self::written) was synced. The new frame need not
    /// be on disk itself.
    pub(super) fn mark_synced(&mut self) -> Result<(), StoreError> {
        if !self.is_marked && !self.broken {
            self.push(Frames::synced())?;
            self.is_marked = true;
        }
        Ok(())
    }

    fn push(&mut self, mut frames: Frames) -> Result<Vec<Location>, StoreError> {
        if let Err(error) = self.file.append(frames.seal(&self.header.key, self.end)) {
            // Taken back for good, so that no part of it is found behind what comes next.
            self.broken = self.file.truncate(self.end.at).and_then(|()| self.file.sync()).is_err();
            return Err(StoreError::io("write", self.segments.path(self.end.segment))(error));
        }
        let Offset { segment, at } = self.end;
        self.end.at += frames.len() as u64;
        let locate = |(start, length)| Location {
            segment,
            at: at + start as u64,
            length: u32::try_from(length).unwrap_or(u32::MAX),
        };
        Ok(frames.payloads().map(locate).collect())
    }

    /// Begins a new file. The last one is synced first, so that syncing the new one covers all.
    pub(super) fn roll(&mut self) -> Result<(), StoreError> {
        if let Err(error) = self.file.sync() {
            self.broken = true;
            return Err(StoreError::io("sync", self.segments.path(self.end.segment))(error));
        }
        let next = Offset { segment: self.end.segment + 1, at: FRAMES_START };
        let (header, file) = begin(&self.segments, next.segment)?;
        self.full_bytes += self.end.at;
        (self.header, self.file, self.end) = (header, file, next);
        (self.written, self.is_marked) = (next, true);
        Ok(())
    }

    /// Brings everything to disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync().map_err(StoreError::io("sync", self.segments.path(self.end.segment)))
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
        let size = |segment| Ok((segment, self.segments.size(segment)?));
        self.segments.list()?.into_iter().map(size).collect()
    }

    /// Deletes a segment that holds nothing any more; never the last one.
    pub(super) fn delete(&mut self, segment: u32) -> Result<(), StoreError> {
        let length = self.segments.size(segment)?;
        self.segments.delete(segment)?;
        self.full_bytes = self.full_bytes.saturating_sub(length);
        Ok(())
    }
}

/// A file to append to, and what it begins with.
type Opened = (FileHeader, Arc<dyn DiskFile>);

/// Begins a file: on disk, name and key, before anything is added to it.
fn begin(segments: &Segments, segment: u32) -> Result<Opened, StoreError> {
    let path = segments.path(segment);
    let begin = || {
        let Environment { disk, random, .. } = segments.environment();
        let header = FileHeader::draw(*random)?;
        Ok((header, disk::write_durably(&**disk, &path, |file| file.append(&header.encode(segment)))?))
    };
    begin().map_err(StoreError::io("begin", &path))
}

/// Opens the last file to append to, so that it ends at `end` and is on disk. `None` when its key is lost, so that nothing that is
/// added would be found again, and when it cannot be copied because something of it cannot be read; what can is on disk then.
fn open_last(
    segments: &Segments,
    last: Offset,
    end: Offset,
    synced: Offset,
) -> Result<Option<Opened>, StoreError> {
    let path = segments.path(end.segment);
    let (file, Some(header)) = segments.begin(end.segment)? else { return Ok(None) };
    let mut is_readable = true;
    let mut open = || {
        let Environment { disk, random, .. } = segments.environment();
        if last == end && synced >= end {
            return Ok((header, disk.append_to(&path)?));
        }
        let header = header.in_new_epoch(*random)?;
        let copied = disk::write_durably(&**disk, &path, |copy| {
            copy.append(&header.encode(end.segment))?;
            copy_frames(&*file, copy, end.at, &mut is_readable)
        });
        Ok((header, copied?))
    };
    let opened = open();
    if is_readable { opened.map(Some) } else { file.sync().map(|()| None) }
        .map_err(StoreError::io("continue", &path))
}

/// Copies the frames of a file up to `end`, if it is readable. What is missing of them, the padding of the last one, is filled with
/// zeros.
fn copy_frames(file: &dyn DiskFile, copy: &dyn DiskFile, end: u64, is_readable: &mut bool) -> io::Result<()> {
    let (mut at, mut buffer) = (FRAMES_START, vec![0; COPY_BYTES]);
    while at < end {
        let piece = usize::try_from(end - at).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        let read = file.read_at(&mut buffer[..piece], at);
        *is_readable = !read.as_ref().is_err_and(disk::is_unreadable);
        let length = read?;
        buffer[length..piece].fill(0);
        copy.append(&buffer[..piece])?;
        at += piece as u64;
    }
    Ok(())
}
