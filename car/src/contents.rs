//! What each block of a backup is, and whether it may stand there.
//!
//! A database is its manifest, the access list that the manifest names, and its entries in the order of positions, each identity
//! before the first entry that names it. So whoever reads from the beginning knows all that an entry is judged by.

use crate::{
    Block, Closing, Failure, Identities, Index, IndexError, Indexed, MAX_INDEX_BYTES, ReadError, Role,
};
use bytes::Bytes;
use oplog::{
    Address, Hash, Value,
    access::{AccessError, AccessList, MAX_WRITERS, Writers},
    entry::{Candidate, EntryError},
    identity::{Identity, IdentityError, VerifiedIdentity},
    join::{self, Policy},
    manifest::{AccessAddress, Manifest, ManifestError},
    order::Position,
    view::{Op, Operation},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// The first byte of an entry's block: a map of nine fields.
const ENTRY_MAP: u8 = 0xa9;

/// Why a file is no backup.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is no file of whole blocks.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The first block is not the root.
    #[error("the backup is altered: its first block is not the index that its header names")]
    Root,
    /// The first block is no index.
    #[error("the backup cannot be read: {0}")]
    Index(#[from] IndexError),
    /// The file ends before its closing record.
    #[error("the backup is cut off: after {blocks} blocks it ends without its closing record")]
    NoClosing {
        /// How many blocks there are.
        blocks: u64,
    },
    /// The node that wrote it says that something failed.
    #[error("the backup was not finished: {0}")]
    Unfinished(String),
    /// There are bytes behind the closing record.
    #[error("the backup is altered: something follows its closing record")]
    BehindClosing,
    /// The closing record is that of another file.
    #[error("the backup is altered: {0} differs from what its closing record says")]
    Closing(&'static str),
    /// A block that has no place where it stands.
    #[error("the backup is altered: block {0} does not belong where it stands")]
    Misplaced(Hash),
    /// A database is not what the index says of it.
    #[error("the backup is altered: {what} of {address} differs from what its index says")]
    NotAsIndexed {
        /// Which.
        address: Address,
        /// What differs.
        what: &'static str,
    },
    /// A manifest cannot be read.
    #[error("database {0}: {1}")]
    Manifest(Address, #[source] ManifestError),
    /// An access list cannot be read.
    #[error("database {0}: {1}")]
    Access(Address, #[source] AccessError),
    /// Its access controller does not stand before it.
    #[error("database {0}: its access controller is not in the backup, or is guarded itself")]
    NoGuard(Address),
    /// A guard granted rights to more than [`MAX_WRITERS`].
    #[error("access controller {0}: more than {MAX_WRITERS} ids were ever granted a right")]
    TooManyWriters(Address),
    /// An identity is none.
    #[error("block {0}: {1}")]
    Identity(Hash, #[source] IdentityError),
    /// An entry is none.
    #[error("block {0}: {1}")]
    Entry(Hash, #[source] EntryError),
    /// An entry is not taken into its log.
    #[error("entry {0}: {1}")]
    Judged(Hash, #[source] Box<join::Refusal>),
    /// A log is not whole.
    #[error("database {0}: {1}")]
    Log(Address, #[source] crate::FrontierError),
}

/// An entry that is well-formed and stands where it may. Whether it is signed by somebody who may write is left to be judged, on
/// any core.
#[derive(Debug)]
pub struct ToJudge {
    candidate: Box<Candidate>,
    author: Arc<VerifiedIdentity>,
    writers: Arc<Writers>,
    policy: Policy,
}

impl ToJudge {
    /// Checks signature and rights, in some 60 µs.
    ///
    /// # Errors
    /// The entry would not be taken from a peer either.
    pub fn judge(&self) -> Result<(), Refusal> {
        let judged = join::judge(&self.candidate, &self.author, &self.writers, self.policy);
        judged.map_err(|reason| Refusal::Judged(self.candidate.entry.hash, Box::new(reason)))
    }

    /// The block.
    pub fn block(&self) -> &Bytes {
        &self.candidate.block
    }
}

/// What a block is.
#[derive(Debug)]
pub enum Part {
    /// The index.
    Index,
    /// The manifest with which a database begins.
    Manifest,
    /// An access list or an identity.
    Other,
    /// An entry.
    Entry(ToJudge),
    /// The closing record: the file is whole.
    Closing(Closing),
}

/// The database that is being read.
#[derive(Debug)]
struct Section {
    at: usize,
    access: Option<Hash>,
    inner: AccessList,
    writers: Arc<Writers>,
    policy: Policy,
    entries: u64,
    last: Option<Position>,
    identities: Identities<Arc<VerifiedIdentity>>,
    /// An identity whose entry must come next.
    announced: Option<Hash>,
    /// Whom a guard ever gave a right.
    granted: BTreeSet<String>,
}

/// Reads a backup block by block.
pub struct Contents {
    root: Hash,
    max_entry_bytes: usize,
    foreign_keys: fn(&Value) -> bool,
    index: Option<Index>,
    section: Option<Section>,
    /// Databases that have been read.
    done: usize,
    guards: HashMap<Address, Arc<Writers>>,
    blocks: u64,
    entries: u64,
    closed: bool,
}

impl Contents {
    /// The contents of a file with this root. Entries have at most `max_entry_bytes`; `foreign_keys` tells from a database's record
    /// in the catalog whether it takes entries whose key is not their identity's.
    pub fn new(root: Hash, max_entry_bytes: usize, foreign_keys: fn(&Value) -> bool) -> Self {
        Self {
            root,
            max_entry_bytes,
            foreign_keys,
            index: None,
            section: None,
            done: 0,
            guards: HashMap::new(),
            blocks: 0,
            entries: 0,
            closed: false,
        }
    }

    /// The index, once it was read.
    pub fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// Who may write to the databases that were read: for those with an access controller, everybody who ever might, since
    /// entries stay when a right is taken back.
    pub fn writers(&self) -> Option<&Arc<Writers>> {
        self.section.as_ref().map(|section| &section.writers)
    }

    /// What the next block is. `before` is what stands before it: blocks, bytes, and their sha2-256.
    ///
    /// # Errors
    /// It may not stand there.
    pub fn take(
        &mut self,
        block: Block,
        before: impl FnOnce() -> (u64, u64, [u8; 32]),
    ) -> Result<Part, Refusal> {
        if self.closed {
            return Err(Refusal::BehindClosing);
        }
        self.blocks += 1;
        if self.index.is_none() {
            return self.read_index(&block);
        }
        if let Some(Failure { reason }) = Failure::decode(&block.bytes) {
            return Err(Refusal::Unfinished(reason));
        }
        let full = self.section.as_ref().is_none_or(Section::is_announcing_nothing) && self.is_section_full();
        if !full {
            return self.read_section(block);
        }
        self.end_section()?;
        match self.index.as_ref().and_then(|index| index.databases.get(self.done)) {
            Some(_) => self.begin_section(&block),
            None => self.close(&block, before()),
        }
    }

    /// That the file ends here.
    ///
    /// # Errors
    /// There was no closing record.
    pub fn finish(&self) -> Result<(), Refusal> {
        if self.closed { Ok(()) } else { Err(Refusal::NoClosing { blocks: self.blocks }) }
    }

    fn read_index(&mut self, block: &Block) -> Result<Part, Refusal> {
        if block.hash != self.root {
            return Err(Refusal::Root);
        }
        debug_assert!(block.bytes.len() <= MAX_INDEX_BYTES, "no block is larger");
        self.index = Some(Index::decode(&block.bytes)?);
        Ok(Part::Index)
    }

    fn indexed(&self) -> Option<&Indexed> {
        self.index.as_ref()?.databases.get(self.done)
    }

    fn is_section_full(&self) -> bool {
        match (&self.section, self.indexed()) {
            (Some(section), Some(indexed)) => section.access.is_none() && section.entries == indexed.entries,
            _ => true,
        }
    }

    fn begin_section(&mut self, block: &Block) -> Result<Part, Refusal> {
        let Some(indexed) = self.indexed() else { return Err(Refusal::Misplaced(block.hash)) };
        let address = indexed.address;
        if address.manifest() != block.hash {
            return Err(Refusal::Misplaced(block.hash));
        }
        let manifest = Manifest::decode(&block.bytes).map_err(|error| Refusal::Manifest(address, error))?;
        if manifest.name != indexed.name {
            return Err(Refusal::NotAsIndexed { address, what: "the name" });
        }
        let allow_foreign_keys = matches!(&indexed.role, Role::Pinned(record) if (self.foreign_keys)(record));
        let (access, writers) = match manifest.access {
            AccessAddress::Ipfs(hash) => (Some(hash), Arc::default()),
            AccessAddress::OrbitDb(guard) => {
                (None, self.guards.get(&guard).cloned().ok_or(Refusal::NoGuard(address))?)
            }
        };
        self.section = Some(Section {
            at: self.done,
            access,
            inner: AccessList { write: Vec::new() },
            writers,
            policy: Policy { allow_foreign_keys },
            entries: 0,
            last: None,
            identities: Identities::default(),
            announced: None,
            granted: BTreeSet::new(),
        });
        Ok(Part::Manifest)
    }

    fn read_section(&mut self, block: Block) -> Result<Part, Refusal> {
        let max_entry_bytes = self.max_entry_bytes;
        let Some(indexed) = self.index.as_ref().and_then(|index| index.databases.get(self.done)) else {
            return Err(Refusal::Misplaced(block.hash));
        };
        let Some(section) = &mut self.section else { return Err(Refusal::Misplaced(block.hash)) };
        if let Some(access) = section.access.take() {
            if access != block.hash {
                return Err(Refusal::Misplaced(block.hash));
            }
            section.inner =
                AccessList::decode(&block.bytes).map_err(|error| Refusal::Access(indexed.address, error))?;
            section.writers = Arc::new(section.inner.writers());
            return Ok(Part::Other);
        }
        if block.bytes.first() != Some(&ENTRY_MAP) {
            return section.identity(&block);
        }
        let judged = section.entry(block, indexed, max_entry_bytes)?;
        self.entries += 1;
        Ok(Part::Entry(judged))
    }

    fn end_section(&mut self) -> Result<(), Refusal> {
        let Some(section) = self.section.take() else { return Ok(()) };
        debug_assert_eq!(section.at, self.done, "sections come one after another");
        if let Some(Indexed { address, role: Role::Guard, .. }) = self.indexed() {
            let granted = section.granted.iter().chain(&section.inner.write).map(String::as_str);
            self.guards.insert(*address, Arc::new(granted.collect()));
        }
        self.done += 1;
        Ok(())
    }

    fn close(&mut self, block: &Block, before: (u64, u64, [u8; 32])) -> Result<Part, Refusal> {
        let closing = Closing::decode(&block.bytes).ok_or(Refusal::Misplaced(block.hash))?;
        let (blocks, bytes, digest) = before;
        let index = self.root;
        let differing = [
            (closing.index != index, "the index"),
            (closing.blocks != blocks, "the number of blocks"),
            (closing.entries != self.entries, "the number of entries"),
            (closing.bytes != bytes, "the number of bytes"),
            (closing.digest != digest, "the sha2-256"),
        ];
        if let Some((_, what)) = differing.into_iter().find(|(differs, _)| *differs) {
            return Err(Refusal::Closing(what));
        }
        self.closed = true;
        Ok(Part::Closing(closing))
    }
}

impl Section {
    fn is_announcing_nothing(&self) -> bool {
        self.announced.is_none()
    }

    fn identity(&mut self, block: &Block) -> Result<Part, Refusal> {
        if self.announced.is_some() {
            return Err(Refusal::Misplaced(block.hash));
        }
        let verified = Identity::decode(&block.bytes).and_then(Identity::verify);
        let verified = verified.map_err(|error| Refusal::Identity(block.hash, error))?;
        self.identities.met(block.hash, Arc::new(verified));
        self.announced = Some(block.hash);
        Ok(Part::Other)
    }

    fn entry(&mut self, block: Block, indexed: &Indexed, limit: usize) -> Result<ToJudge, Refusal> {
        let address = indexed.address;
        let candidate =
            Candidate::decode(block.bytes, limit).map_err(|error| Refusal::Entry(block.hash, error))?;
        let entry = &candidate.entry;
        if entry.id != address.to_string() {
            return Err(Refusal::Misplaced(block.hash));
        }
        if self.announced.take().is_some_and(|identity| identity != entry.identity) {
            return Err(Refusal::Misplaced(block.hash));
        }
        let author = self.identities.named(&entry.identity).cloned();
        let author = author.ok_or(Refusal::Misplaced(block.hash))?;
        let position = entry.position();
        if self.last.as_ref().is_some_and(|last| *last >= position) {
            return Err(Refusal::Misplaced(block.hash));
        }
        self.last = Some(position);
        self.entries += 1;
        if indexed.role == Role::Guard {
            self.grant(address, Operation::of(entry.payload.clone()))?;
        }
        let (writers, policy) = (Arc::clone(&self.writers), self.policy);
        Ok(ToJudge { candidate: Box::new(candidate), author, writers, policy })
    }

    /// Notes whom an operation of an access controller gives a right.
    fn grant(&mut self, address: Address, operation: Operation) -> Result<(), Refusal> {
        let key = operation.property_key();
        let (Op::Put, "write" | "admin", Value::List(ids)) = (operation.op, &*key, operation.value) else {
            return Ok(());
        };
        let ids: Option<Vec<&str>> = ids.iter().map(Value::as_text).collect();
        self.granted.extend(ids.unwrap_or_default().into_iter().map(str::to_owned));
        if self.granted.len() > MAX_WRITERS { Err(Refusal::TooManyWriters(address)) } else { Ok(()) }
    }
}
