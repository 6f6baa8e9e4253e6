//! Reading the journal from a place on.

use super::{
    file_header::{FRAMES_START, FileHeader},
    frame::{ALIGN, Frame, HEADER, Header, Kind, frame_bytes},
    place::{Location, Offset},
    resync::Search,
    segments::Segments,
};
use crate::{
    disk::{self, DiskFile, Readable},
    error::StoreError,
};
use bytes::Bytes;
use oplog::Hash;
use std::{io, sync::Arc, vec};

/// Bytes read at a time.
const BUFFER: usize = 256 << 10;

/// Frames from a place on, in the order of writing.
///
/// A frame that is not whole, with none behind it in the last file, is where a crash interrupted the writing: there the journal
/// ends. What was acknowledged has a frame behind it, if only one of [`Kind::Synced`]. So any other is damage, and is skipped and
/// noted: what follows is not given up for it. So is what the disk cannot read, at the end too: no crash makes a disk forget what
/// it has.
pub(crate) struct Scan {
    segments: Arc<Segments>,
    rest: vec::IntoIter<u32>,
    current: Option<Reader>,
    offset: Offset,
    doubtful_from: Option<Offset>,
    work: Work,
}

/// What a scan has looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Work {
    /// Bytes of payloads that were hashed.
    pub(crate) hashed: u64,
    /// Places that were looked at for a header behind damage.
    pub(crate) tagged: u64,
}

impl Scan {
    pub(super) fn new(segments: Arc<Segments>, from: Offset) -> Result<Self, StoreError> {
        let mut rest = segments.list()?;
        rest.retain(|segment| *segment >= from.segment);
        Ok(Self::over(segments, rest, from))
    }

    /// Only the frames of one file.
    pub(super) fn segment(segments: Arc<Segments>, segment: u32) -> Self {
        Self::over(segments, vec![segment], Offset { segment, at: 0 })
    }

    fn over(segments: Arc<Segments>, rest: Vec<u32>, offset: Offset) -> Self {
        let (rest, work) = (rest.into_iter(), Work::default());
        Self { segments, rest, current: None, offset, doubtful_from: None, work }
    }

    /// Where the last frame that was read ends.
    pub(crate) fn offset(&self) -> Offset {
        self.offset
    }

    /// The epoch of the file that is read.
    pub(crate) fn epoch(&self) -> u64 {
        self.current.as_ref().map_or(0, |reader| reader.header.epoch)
    }

    /// Where the first part begins that was skipped, unless something behind it tells that it was on disk: a power cut may have
    /// kept it from getting there.
    pub(crate) fn doubtful_from(&self) -> Option<Offset> {
        self.doubtful_from
    }

    /// What it took.
    #[cfg(test)]
    pub(crate) fn work(&self) -> Work {
        self.work
    }

    fn advance(&mut self) -> Result<Option<(Location, Frame)>, StoreError> {
        loop {
            if let Some(reader) = &mut self.current {
                let at = self.offset;
                let read = reader.frame(at, &mut self.work);
                if let Some(frame) = read.map_err(StoreError::io("read", self.segments.path(at.segment)))? {
                    let length = u32::try_from(frame.payload.len()).unwrap_or(u32::MAX);
                    let location = Location { segment: at.segment, at: at.at + HEADER as u64, length };
                    self.offset.at += frame_bytes(length.into());
                    if frame.kind == Kind::Synced {
                        self.doubtful_from = None;
                    }
                    return Ok(Some((location, frame)));
                }
                if self.skip()? {
                    continue;
                }
            }
            let Some(segment) = self.rest.next() else { return Ok(None) };
            self.open(segment)?;
        }
    }

    /// Goes on behind a frame that is not whole; whether there is something in this file.
    fn skip(&mut self) -> Result<bool, StoreError> {
        let Some(reader) = &self.current else { return Ok(false) };
        let at = self.offset;
        let failed = |error| StoreError::io("read", self.segments.path(at.segment))(error);
        let from = Offset { at: at.at + 1, ..at };
        let search = Search::run(&*reader.file, &reader.header.key, from).map_err(failed)?;
        self.work.tagged += search.tagged;
        if let Some(next) = search.next {
            self.damage(next - at.at);
            self.offset.at = next;
            return Ok(true);
        }
        let length = reader.file.len().map_err(failed)?;
        let is_unreadable = reader.lost_to.max(search.lost_to) > at.at;
        // A file is synced before the next one is begun, so one before the last had no unfinished end.
        if length > at.at && (self.rest.len() > 0 || is_unreadable) {
            self.damage(length - at.at);
            self.offset.at = length.next_multiple_of(ALIGN as u64);
        }
        Ok(false)
    }

    fn damage(&mut self, bytes: u64) {
        let from = self.offset;
        self.doubtful_from.get_or_insert(from);
        if self.segments.damaged().part(from, bytes) {
            let file = self.segments.path(from.segment);
            tracing::error!(file = %file.display(), at = from.at, bytes, "skipping a damaged part of the journal");
        }
    }

    fn open(&mut self, segment: u32) -> Result<(), StoreError> {
        let (file, header) = self.segments.begin(segment)?;
        let at = if segment == self.offset.segment { self.offset.at } else { 0 };
        self.offset = Offset { segment, at: at.max(FRAMES_START) };
        self.current = header.map(|header| Reader { file, header, buffer: Vec::new(), from: 0, lost_to: 0 });
        if self.current.is_none() {
            // Without the key no frame can prove itself. Blocks are still found through the index.
            let size = self.segments.size(segment)?;
            self.offset.at = 0;
            self.damage(size);
            self.offset.at = size;
        }
        Ok(())
    }
}

impl Iterator for Scan {
    type Item = Result<(Location, Frame), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// A file, and a piece of it in memory.
struct Reader {
    file: Arc<dyn DiskFile>,
    header: FileHeader,
    buffer: Vec<u8>,
    from: u64,
    /// Where the last page ends that the disk could not read.
    lost_to: u64,
}

impl Reader {
    /// The frame at a place; `None` when there is none, or it is not whole.
    fn frame(&mut self, place: Offset, work: &mut Work) -> io::Result<Option<Frame>> {
        let mut header = [0; HEADER];
        if !self.fill(&mut header, place.at)? {
            return Ok(None);
        }
        let Some(header) = Header::decode(&header, &self.header.key, place) else { return Ok(None) };
        let mut payload = vec![0; header.length];
        if !self.fill(&mut payload, place.at + HEADER as u64)? {
            return Ok(None);
        }
        work.hashed += payload.len() as u64;
        let hash = Hash::of(&payload);
        let frame = Frame { kind: header.kind, number: header.number, hash, payload: Bytes::from(payload) };
        Ok(header.matches(&hash).then_some(frame))
    }

    /// Fills a buffer from an offset on; whether the file has so much.
    fn fill(&mut self, bytes: &mut [u8], at: u64) -> io::Result<bool> {
        if bytes.len() > BUFFER {
            let Readable { length, lost_to } = disk::read_over(&*self.file, bytes, at)?;
            self.lost_to = self.lost_to.max(lost_to);
            return Ok(length == bytes.len());
        }
        let within = |buffer: &Vec<u8>, from: u64| {
            let start = usize::try_from(at.checked_sub(from)?).ok()?;
            Some(start..start.checked_add(bytes.len())?).filter(|range| range.end <= buffer.len())
        };
        let range = match within(&self.buffer, self.from) {
            Some(range) => range,
            None => {
                let rest = usize::try_from(self.file.len()?.saturating_sub(at)).unwrap_or(usize::MAX);
                self.buffer = vec![0; rest.min(BUFFER)];
                let Readable { length, lost_to } = disk::read_over(&*self.file, &mut self.buffer, at)?;
                self.lost_to = self.lost_to.max(lost_to);
                self.buffer.truncate(length);
                self.from = at;
                let Some(range) = within(&self.buffer, self.from) else { return Ok(false) };
                range
            }
        };
        bytes.copy_from_slice(&self.buffer[range]);
        Ok(true)
    }
}
