//! Opening a store: bringing the tree up to where the journal is.

use super::{
    config::StoreConfig,
    damaged::DamagedBlocks,
    database::DatabaseStore,
    environment::{self, Environment},
    error::{OpenError, StoreError},
    flush::Flusher,
    format::{self, Format},
    index::{SecondaryIndexes, put_file},
    journal::{FRAMES_START, Found, Frame, Journal, Kind, Location, Offset, records},
    keys::{self, Number},
    lock::DirectoryLock,
    migrate,
    rebuild::Scope,
    record::{Checkpoint, Registration, decode_count},
    state::{Access, Counters, Inner, Store},
    tree::{Batch, OpenEngine, Tree},
    writes::Writes,
};
use oplog::{Address, Entry};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    sync::{Arc, Mutex, OnceLock, atomic::Ordering},
};

/// What the tree lacks.
enum Lag {
    /// What the journal has from here on.
    Since(Offset),
    /// Everything.
    Everything(Registered),
}

/// Opens the journal, cuts off the unfinished end of a write that a crash interrupted, and has the tree follow. With
/// [`Access::ReadOnly`] the end is passed over, and the tree is to be one in memory.
fn bring_up(
    environment: &Environment,
    dir: &Path,
    tree: Tree,
    lock: Arc<DirectoryLock>,
    config: &StoreConfig,
    access: Access,
) -> Result<Store, OpenError> {
    let found = Found::at(&dir.join("journal"), environment)?;
    let checkpoint = tree.get(keys::CHECKPOINT)?.and_then(|value| {
        let unreadable = |error| tracing::warn!(%error, "how far the index followed is unknown");
        Checkpoint::decode(&value).map_err(unreadable).ok()
    });
    let last = found.last_byte()?;
    if found.is_empty()? && checkpoint.is_some_and(|it| it.followed > Offset::default()) {
        return Err(OpenError::NoJournal { dir: dir.to_owned() });
    }
    let Read { end, is_marked, lag, swept } = read(&found, checkpoint)?;
    check_files(&found, &tree, checkpoint, &swept)?;
    let journal = match access {
        Access::Full => {
            if end < last {
                tracing::warn!(?end, ?last, "cutting off the unfinished end of the journal");
            }
            // An index that knows of more may be found again after a power cut, with other frames in the place of those that
            // it knows. So it does not vouch for the file, which gets another epoch.
            let fitting = checkpoint.filter(|it| it.followed <= end);
            found.continue_at(end, fitting.map_or(Offset::default(), |it| it.synced), is_marked)?
        }
        Access::ReadOnly => found.stop_at(end)?,
    };
    let store = assemble(journal, tree, lock, config, environment.secondary)?;
    match lag {
        Lag::Since(followed) => store.follow(followed)?,
        Lag::Everything(registered) => store.recover(registered)?,
    }
    store.note_checkpoint()?;
    store.load_counters()?;
    store.finish_removals()?;
    store.derive_secondary()?;
    store.inner.access.get_or_init(|| access);
    store.inner.flusher.mark_start();
    Ok(store)
}

fn open_tree(engine: &dyn OpenEngine, folder: &Path, config: &StoreConfig) -> Result<Tree, OpenError> {
    Tree::open(engine, folder, config.cache_bytes).map_err(|cause| match engine.leftover(folder) {
        Some(leftover) => OpenError::LeftoverSnapshot { dir: folder.to_owned(), leftover, cause },
        None => OpenError::engine(folder, cause),
    })
}

/// What reading the journal tells before the tree follows it.
struct Read {
    /// Where the journal ends.
    end: Offset,
    /// Whether the last frame that was read tells that all before it was on disk.
    is_marked: bool,
    lag: Lag,
    /// Files that a sweep deleted, or was about to.
    swept: BTreeSet<u32>,
}

/// Reads what is not known to be in the tree and on disk; everything when the tree knows what the journal has not.
fn read(found: &Found, checkpoint: Option<Checkpoint>) -> Result<Read, StoreError> {
    if let Some(Checkpoint { followed, synced, epoch }) = checkpoint {
        // Nothing is read of a file that does not reach so far.
        let mut frames = found.scan(synced.min(found.last_byte()?))?;
        let mut swept = BTreeSet::new();
        let mut is_marked = false;
        for frame in frames.by_ref() {
            let (_, frame) = frame?;
            is_marked = frame.kind == Kind::Synced;
            swept.extend(swept_by(&frame));
        }
        let end = frames.offset();
        let is_ahead = end < followed
            || found.epoch(followed.segment)? != Some(epoch)
            || frames.doubtful_from().is_some_and(|damaged| damaged < followed);
        // What a sweep has moved does not stand in the order of the log any more, in which alone it can be followed.
        let was_moved = swept.iter().any(|segment| *segment >= followed.segment);
        if !is_ahead && !was_moved {
            return Ok(Read { end, is_marked, lag: Lag::Since(followed), swept });
        }
        tracing::warn!(?end, ?followed, is_ahead, was_moved, "the index does not fit the journal");
    }
    everything(found)
}

fn everything(found: &Found) -> Result<Read, StoreError> {
    let mut registered = Registered::default();
    let mut swept = BTreeSet::new();
    let mut is_marked = false;
    let mut frames = found.scan(Offset::default())?;
    for frame in frames.by_ref() {
        let (_, frame) = frame?;
        is_marked = frame.kind == Kind::Synced;
        registered.add(&frame);
        swept.extend(swept_by(&frame));
    }
    Ok(Read { end: frames.offset(), is_marked, lag: Lag::Everything(registered), swept })
}

fn swept_by(frame: &Frame) -> Option<u32> {
    if frame.kind == Kind::Swept { records::read_swept(&frame.payload) } else { None }
}

/// Refuses a journal that lacks a file which nobody swept away, and notes files that are shorter than they were.
fn check_files(
    found: &Found,
    tree: &Tree,
    checkpoint: Option<Checkpoint>,
    swept: &BTreeSet<u32>,
) -> Result<(), OpenError> {
    let segments = found.segments();
    let present = segments.list()?;
    let mut known: BTreeMap<u32, u64> =
        checkpoint.map(|it| (it.synced.segment, it.synced.at)).into_iter().collect();
    for pair in tree.with_prefix(&[keys::FILE]) {
        let (key, value) = pair?;
        let number = keys::number_of(&key).map(|number| number.0);
        known.extend(number.zip(decode_count(&value).ok()));
    }
    for (segment, length) in known {
        let size = if present.contains(&segment) { segments.size(segment)? } else { 0 };
        if swept.contains(&segment) || size >= length {
            continue;
        }
        let file = segments.path(segment);
        if size < FRAMES_START {
            return Err(OpenError::NoJournalFile { file });
        }
        segments.damaged().file(segment);
        tracing::error!(file = %file.display(), size, was = length, "a file of the journal is shorter than it was");
    }
    let last = present.last().copied().unwrap_or(0);
    for missing in (0..last).filter(|segment| !present.contains(segment) && !swept.contains(segment)) {
        // With an index, only what it has followed since is read for sweeps; files from before it knows itself.
        if checkpoint.is_none() && segments.damaged().file(missing) {
            let file = segments.path(missing);
            tracing::error!(file = %file.display(), "a file of the journal is missing");
        }
    }
    Ok(())
}

fn assemble(
    journal: Journal,
    tree: Tree,
    lock: Arc<DirectoryLock>,
    config: &StoreConfig,
    secondary: SecondaryIndexes,
) -> Result<Store, OpenError> {
    let segments = Arc::clone(journal.segments());
    let writes = Arc::new(Mutex::new(Writes::new(journal)));
    let inner = Inner {
        flusher: Flusher::start(&writes, config).map_err(OpenError::Thread)?,
        tree,
        secondary,
        segments,
        writes,
        max_staged_bytes: config.max_staged_bytes,
        counters: Counters::default(),
        damaged: DamagedBlocks::default(),
        access: OnceLock::new(),
        _lock: lock,
    };
    Ok(Store { inner: Arc::new(inner) })
}

/// The databases that the journal registers, by number. A number is never given twice, so it does not matter in which order
/// sweeps have put the frames of different ones.
#[derive(Debug, Default)]
struct Registered {
    databases: BTreeMap<Number, Address>,
    /// As their entries tell it, too: the record of a registration may be damaged.
    of_entries: BTreeMap<Number, Address>,
    removed: BTreeSet<Number>,
    /// Above all numbers that any frame bears.
    next: Number,
}

impl Registered {
    fn add(&mut self, frame: &Frame) {
        self.next = self.next.max(Number(frame.number.0.saturating_add(1)));
        match frame.kind {
            Kind::Registered => {
                self.databases.extend(records::read_database(&frame.payload).map(|it| (frame.number, it)));
            }
            Kind::Removed => drop(self.removed.insert(frame.number)),
            Kind::Entry | Kind::Staged if !self.is_known(frame.number) => {
                let id = Entry::decode(&frame.payload).ok().and_then(|entry| entry.id.parse().ok());
                self.of_entries.extend(id.map(|address| (frame.number, address)));
            }
            _ => {}
        }
    }

    fn is_known(&self, number: Number) -> bool {
        self.databases.contains_key(&number) || self.of_entries.contains_key(&number)
    }

    /// Those that were not removed. Of two with one address the later one: it was added after the other was removed.
    fn living(self) -> HashMap<Address, Registration> {
        let Self { databases, of_entries, removed, .. } = self;
        let all: BTreeMap<Number, Address> = of_entries.into_iter().chain(databases).collect();
        let living = all.into_iter().filter(|(number, _)| !removed.contains(number));
        living.map(|(number, address)| (address, Registration { number })).collect()
    }
}

impl Store {
    pub(super) fn open_in(
        environment: &Environment,
        dir: &Path,
        config: &StoreConfig,
    ) -> Result<Self, OpenError> {
        let lock = Arc::new(DirectoryLock::take(dir)?);
        let open_index = || open_tree(&*environment.engine, &environment::index_folder(dir), config);
        match format::check(&*environment.disk, dir)? {
            Format::One => migrate::run(environment, dir, open_index)?,
            Format::Two => migrate::finish(environment, dir)?,
        }
        let open = |tree, access| bring_up(environment, dir, tree, Arc::clone(&lock), config, access);
        match open_index().and_then(|tree| open(tree, Access::Full)) {
            Err(full) if full.is_disk_full() => {
                tracing::error!(error = %full, "no room to open the store: it is read-only until a restart");
                open(Tree::in_memory(), Access::ReadOnly).map_err(|error| {
                    tracing::error!(%error, "the store cannot be opened to be read either");
                    full
                })
            }
            opened => opened,
        }
    }

    fn load_counters(&self) -> Result<(), StoreError> {
        let mut writes = self.writes()?;
        writes.next_number = self.next_number()?;
        let mut staged = 0;
        for pair in self.inner.tree.with_prefix(&[keys::STAGED_BYTES]) {
            staged += decode_count(&pair?.1)?;
        }
        debug_assert_eq!(staged, self.staged_sum()?, "the bytes of staged blocks are their sum");
        debug_assert!(self.are_below(writes.next_number)?, "a number is never given twice");
        writes.staged_bytes = 0;
        self.count_staged(&mut writes, staged, 0);
        self.inner.counters.journal_bytes.store(writes.journal.bytes(), Ordering::Relaxed);
        Ok(())
    }

    /// Bytes of all staged blocks, block by block.
    fn staged_sum(&self) -> Result<u64, StoreError> {
        let rows = self.inner.tree.with_prefix(&[keys::STAGED]);
        rows.map(|pair| Ok(u64::from(Location::decode(&pair?.1)?.length))).sum()
    }

    /// Whether all databases, those too that are being removed, have numbers below one.
    fn are_below(&self, next: Number) -> Result<bool, StoreError> {
        for pair in self.inner.tree.with_prefix(&[keys::DATABASE]) {
            if Registration::decode(&pair?.1).is_ok_and(|it| it.number >= next) {
                return Ok(false);
            }
        }
        for pair in self.inner.tree.with_prefix(&[keys::REMOVED]) {
            if keys::number_of(&pair?.0).is_none_or(|number| number >= next) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The number that the next new database gets.
    pub(super) fn next_number(&self) -> Result<Number, StoreError> {
        let next = self.inner.tree.get(keys::NEXT_NUMBER)?;
        Ok(next.and_then(|next| keys::number_of(&[b"n", &next[..]].concat())).unwrap_or_default())
    }

    /// Has the tree know the files of the journal that are finished, and in which epoch the last one is.
    fn note_checkpoint(&self) -> Result<(), StoreError> {
        let writes = self.writes()?;
        let (sizes, last) = (writes.journal.sizes()?, writes.journal.end().segment);
        let mut batch = Batch::default();
        batch.put(keys::CHECKPOINT, writes.checkpoint(writes.journal.end()).encode());
        for pair in self.inner.tree.with_prefix(&[keys::FILE]) {
            let (key, _) = pair?;
            if !sizes.iter().any(|(segment, _)| keys::file(*segment) == key.as_ref()) {
                batch.remove(key);
            }
        }
        for (segment, at) in sizes.into_iter().filter(|(segment, _)| *segment < last) {
            if !self.inner.tree.contains(keys::file(segment))? {
                put_file(&mut batch, Offset { segment, at });
            }
        }
        self.inner.tree.apply(batch)?;
        Ok(self.inner.tree.flush()?)
    }

    /// Builds the tree from nothing.
    fn recover(&self, registered: Registered) -> Result<(), StoreError> {
        self.delete_prefix(&[])?;
        let (checkpoint, frames) = {
            let writes = self.writes()?;
            (writes.checkpoint(writes.journal.end()), writes.journal.scan(Offset::default())?)
        };
        let mut batch = Batch::default();
        batch.put(keys::NEXT_NUMBER, registered.next.0.to_be_bytes());
        let living = registered.living();
        if checkpoint.followed > (Offset { segment: 0, at: FRAMES_START }) {
            tracing::warn!(databases = living.len(), "building the index from the journal");
        }
        let mut stores = HashMap::new();
        for (address, registration) in living {
            batch.put(keys::database(&address.manifest()), registration.encode());
            let store = DatabaseStore::new(self.clone(), registration, address);
            stores.insert(registration.number, store);
        }
        self.inner.tree.apply(batch)?;
        let uncommitted = self.index_frames(frames, &stores, Scope::Everything)?;
        for store in stores.values() {
            store.derive(&uncommitted)?;
        }
        self.note_all_secondary()?;
        let mut batch = Batch::default();
        batch.put(keys::CHECKPOINT, checkpoint.encode());
        Ok(self.inner.tree.apply(batch)?)
    }
}
