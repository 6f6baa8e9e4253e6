//! A backup, written. It reads the store as any reader does: no database's task takes part, and none waits.

use super::{error::BackupError, walk::Walk};
use bytes::Bytes;
use car::{Closing, Identities, Index, Indexed, MAX_INDEX_BYTES, Role, Writer};
use oplog::{
    Address, Entry, Hash,
    manifest::{AccessAddress, Manifest},
};
use std::{
    io::Write,
    path::{Path, PathBuf},
};
use store::{Corruption, DatabaseStore, LogSnapshot, Store};

/// A database to be backed up, as the node knows it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its address.
    pub address: Address,
    /// What it is to the node.
    pub role: Role,
    /// How it is read.
    pub reading: String,
}

/// The logs of a backup, each as it was when they were chosen.
#[derive(Debug)]
pub struct Logs {
    store: Store,
    index: Index,
    logs: Vec<Log>,
    scratch: PathBuf,
}

#[derive(Debug)]
struct Log {
    store: DatabaseStore,
    log: LogSnapshot,
    /// The blocks that define it.
    definition: Vec<(Hash, Bytes)>,
}

impl Logs {
    /// Fixes what is backed up. `sources` stand in the order of the index. What the node has nothing of is listed as missing.
    ///
    /// The logs are looked at from the last source to the first: a guard is looked at after what it guards, so that it grants
    /// every right that was used there.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn choose(
        store: &Store,
        index: Index,
        sources: Vec<Source>,
        scratch: &Path,
    ) -> Result<Self, BackupError> {
        let stored = store.stored_databases()?;
        let mut chosen = Self { store: store.clone(), index, logs: Vec::new(), scratch: scratch.to_owned() };
        for source in sources.into_iter().rev() {
            let here = stored.contains(&source.address) && store.has_block(&source.address.manifest())?;
            if here { chosen.add(source)? } else { chosen.index.missing.push(source.address) }
        }
        chosen.logs.reverse();
        chosen.index.databases.reverse();
        chosen.index.missing.reverse();
        Ok(chosen)
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    fn add(&mut self, source: Source) -> Result<(), BackupError> {
        let Source { address, role, reading } = source;
        let whole = |hash| -> Result<(Hash, Bytes), BackupError> {
            Ok((hash, self.store.block(&hash)?.ok_or(Corruption::MissingBlock(hash))?))
        };
        let mut definition = vec![whole(address.manifest())?];
        let manifest = Manifest::decode(&definition[0].1);
        let manifest = manifest.map_err(|error| BackupError::Manifest(address, error))?;
        if let AccessAddress::Ipfs(access) = manifest.access {
            definition.push(whole(access)?);
        }
        let store = self.store.database(&address)?;
        let log = store.log_snapshot()?;
        let heads = log.heads.iter().map(|head| head.hash).collect();
        let name = manifest.name;
        self.index.databases.push(Indexed { address, role, name, reading, heads, entries: log.len });
        self.logs.push(Log { store, log, definition });
        Ok(())
    }
}

/// Writes a backup. Where that fails, the reason stands at the end of what was written, if anybody still takes it.
///
/// # Errors
/// [`BackupError`].
pub fn write(logs: &Logs, to: impl Write) -> Result<Closing, BackupError> {
    let index = logs.index.encode();
    let root = Hash::of(&index);
    if index.len() > MAX_INDEX_BYTES {
        return Err(BackupError::Index);
    }
    let mut writer = Writer::new(to, root).map_err(BackupError::Output)?;
    let written = writer
        .block(&root, &index)
        .map_err(BackupError::Output)
        .and_then(|()| logs.logs.iter().try_for_each(|log| write_log(logs, log, &mut writer)));
    match written {
        Ok(()) => writer.finish(logs.index.entries()).map_err(BackupError::Output),
        Err(error) => {
            if !matches!(error, BackupError::Output(_)) {
                writer.fail(&error.to_string()).map_err(BackupError::Output)?;
            }
            Err(error)
        }
    }
}

fn write_log(logs: &Logs, log: &Log, writer: &mut Writer<impl Write>) -> Result<(), BackupError> {
    let mut put = |hash: &Hash, block: &[u8]| writer.block(hash, block).map_err(BackupError::Output);
    log.definition.iter().try_for_each(|(hash, block)| put(hash, block))?;
    let walk = Walk::down(&log.store, &log.log, &logs.scratch)?;
    let mut identities = Identities::default();
    for hash in walk.oldest_first() {
        let hash = hash?;
        let block = log.store.entry_block(&hash)?.ok_or(Corruption::MissingBlock(hash))?;
        let entry = Entry::decode(&block).map_err(|error| Corruption::Entry(hash, error))?;
        if identities.named(&entry.identity).is_none() {
            let identity = logs.store.block(&entry.identity)?;
            put(&entry.identity, &identity.ok_or(Corruption::MissingBlock(entry.identity))?)?;
            identities.met(entry.identity, ());
        }
        put(&hash, &block)?;
    }
    Ok(())
}
