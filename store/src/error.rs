//! What can go wrong, case by case.

use oplog::{Address, Hash, entry::EntryError};
use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Why a data directory cannot be opened. Nothing in it has been changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or folder cannot be created, read or locked.
    #[error("data directory: cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process holds the directory.
    #[error("data directory {} is in use by another node ({holder})", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// Who holds it.
        holder: Holder,
    },
    /// A node of a later version wrote the directory.
    #[error(
        "data directory {}: its format is {found:?}, this node reads {supported:?}; run the version of paperclip-node \
         that wrote it, or start with an empty directory",
        dir.display()
    )]
    Format {
        /// The directory.
        dir: PathBuf,
        /// The first line of its `format` file.
        found: String,
        /// The line that this version writes.
        supported: &'static str,
    },
    /// There is a database but no `format` file.
    #[error("data directory {}: there is a `db` folder but no `format` file that says what wrote it", dir.display())]
    NoFormat {
        /// The directory.
        dir: PathBuf,
    },
    /// Something unfinished keeps the engine from opening; moved away, it is missed by nobody.
    #[error(
        "the index in {} does not open: {cause}. Move the unfinished {} away and start again",
        dir.display(), leftover.display()
    )]
    LeftoverSnapshot {
        /// The `db` folder.
        dir: PathBuf,
        /// The unfinished file.
        leftover: PathBuf,
        /// What the engine said.
        cause: EngineError,
    },
    /// The engine finds no room. Nothing is wrong with its files.
    #[error("the index in {} does not open: the disk is full. Make room and start again; nothing is lost", dir.display())]
    NoRoom {
        /// The `db` folder.
        dir: PathBuf,
        /// What the engine said.
        cause: EngineError,
    },
    /// Another process has the index open, although it does not hold the directory.
    #[error("the index in {} is in use by another process; stop it and start again", dir.display())]
    IndexInUse {
        /// The `db` folder.
        dir: PathBuf,
        /// What the engine said.
        cause: EngineError,
    },
    /// The engine cannot read its files.
    #[error(
        "the index in {} does not open: {cause}. Move that folder away and start again: it is built anew from the \
         `journal` folder beside it, and nothing is lost",
        dir.display()
    )]
    Engine {
        /// The `db` folder.
        dir: PathBuf,
        /// What the engine said.
        cause: EngineError,
    },
    /// There is an index and nothing that it is an index of.
    #[error(
        "data directory {}: the `journal` folder, which holds the data, is missing or empty. Put it back; to start without \
         it, move the `db` folder away",
        dir.display()
    )]
    NoJournal {
        /// The directory.
        dir: PathBuf,
    },
    /// A file of the journal is gone, and with it what was acknowledged.
    #[error(
        "data directory: {} is missing or empty, and held data. Put it back; to start without what it held, move the `db` \
         folder away",
        file.display()
    )]
    NoJournalFile {
        /// The file.
        file: PathBuf,
    },
    /// The flusher's thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// The store's files open and cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenError {
    /// Why the engine did not open a folder, with the remedy that fits.
    pub(super) fn engine(dir: &Path, cause: EngineError) -> Self {
        let dir = dir.to_owned();
        match cause {
            EngineError::InUse(_) => Self::IndexInUse { dir, cause },
            EngineError::NoRoom(_) => Self::NoRoom { dir, cause },
            EngineError::Failed(_) | EngineError::Panicked => Self::Engine { dir, cause },
        }
    }

    /// Whether the disk had no room for what opening writes.
    pub(super) fn is_disk_full(&self) -> bool {
        match self {
            Self::NoRoom { .. } => true,
            Self::Io { source, .. } => is_no_room(source),
            Self::LeftoverSnapshot { cause, .. }
            | Self::Store(StoreError::Poisoned(Poison::Write(cause))) => cause.is_disk_full(),
            Self::Store(error) => error.is_disk_full(),
            _ => false,
        }
    }
}

/// Whether an error of the system says that the disk is full.
pub(super) fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = PathBuf::from(path);
    move |source| OpenError::Io { action, path, source }
}

/// The process that holds a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder(pub(super) Option<u32>);

impl Holder {
    /// Its process id, when the lock file tells.
    pub fn pid(self) -> Option<u32> {
        self.0
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("process unknown"),
        }
    }
}

/// An error of the engine that keeps the index, as the store tells them apart. The cause is the engine's own.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// Another handle has the files open.
    #[error(transparent)]
    InUse(Arc<dyn Error + Send + Sync>),
    /// The disk has no room for the engine's files.
    #[error(transparent)]
    NoRoom(Arc<dyn Error + Send + Sync>),
    /// Something else is wrong.
    #[error(transparent)]
    Failed(Arc<dyn Error + Send + Sync>),
    /// It panicked; the message is in the log.
    #[error("the storage engine panicked")]
    Panicked,
}

impl EngineError {
    pub(super) fn is_disk_full(&self) -> bool {
        matches!(self, Self::NoRoom(_))
    }
}

/// Why the store stopped writing. Only a restart, which recovers what is on disk, undoes it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Poison {
    /// The index did not take a batch.
    #[error("a write failed: {0}")]
    Write(EngineError),
    /// The journal could not be brought back into order after a failed write.
    #[error("a write to the journal failed and could not be taken back")]
    Journal,
    /// A flush failed. What the system still holds of the writes before it is unknown, so trying again proves nothing.
    #[error("a flush failed: {0}")]
    Sync(Arc<io::Error>),
    /// A flush did not end.
    #[error("a flush took longer than {0:?}")]
    Stalled(Duration),
}

/// What is wrong with stored data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Corruption {
    /// A block's bytes do not have the hash that names them.
    #[error("block {0} does not match its hash")]
    Block(Hash),
    /// An index names a block that is not there.
    #[error("block {0} is missing")]
    MissingBlock(Hash),
    /// The disk says that it cannot read the block.
    #[error("the disk cannot read block {0}")]
    UnreadableBlock(Hash),
    /// A block in a log is no entry.
    #[error("block {0} is no entry: {1}")]
    Entry(Hash, EntryError),
    /// A key or its value has another form than this version writes.
    #[error("malformed {0} record")]
    Record(&'static str),
}

/// Why a read or a write failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file of the journal cannot be written, read or removed. Writes fail so when the disk is full, and work again once
    /// it has room.
    #[error("store: cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The engine failed to read.
    #[error("store: {0}")]
    Engine(#[from] EngineError),
    /// A write or flush failed before; see [`Poison`].
    #[error("the store stopped writing: {0}; restart the node once the disk is in order")]
    Poisoned(#[from] Poison),
    /// The disk had no room when the store was opened: it is only read until it is opened again.
    #[error(
        "the disk was full when the node started, so the store is read-only; make room and restart the node"
    )]
    ReadOnly,
    /// Stored data is damaged.
    #[error("store: {0}; run `paperclip-node verify --repair`")]
    Corrupt(#[from] Corruption),
    /// [`StoreConfig::max_staged_bytes`](super::StoreConfig::max_staged_bytes) is reached; nothing was staged.
    #[error("more than {limit} bytes of fetched blocks wait to be joined")]
    StagingFull {
        /// The bound, in bytes.
        limit: u64,
    },
    /// The database was removed; this handle is of no use any more.
    #[error("{0} was removed from the store")]
    Removed(Address),
    /// The work was cut off because the process is ending.
    #[error("the node is shutting down")]
    Interrupted,
}

impl Corruption {
    /// The block that is damaged; `None` for a record of the index.
    pub fn hash(&self) -> Option<Hash> {
        match self {
            Self::Block(hash)
            | Self::MissingBlock(hash)
            | Self::UnreadableBlock(hash)
            | Self::Entry(hash, _) => Some(*hash),
            Self::Record(_) => None,
        }
    }

    /// Whether the bytes of a block are lost, so that a peer is to be asked for it.
    pub(crate) fn is_loss(&self) -> bool {
        matches!(self, Self::Block(_) | Self::MissingBlock(_) | Self::UnreadableBlock(_))
    }
}

impl StoreError {
    /// The damaged block that a read met, if that is what is wrong.
    pub fn damaged(&self) -> Option<Hash> {
        match self {
            Self::Corrupt(corruption) => corruption.hash(),
            _ => None,
        }
    }

    /// Whether the store takes no more writes until a restart.
    pub fn is_poisoned(&self) -> bool {
        matches!(self, Self::Poisoned(_))
    }

    /// Whether the disk has no room, or had none when the store was opened.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => is_no_room(source),
            Self::Poisoned(Poison::Sync(source)) => is_no_room(source),
            Self::ReadOnly => true,
            _ => false,
        }
    }

    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_to_move_an_index_away_that_is_in_use_or_has_no_room() {
        let cause = || -> Arc<io::Error> { Arc::new(io::Error::other("corrupt snapshot")) };
        let told = |cause| OpenError::engine(Path::new("db"), cause);
        let in_use = told(EngineError::InUse(cause()));
        assert!(matches!(in_use, OpenError::IndexInUse { .. }), "{in_use}");
        let full = told(EngineError::NoRoom(cause())).to_string();
        assert!(full.contains("Make room"), "{full}");
        let damaged = told(EngineError::Failed(cause())).to_string();
        assert!(damaged.contains("Move that folder away"), "{damaged}");
    }
}
