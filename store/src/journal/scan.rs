//! Reading the journal from a place on.

use super::{
    frame::{Frame, HEADER, Header},
    segments::{Location, Offset, Segments},
};
use crate::error::StoreError;
use bytes::Bytes;
use oplog::Hash;
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek as _, SeekFrom},
    sync::Arc,
    vec,
};

/// Bytes read at a time.
const BUFFER: usize = 256 << 10;

/// Frames from a place on, in the order of writing.
///
/// A frame that is not whole, with none behind it that is, is where a crash interrupted the writing: there the journal ends.
/// One with a whole frame behind it is damage, and is skipped: what follows was acknowledged and is not given up for it.
pub(crate) struct Scan {
    segments: Arc<Segments>,
    rest: vec::IntoIter<u32>,
    current: Option<BufReader<File>>,
    offset: Offset,
}

impl Scan {
    pub(super) fn new(segments: Arc<Segments>, from: Offset) -> Result<Self, StoreError> {
        let mut rest = segments.list()?;
        rest.retain(|segment| *segment >= from.segment);
        Ok(Self { segments, rest: rest.into_iter(), current: None, offset: from })
    }

    /// Only the frames of one segment.
    pub(super) fn segment(segments: Arc<Segments>, segment: u32) -> Self {
        Self { segments, rest: vec![segment].into_iter(), current: None, offset: Offset { segment, at: 0 } }
    }

    /// Where the last frame that was read ends.
    pub(crate) fn offset(&self) -> Offset {
        self.offset
    }

    fn advance(&mut self) -> Result<Option<(Location, Frame)>, StoreError> {
        loop {
            if let Some(reader) = &mut self.current {
                let path = || self.segments.path(self.offset.segment);
                let Offset { segment, at } = self.offset;
                match read_frame(reader).map_err(|error| StoreError::io("read", path())(error))? {
                    Some((header, frame)) if header.matches(&frame.hash) => {
                        let length = u32::try_from(header.length).unwrap_or(u32::MAX);
                        let location = Location { segment, at: at + HEADER as u64, length };
                        self.offset.at = location.at + u64::from(length);
                        return Ok(Some((location, frame)));
                    }
                    _ => {
                        if let Some(next) = self.whole_after(at)? {
                            tracing::error!(segment, at, next, "skipping a damaged part of the journal");
                            self.open_at(Offset { segment, at: next })?;
                            continue;
                        }
                    }
                }
            }
            let Some(segment) = self.rest.next() else { return Ok(None) };
            self.open(segment)?;
        }
    }

    fn open(&mut self, segment: u32) -> Result<(), StoreError> {
        let at = if segment == self.offset.segment { self.offset.at } else { 0 };
        self.open_at(Offset { segment, at })
    }

    fn open_at(&mut self, offset: Offset) -> Result<(), StoreError> {
        let path = self.segments.path(offset.segment);
        let mut file = File::open(&path).map_err(StoreError::io("open", &path))?;
        file.seek(SeekFrom::Start(offset.at)).map_err(StoreError::io("read", &path))?;
        self.offset = offset;
        self.current = Some(BufReader::with_capacity(BUFFER, file));
        Ok(())
    }

    /// Where the first whole frame behind `at` begins in the current file. Reads what is left of the file, which is nothing
    /// unless the file is damaged or was cut off.
    fn whole_after(&self, at: u64) -> Result<Option<u64>, StoreError> {
        let path = self.segments.path(self.offset.segment);
        let failed = StoreError::io("read", &path);
        let mut rest = Vec::new();
        let read = File::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(at + 1))?;
            file.read_to_end(&mut rest)
        });
        read.map_err(failed)?;
        let whole = (0..rest.len().saturating_sub(HEADER)).find(|start| is_whole(&rest[*start..]));
        Ok(whole.map(|start| at + 1 + start as u64))
    }
}

impl Iterator for Scan {
    type Item = Result<(Location, Frame), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// Whether a whole frame begins here. A record of no bytes is none: zeros must not pass for one.
fn is_whole(bytes: &[u8]) -> bool {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return false };
    let Some(header) = Header::decode(header).filter(|header| header.length > 0) else { return false };
    rest.get(..header.length).is_some_and(|payload| header.matches(&Hash::of(payload)))
}

/// The next frame, be it damaged or not; `None` at the end, and where bytes are no frame.
fn read_frame(reader: &mut impl Read) -> io::Result<Option<(Header, Frame)>> {
    let mut header = [0; HEADER];
    if !fill(reader, &mut header)? {
        return Ok(None);
    }
    let Some(header) = Header::decode(&header) else { return Ok(None) };
    let mut payload = vec![0; header.length];
    if !fill(reader, &mut payload)? {
        return Ok(None);
    }
    let hash = Hash::of(&payload);
    let frame = Frame { kind: header.kind, hash, payload: Bytes::from(payload) };
    Ok(Some((header, frame)))
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
