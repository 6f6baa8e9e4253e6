//! Backups of the node: what of it is backed up, and how a backup is taken in.

use super::{
    catalog::{Pin, Record},
    error::NodeError,
    handle::Node,
    keeper::Boot,
    registry::{Registered, Role, State},
};
use crate::{
    backup::{self, BackupError, CheckError, Checked, Kind, Logs, Source},
    config::Config,
    database::{Database, RestoringError, Settings, VerifyPool},
};
use bytes::Bytes;
use car::{Index, Indexed};
use oplog::{Address, Hash, Value, manifest::AccessAddress};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};
use store::StoreError;

/// How long a restore waits for a database to be open, whose blocks are all here.
pub const RESTORE_OPEN_TIMEOUT: Duration = Duration::from_secs(60);

/// Entries that a restore offers a database at a time, at most.
const OFFERED: usize = 256;

/// Bytes of them, beyond which there are fewer.
const OFFERED_BYTES: usize = 4 << 20;

/// What backups need beside the node's databases.
pub(super) struct Backups {
    /// The folder for temporary files.
    scratch: PathBuf,
    max_entry_bytes: usize,
    pool: VerifyPool,
}

impl Backups {
    pub(super) fn new(config: &Config, pool: VerifyPool) -> Self {
        Self { scratch: config.data_dir.clone(), max_entry_bytes: config.max_entry_bytes, pool }
    }
}

/// Why a backup was not taken in, or not wholly. What was taken in before is as good as if a peer had sent it, and a restore of the
/// same backup goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The node refuses what it needs for it.
    #[error(transparent)]
    Node(Box<NodeError>),
    /// The backup does not hold the database that was asked for.
    #[error("the backup holds no database {0:?}; it holds {1}")]
    NotInBackup(String, String),
    /// Several databases of the backup have the name.
    #[error("{0:?} is the name of several databases in the backup; use an address")]
    Ambiguous(String),
    /// A database was not open in time.
    #[error("database {0} was not open within a minute; restore again, which goes on from here")]
    NotOpen(Address),
    /// An entry was not taken.
    #[error("database {0}: {1}; restore again, which goes on from here")]
    Entries(Address, #[source] RestoringError),
    /// What was judged cannot be read back.
    #[error("cannot read a temporary file in the data directory: {0}")]
    Spool(#[source] io::Error),
}

impl From<NodeError> for RestoreError {
    fn from(error: NodeError) -> Self {
        Self::Node(Box::new(error))
    }
}

impl From<StoreError> for RestoreError {
    fn from(error: StoreError) -> Self {
        NodeError::from(error).into()
    }
}

/// What a restore did with one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Its address.
    pub address: Address,
    /// Its name.
    pub name: String,
    /// Entries that the backup has of it.
    pub entries: u64,
    /// Those of them that are new here.
    pub new: u64,
    /// Whether it has exactly the entries of the backup now; it has more where it was written to since.
    pub equal: bool,
}

/// What a restore did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// Databases that were taken in, as they stand in the backup.
    pub databases: Vec<Restored>,
    /// The catalog of another cluster: what it pins is pinned here, and its own entries were left out.
    pub foreign_catalog: Option<Address>,
    /// Databases that were pinned when the backup was made, and of which it has nothing.
    pub missing: Vec<Address>,
}

impl Node {
    /// Chooses what a backup is made of: a database with its access controller, or everything.
    ///
    /// # Errors
    /// [`NodeError`] where there is no such database, or not all are open yet; [`BackupError`].
    pub fn backup(&self, wanted: Option<&str>) -> Result<Result<Logs, BackupError>, NodeError> {
        let registry = Arc::clone(&self.0.registry.borrow());
        let chosen: BTreeSet<Address> = match wanted {
            Some(wanted) => {
                let database = self.database(wanted)?;
                let guard = match database.manifest().access {
                    AccessAddress::OrbitDb(guard) => Some(guard),
                    AccessAddress::Ipfs(_) => None,
                };
                guard.into_iter().chain([database.address()]).collect()
            }
            None if *self.0.boot.borrow() != Boot::Done => {
                return Err(NodeError::Starting("*".to_owned()));
            }
            None => registry.keys().copied().collect(),
        };
        let mut sources: Vec<Source> = registry
            .iter()
            .filter(|(address, _)| chosen.contains(address))
            .map(|(address, known)| source(*address, known))
            .collect();
        sources.sort_by_key(|source| match source.role {
            car::Role::Catalog => 0,
            car::Role::Guard => 1,
            car::Role::Pinned(_) => 2,
        });
        let index = Index {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            created: SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
            cluster: self.identity().cluster_id,
            databases: Vec::new(),
            missing: Vec::new(),
        };
        let logs = Logs::choose(&self.0.store, index, sources, &self.0.backups.scratch);
        Ok(logs.and_then(|logs| match (wanted, logs.index().missing.first()) {
            (Some(_), Some(missing)) => Err(BackupError::NotHere(*missing)),
            _ => Ok(logs),
        }))
    }

    /// Judges a backup, which changes nothing. Blocks.
    ///
    /// # Errors
    /// [`CheckError`].
    pub fn check_backup(&self, from: impl BufRead) -> Result<Checked, CheckError> {
        let Backups { scratch, max_entry_bytes, pool } = &self.0.backups;
        backup::check(from, scratch, pool, *max_entry_bytes, takes_foreign_keys)
    }

    /// Takes a backup in that was judged: pins its databases and joins their entries. `only` names one of them.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub async fn restore(
        &self,
        checked: &Checked,
        only: Option<&str>,
    ) -> Result<RestoreReport, RestoreError> {
        let chosen = chosen(checked, only)?;
        tokio::task::block_in_place(|| self.keep_definitions(checked, &chosen))?;
        let mut report = RestoreReport { missing: checked.index.missing.clone(), ..RestoreReport::default() };
        let databases = || chosen.iter().filter_map(|at| Some((*at, checked.index.databases.get(*at)?)));
        // The catalog first: it says what is pinned, and what was pinned before need not be pinned again.
        for (at, catalog) in databases().filter(|(_, database)| database.role == car::Role::Catalog) {
            if catalog.address == self.0.catalog.address() {
                report.databases.push(join(&self.0.catalog, checked, at, catalog).await?);
                self.await_pins(checked, &chosen).await;
            } else {
                report.foreign_catalog = Some(catalog.address);
            }
        }
        let guarded = databases().any(|(_, database)| matches!(database.role, car::Role::Pinned(_)));
        for (_, database) in databases() {
            match &database.role {
                car::Role::Pinned(record) => {
                    drop(self.pin_as(database.address, pin_of(database, record)).await?)
                }
                // Alone, it is what was asked for: nothing else would have it opened.
                car::Role::Guard if !guarded => drop(self.pin(database.address, Settings::default()).await?),
                car::Role::Guard | car::Role::Catalog => {}
            }
        }
        for (at, indexed) in databases().filter(|(_, database)| database.role != car::Role::Catalog) {
            let database = self.opened(indexed.address).await?;
            report.databases.push(join(&database, checked, at, indexed).await?);
        }
        self.0.store.flushed().await?;
        Ok(report)
    }

    /// Stores what defines the chosen databases, so that they open without any peer.
    fn keep_definitions(&self, checked: &Checked, chosen: &BTreeSet<usize>) -> Result<(), RestoreError> {
        for at in chosen {
            let mut blocks: Vec<(Hash, Bytes)> = Vec::new();
            for record in checked.section(*at) {
                match record.map_err(RestoreError::Spool)? {
                    (Kind::Entry, _) => {}
                    (_, block) => blocks.push((Hash::of(&block), block)),
                }
                if blocks.len() >= OFFERED {
                    self.0.store.put_blocks(&std::mem::take(&mut blocks))?;
                }
            }
            self.0.store.put_blocks(&blocks)?;
        }
        Ok(())
    }

    /// Waits until the keeper has followed a catalog that was joined: until it knows every pin of the backup that stands there.
    async fn await_pins(&self, checked: &Checked, chosen: &BTreeSet<usize>) {
        let pinned: Vec<Address> = chosen
            .iter()
            .filter_map(|at| checked.index.databases.get(*at))
            .filter(|database| matches!(database.role, car::Role::Pinned(_)))
            .map(|database| database.address)
            .filter(|address| {
                let record = self.0.catalog.get(&address.to_string()).ok().flatten();
                let record = record.and_then(|(_, value)| Record::from_pair(&address.to_string(), &value));
                matches!(record, Some((_, Record::Pinned(_))))
            })
            .collect();
        let mut registry = self.0.registry.clone();
        let followed = registry.wait_for(|registry| {
            pinned.iter().all(|address| {
                registry.get(address).is_some_and(|known| matches!(known.role, Role::Pinned(_)))
            })
        });
        // Where it is not in time, the database is pinned once more, which does no harm.
        drop(tokio::time::timeout(RESTORE_OPEN_TIMEOUT, followed).await);
    }

    async fn opened(&self, address: Address) -> Result<Database, RestoreError> {
        let mut registry = self.0.registry.clone();
        let settled = |known: &Registered| known.open().is_some() || matches!(known.state, State::Failed(_));
        let opened = registry.wait_for(|registry| registry.get(&address).is_some_and(settled));
        let opened = tokio::time::timeout(RESTORE_OPEN_TIMEOUT, opened).await.map(|opened| opened.map(drop));
        opened.map_err(|_| RestoreError::NotOpen(address))?.map_err(|_| RestoreError::NotOpen(address))?;
        Ok(self.database(&address.to_string())?)
    }
}

fn source(address: Address, known: &Registered) -> Source {
    let role = match &known.role {
        Role::Catalog => car::Role::Catalog,
        Role::Guard => car::Role::Guard,
        Role::Pinned(pin) => car::Role::Pinned(Record::Pinned(pin.clone()).to_value()),
    };
    let reading = known.open().map(|database| database.reading().to_string()).unwrap_or_default();
    Source { address, role, reading }
}

/// Whether a record of the catalog says that entries with foreign keys are taken.
fn takes_foreign_keys(record: &Value) -> bool {
    // The address plays no part.
    let key = Address::new(Hash::of(&[])).to_string();
    matches!(Record::from_pair(&key, record), Some((_, Record::Pinned(pin))) if pin.settings.allow_foreign_keys)
}

fn pin_of(database: &Indexed, record: &Value) -> Pin {
    match Record::from_pair(&database.address.to_string(), record) {
        Some((_, Record::Pinned(pin))) => pin,
        _ => Pin { name: Some(database.name.clone()), ..Pin::default() },
    }
}

/// Which databases are restored: all, or one with its access controller.
fn chosen(checked: &Checked, only: Option<&str>) -> Result<BTreeSet<usize>, RestoreError> {
    let databases = &checked.index.databases;
    let Some(only) = only else { return Ok((0..databases.len()).collect()) };
    let by_address = Address::named(only).ok();
    let is_meant = |database: &&Indexed| match by_address {
        Some(address) => database.address == address,
        None => database.name == only && matches!(database.role, car::Role::Pinned(_)),
    };
    let meant: Vec<&Indexed> = databases.iter().filter(is_meant).collect();
    let [database] = meant.as_slice() else {
        if meant.is_empty() {
            let names: Vec<&str> = databases.iter().map(|database| &*database.name).take(20).collect();
            return Err(RestoreError::NotInBackup(only.to_owned(), names.join(", ")));
        }
        return Err(RestoreError::Ambiguous(only.to_owned()));
    };
    let guard = checked.guard_of(database.address);
    let at: BTreeMap<Address, usize> =
        databases.iter().enumerate().map(|(at, database)| (database.address, at)).collect();
    Ok(guard.into_iter().chain([database.address]).filter_map(|address| at.get(&address).copied()).collect())
}

/// Joins the entries of a backup to an open database.
async fn join(
    database: &Database,
    checked: &Checked,
    at: usize,
    indexed: &Indexed,
) -> Result<Restored, RestoreError> {
    let address = indexed.address;
    let failed = |error| RestoreError::Entries(address, error);
    let writers = checked.writers.get(at).map(|writers| (**writers).clone()).unwrap_or_default();
    let restoring = database.restoring(writers).await.map_err(|error| failed(error.into()))?;
    let mut records = checked.section(at);
    let mut new = 0;
    loop {
        let batch = tokio::task::block_in_place(|| next_batch(database, &mut records))?;
        if batch.is_empty() {
            break;
        }
        new += batch.len() as u64;
        database.offer(&restoring, batch).await.map_err(|error| failed(error.into()))?;
    }
    drop(records);
    let mut entries = checked.entries(at);
    while let Some(hash) = tokio::task::block_in_place(|| next_missing(database, &mut entries)).transpose() {
        database.taken(hash?).await.map_err(failed)?;
    }
    // The store has an entry before the status tells of it. An answer of the task comes after both.
    database.offer(&restoring, Vec::new()).await.map_err(|error| failed(error.into()))?;
    let now = database.status().borrow().heads.iter().map(|head| head.hash).collect::<BTreeSet<_>>();
    let equal = now == indexed.heads.iter().copied().collect();
    tracing::info!(%address, name = indexed.name, entries = indexed.entries, new, "restored");
    Ok(Restored { address, name: indexed.name.clone(), entries: indexed.entries, new, equal })
}

/// Entries that the database does not have yet.
fn next_batch(
    database: &Database,
    records: &mut impl Iterator<Item = io::Result<(Kind, Bytes)>>,
) -> Result<Vec<Bytes>, RestoreError> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < OFFERED && bytes < OFFERED_BYTES {
        let Some(record) = records.next() else { break };
        let (kind, block) = record.map_err(RestoreError::Spool)?;
        if kind == Kind::Entry && !database.contains(&Hash::of(&block))? {
            bytes += block.len();
            batch.push(block);
        }
    }
    Ok(batch)
}

fn next_missing(
    database: &Database,
    entries: &mut impl Iterator<Item = io::Result<Hash>>,
) -> Result<Option<Hash>, RestoreError> {
    for hash in entries {
        let hash = hash.map_err(RestoreError::Spool)?;
        if !database.contains(&hash)? {
            return Ok(Some(hash));
        }
    }
    Ok(None)
}
