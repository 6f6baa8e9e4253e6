//! A backup from outside, judged wholly before anything of it is taken in.

use super::spool::{Kind, Spool};
use crate::database::VerifyPool;
use bytes::Bytes;
use car::{Closing, Contents, Frontier, Index, Part, Reader, Refusal, ToJudge};
use oplog::{
    Address, Entry, Hash, Value,
    access::Writers,
    manifest::{AccessAddress, Manifest},
};
use std::{
    collections::HashSet,
    io::{self, BufRead},
    path::Path,
    sync::Arc,
};

/// Entries judged at a time, on all cores.
const BATCH: usize = 256;

/// Bytes of them, beyond which fewer are.
const BATCH_BYTES: usize = 8 << 20;

/// Why a backup is not taken in. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It is none, or not whole, or holds what would not be taken from a peer either.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no room for it.
    #[error(
        "cannot write a temporary file in the data directory: {0}; a restore needs room for the whole backup there"
    )]
    Spool(#[source] io::Error),
}

/// A backup that may be taken in.
#[derive(Debug)]
pub struct Checked {
    /// What it holds.
    pub index: Index,
    /// How it ends.
    pub closing: Closing,
    /// Its blocks, but for the index and the closing record.
    spool: Spool,
    /// Where each database begins there.
    starts: Vec<u64>,
    /// By whose rights the entries of each database were judged, in the order of the index.
    pub writers: Vec<Arc<Writers>>,
}

/// Judges a backup. `foreign_keys` tells from a record of the catalog whether a database takes entries with foreign keys.
///
/// # Errors
/// [`CheckError`].
pub fn check(
    from: impl BufRead,
    scratch: &Path,
    pool: &VerifyPool,
    max_entry_bytes: usize,
    foreign_keys: fn(&Value) -> bool,
) -> Result<Checked, CheckError> {
    let mut reader = Reader::new(from).map_err(Refusal::from)?;
    let mut contents = Contents::new(reader.root(), max_entry_bytes, foreign_keys);
    let mut judge = Judge { pool, batch: Vec::new(), bytes: 0 };
    let mut spool = Spool::new(scratch).map_err(CheckError::Spool)?;
    let (mut writers, mut starts): (Vec<Arc<Writers>>, Vec<u64>) = Default::default();
    let mut closing = None;
    while let Some(block) = reader.next_block().map_err(Refusal::from)? {
        let bytes = block.bytes.clone();
        let kind = match contents.take(block, || reader.before_last())? {
            Part::Index => continue,
            Part::Closing(record) => {
                closing = Some(record);
                continue;
            }
            Part::Manifest => {
                writers.extend(contents.writers().cloned());
                starts.push(spool.len());
                Kind::Manifest
            }
            Part::Other => {
                if let (Some(last), Some(now)) = (writers.last_mut(), contents.writers()) {
                    *last = Arc::clone(now);
                }
                Kind::Other
            }
            Part::Entry(entry) => {
                judge.push(entry)?;
                Kind::Entry
            }
        };
        spool.push(kind, &bytes).map_err(CheckError::Spool)?;
    }
    judge.run()?;
    contents.finish()?;
    spool.flush().map_err(CheckError::Spool)?;
    let (Some(index), Some(closing)) = (contents.index().cloned(), closing) else {
        return Err(Refusal::NoClosing { blocks: 0 }.into());
    };
    let checked = Checked { index, closing, spool, starts, writers };
    checked.logs_are_whole()?;
    Ok(checked)
}

impl Checked {
    /// That each log is exactly what its heads lead to.
    fn logs_are_whole(&self) -> Result<(), CheckError> {
        let mut databases = self.index.databases.iter().enumerate().rev();
        let mut current = databases.next();
        let mut frontier = None;
        for record in self.spool.backward() {
            let (kind, block) = record.map_err(CheckError::Spool)?;
            let Some((at, database)) = current else { break };
            let address = database.address;
            let wrong = |error| Refusal::Log(address, error);
            let walked = frontier.get_or_insert_with(|| Frontier::new(database.heads.iter().copied()));
            match kind {
                Kind::Entry => {
                    let entry =
                        Entry::decode(&block).map_err(|error| Refusal::Entry(Hash::of(&block), error))?;
                    walked.meet(&entry).map_err(wrong)?;
                }
                Kind::Other => {}
                Kind::Manifest => {
                    let refs = frontier.take().unwrap_or_default().finish().map_err(wrong)?;
                    self.has_all(at, address, refs)?;
                    current = databases.next();
                }
            }
        }
        Ok(())
    }

    /// That a database has these entries.
    fn has_all(&self, at: usize, address: Address, mut hashes: HashSet<Hash>) -> Result<(), CheckError> {
        if hashes.is_empty() {
            return Ok(());
        }
        for record in self.section(at) {
            hashes.remove(&Hash::of(&record.map_err(CheckError::Spool)?.1));
        }
        match hashes.into_iter().min() {
            Some(hash) => Err(Refusal::Log(address, car::FrontierError::Missing(hash)).into()),
            None => Ok(()),
        }
    }

    /// The blocks of one database, in their order.
    pub fn section(&self, at: usize) -> impl Iterator<Item = io::Result<(Kind, Bytes)>> {
        let start = self.starts.get(at).copied().unwrap_or(u64::MAX);
        let mut first = true;
        self.spool.forward(start).take_while(move |record| {
            let begins = matches!(record, Ok((Kind::Manifest, _)));
            std::mem::take(&mut first) || !begins
        })
    }

    /// The access controller of a database, where that is a database.
    pub fn guard_of(&self, address: Address) -> Option<Address> {
        let at = self.index.databases.iter().position(|database| database.address == address)?;
        let (_, block) = self.section(at).next()?.ok()?;
        match Manifest::decode(&block).ok()?.access {
            AccessAddress::OrbitDb(guard) => Some(guard),
            AccessAddress::Ipfs(_) => None,
        }
    }

    /// The hashes of the entries of one database, in their order.
    pub fn entries(&self, at: usize) -> impl Iterator<Item = io::Result<Hash>> {
        self.section(at).filter_map(|record| match record {
            Ok((Kind::Entry, block)) => Some(Ok(Hash::of(&block))),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

/// Entries to be judged.
struct Judge<'a> {
    pool: &'a VerifyPool,
    batch: Vec<ToJudge>,
    bytes: usize,
}

impl Judge<'_> {
    fn push(&mut self, entry: ToJudge) -> Result<(), Refusal> {
        self.bytes += entry.block().len();
        self.batch.push(entry);
        if self.batch.len() >= BATCH || self.bytes >= BATCH_BYTES { self.run() } else { Ok(()) }
    }

    fn run(&mut self) -> Result<(), Refusal> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        self.pool.judge(&batch, ToJudge::judge)
    }
}
