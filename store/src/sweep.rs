//! Giving space back: files of the journal that hold little of use are copied together and deleted.

use super::{
    error::{Corruption, Poison, StoreError},
    index::{garbage_of, put_file},
    journal::{Frame, Frames, Kind, Location, records},
    keys,
    record::Indexed,
    state::Store,
    writes::Writes,
};

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
    Staged,
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
            if self.inner.segments.damaged().has(segment) && self.is_referred_to(segment)? {
                tracing::warn!(segment, "not deleting a damaged file of the journal: the index refers to it");
                continue;
            }
            let mut gone = Frames::default();
            gone.swept(segment);
            self.write(&mut *self.writes()?, gone, |_, _| {})?;
            // The frames that moved must be on disk, and the tree must know it, before the only other copy goes.
            self.inner.flusher.flush_now()?;
            self.inner.tree.flush()?;
            let mut writes = self.writes()?;
            writes.journal.delete(segment)?;
            self.write(&mut writes, Frames::default(), |batch, _| {
                batch.remove(keys::garbage(segment));
                batch.remove(keys::file(segment));
            })?;
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
            self.write_rolled(&mut writes)?;
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

    /// Closes the file that is being written, and begins another.
    fn write_rolled(&self, writes: &mut Writes) -> Result<(), StoreError> {
        let end = writes.journal.end();
        let rolled = writes.journal.roll();
        if writes.journal.is_broken() {
            self.inner.flusher.poison(Poison::Journal);
        }
        rolled?;
        self.write(writes, Frames::default(), |batch, _| put_file(batch, end))
    }

    /// Whether the index has something in a file. Looks at the whole index.
    fn is_referred_to(&self, segment: u32) -> Result<bool, StoreError> {
        for pair in self.inner.tree.with_prefix(&[keys::INDEX]) {
            let (key, value) = pair?;
            let hash = keys::hash_of(&key, 1).ok_or(Corruption::Record("index"))?;
            if Indexed::decode(&value, &hash)?.location().segment == segment {
                return Ok(true);
            }
        }
        for pair in self.inner.tree.with_prefix(&[keys::STAGED]) {
            if Location::decode(&pair?.1)?.segment == segment {
                return Ok(true);
            }
        }
        Ok(false)
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
                copies.add(kind, frame.number, &frame.hash, &frame.payload);
                held.push((frame, reason));
            }
            if copies.is_empty() {
                return Ok(());
            }
            self.move_frames(&mut writes, copies, &held)?;
        }
    }

    fn move_frames(
        &self,
        writes: &mut Writes,
        copies: Frames,
        held: &[(Frame, Held)],
    ) -> Result<(), StoreError> {
        self.write(writes, copies, |batch, locations| {
            for ((Frame { hash, number, .. }, reason), location) in held.iter().zip(locations) {
                match reason {
                    Held::Committed(indexed) => {
                        batch.put(keys::index(hash), indexed.moved_to(*location).encode());
                    }
                    Held::Staged => batch.put(keys::staged(*number, hash), location.encode()),
                    Held::Record => {}
                }
            }
        })
    }

    /// What still needs a frame at its place.
    fn holder(&self, location: Location, frame: &Frame) -> Result<Option<Held>, StoreError> {
        let Frame { kind, number, hash, payload } = frame;
        Ok(match kind {
            Kind::Block | Kind::Entry | Kind::Staged => match self.indexed(hash)? {
                Some(indexed) if indexed.location() == location => Some(Held::Committed(indexed)),
                None if *kind != Kind::Block => self.staged_in(location, frame)?,
                _ => None,
            },
            Kind::Registered => match records::read_database(payload) {
                Some(address) => (self.number_of(&address)? == Some(*number)).then_some(Held::Record),
                None => None,
            },
            // Without it, what an older file still holds of the database would come back with the next index.
            Kind::Removed => {
                let oldest = self.inner.segments.list()?.first().copied();
                oldest.is_some_and(|oldest| oldest < location.segment).then_some(Held::Record)
            }
            Kind::Swept => Some(Held::Record),
            // It tells that what waits for missing ancestors was part of the log.
            Kind::Commit => self.commits_staged(frame)?.then_some(Held::Record),
            Kind::Retired | Kind::Synced => None,
        })
    }

    fn commits_staged(&self, frame: &Frame) -> Result<bool, StoreError> {
        let hashes = records::read_commit(&frame.payload).map(|(_, hashes)| hashes).unwrap_or_default();
        for hash in hashes {
            if self.inner.tree.contains(keys::staged(frame.number, &hash))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn staged_in(&self, location: Location, frame: &Frame) -> Result<Option<Held>, StoreError> {
        let value = self.inner.tree.get(keys::staged(frame.number, &frame.hash))?;
        let at = value.map(|value| Location::decode(&value)).transpose()?;
        Ok((at == Some(location)).then_some(Held::Staged))
    }
}
