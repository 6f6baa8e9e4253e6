//! Giving space back: files of the journal that hold little of use are copied together and deleted.

use super::{
    Store, Writes,
    error::StoreError,
    index::garbage_of,
    journal::{Frames, Kind, Location, frame},
    keys::{self, Number},
    record::Indexed,
};
use frame::Frame;
use oplog::{Entry, Hash};

/// A file is rewritten when at least this share of it, in percent, is garbage.
const SWEEP_PERCENT: u64 = 50;

/// The file that is being written is closed to be swept only from this size on, in bytes.
const MIN_SWEPT_BYTES: u64 = 1 << 20;

/// Bytes that are copied at a time, between which others can write.
const COPY_BYTES: usize = 1 << 20;

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Files of the journal that were deleted.
    pub files: u64,
    /// Bytes by which the journal shrank.
    pub bytes: u64,
}

/// What keeps a frame from being dropped: what is to be changed when it moves.
enum Held {
    Committed(Indexed),
    Staged(Number),
    /// A record that nothing points to.
    Record,
}

impl Store {
    /// Gives space back that removed and unstaged blocks took. Runs after each removal by itself; takes time by what it
    /// frees.
    pub fn sweep(&self) -> Result<SweepReport, StoreError> {
        let before = self.writes()?.journal.bytes();
        let mut report = SweepReport::default();
        for segment in self.sweepable()? {
            self.empty_segment(segment)?;
            // The frames that moved must be on disk, and the tree must know it, before the only other copy goes.
            self.inner.flusher.flush_now()?;
            self.inner.tree.flush()?;
            let mut writes = self.writes()?;
            writes.journal.delete(segment)?;
            self.write(&mut writes, &Frames::default(), |batch, _| batch.remove(keys::garbage(segment)))?;
            report.files += 1;
        }
        report.bytes = before.saturating_sub(self.writes()?.journal.bytes());
        Ok(report)
    }

    fn sweepable(&self) -> Result<Vec<u32>, StoreError> {
        let mut writes = self.writes()?;
        let end = writes.journal.end();
        let worth = |segment, size: u64| {
            Ok::<_, StoreError>(
                size > 0 && garbage_of(&self.inner.tree, segment)? * 100 >= size * SWEEP_PERCENT,
            )
        };
        if end.at >= MIN_SWEPT_BYTES && worth(end.segment, end.at)? {
            writes.journal.roll()?;
            self.inner.flusher.written(&writes.journal);
        }
        let last = writes.journal.end().segment;
        let mut sweepable = Vec::new();
        for (segment, size) in writes.journal.sizes()? {
            if segment < last && worth(segment, size)? {
                sweepable.push(segment);
            }
        }
        Ok(sweepable)
    }

    /// Copies what is still of use to the journal's end.
    fn empty_segment(&self, segment: u32) -> Result<(), StoreError> {
        let mut frames = self.writes()?.journal.scan_segment(segment);
        loop {
            let mut writes = self.writes()?;
            let mut copies = Frames::default();
            let mut held = Vec::new();
            while copies.len() < COPY_BYTES {
                let Some(frame) = frames.next() else { break };
                let (location, frame) = frame?;
                let Some(reason) = self.holder(location, &frame)? else { continue };
                let kind = if matches!(reason, Held::Committed(Indexed::Entry(..))) {
                    Kind::Entry
                } else {
                    frame.kind
                };
                copies.block(kind, &frame.hash, &frame.payload);
                held.push((frame.hash, reason));
            }
            if copies.is_empty() {
                return Ok(());
            }
            self.move_frames(&mut writes, &copies, &held)?;
        }
    }

    fn move_frames(
        &self,
        writes: &mut Writes,
        copies: &Frames,
        held: &[(Hash, Held)],
    ) -> Result<(), StoreError> {
        self.write(writes, copies, |batch, locations| {
            for ((hash, reason), location) in held.iter().zip(locations) {
                match reason {
                    Held::Committed(Indexed::Entry(_, number, position)) => {
                        let indexed = Indexed::Entry(*location, *number, position.clone());
                        batch.put(keys::index(hash), indexed.encode());
                    }
                    Held::Committed(Indexed::Other(_)) => {
                        batch.put(keys::index(hash), Indexed::Other(*location).encode());
                    }
                    Held::Staged(number) => batch.put(keys::staged(*number, hash), location.encode()),
                    Held::Record => {}
                }
            }
        })
    }

    /// What still needs a frame at its place.
    fn holder(&self, location: Location, frame: &Frame) -> Result<Option<Held>, StoreError> {
        let Frame { kind, hash, payload } = frame;
        Ok(match kind {
            Kind::Block | Kind::Entry | Kind::Staged => match self.indexed(hash)? {
                Some(indexed) if indexed.location() == location => Some(Held::Committed(indexed)),
                None if *kind == Kind::Staged => self.staged_in(location, frame)?,
                _ => None,
            },
            Kind::Registered => match frame::read_registered(payload) {
                Some(address) => self.registration(&address)?.map(|_| Held::Record),
                None => None,
            },
            Kind::Meta => match frame::read_meta(payload) {
                Some((name, value)) => {
                    let current = self.inner.tree.get(keys::meta(name))?;
                    (current.as_deref() == Some(value)).then_some(Held::Record)
                }
                None => None,
            },
            Kind::Commit | Kind::Removed => None,
        })
    }

    fn staged_in(&self, location: Location, frame: &Frame) -> Result<Option<Held>, StoreError> {
        let Ok(entry) = Entry::decode(&frame.payload) else { return Ok(None) };
        let Ok(address) = entry.id.parse() else { return Ok(None) };
        let Some(number) = self.number_of(&address)? else { return Ok(None) };
        let value = self.inner.tree.get(keys::staged(number, &frame.hash))?;
        let at = value.map(|value| Location::decode(&value)).transpose()?;
        Ok((at == Some(location)).then_some(Held::Staged(number)))
    }
}
