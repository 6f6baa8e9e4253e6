//! Reading the journal from a place on.

use super::{
    frame::{Frame, HEADER, Header},
    segments::{Location, Offset, Segments},
};
use crate::store::error::StoreError;
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
/// The last file ends at its first frame that is not whole: there a crash interrupted the writing. In the others, which were
/// on disk as a whole once, a frame whose payload does not fit its header is damage; it is skipped.
pub(in crate::store) struct Scan {
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
    pub(in crate::store) fn offset(&self) -> Offset {
        self.offset
    }

    fn advance(&mut self) -> Result<Option<(Location, Frame)>, StoreError> {
        loop {
            if let Some(reader) = &mut self.current {
                let path = || self.segments.path(self.offset.segment);
                if let Some((header, frame)) =
                    read_frame(reader).map_err(|error| StoreError::io("read", path())(error))?
                {
                    let whole = header.matches(&frame.hash);
                    let last = self.rest.as_slice().is_empty();
                    if whole || !last {
                        let Offset { segment, at } = self.offset;
                        let length = u32::try_from(header.length).unwrap_or(u32::MAX);
                        let location = Location { segment, at: at + HEADER as u64, length };
                        self.offset.at = location.at + u64::from(length);
                        if whole {
                            return Ok(Some((location, frame)));
                        }
                        tracing::warn!(?location, "skipping a damaged frame of the journal");
                        continue;
                    }
                }
            }
            let Some(segment) = self.rest.next() else { return Ok(None) };
            self.open(segment)?;
        }
    }

    fn open(&mut self, segment: u32) -> Result<(), StoreError> {
        let path = self.segments.path(segment);
        let mut file = File::open(&path).map_err(StoreError::io("open", &path))?;
        if segment != self.offset.segment {
            self.offset = Offset { segment, at: 0 };
        }
        file.seek(SeekFrom::Start(self.offset.at)).map_err(StoreError::io("read", &path))?;
        self.current = Some(BufReader::with_capacity(BUFFER, file));
        Ok(())
    }
}

impl Iterator for Scan {
    type Item = Result<(Location, Frame), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
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
