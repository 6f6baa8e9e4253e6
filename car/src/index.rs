//! What a backup holds: its first block, and the root of the file.

use oplog::{
    Address, Hash, Value,
    cbor::{self, Map},
};
use std::collections::BTreeSet;

/// The largest index, in bytes.
pub const MAX_INDEX_BYTES: usize = crate::MAX_BLOCK_BYTES;

/// What marks an index.
const MARK: &str = "paperclip";
const INDEX: &str = "backup";

/// The version of the document. A reader takes no other.
const VERSION: i128 = 1;

/// What a database is to the node that was backed up.
#[derive(Debug, Clone, PartialEq)]
pub enum Role {
    /// The list of what the cluster pins.
    Catalog,
    /// The access controller of a pinned database.
    Guard,
    /// A pinned database, with its record in the catalog.
    Pinned(Value),
}

impl Role {
    fn word(&self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Guard => "guard",
            Self::Pinned(_) => "pinned",
        }
    }

    /// Where databases of this role stand: the catalog, then guards, then what they guard.
    fn rank(&self) -> u8 {
        match self {
            Self::Catalog => 0,
            Self::Guard => 1,
            Self::Pinned(_) => 2,
        }
    }
}

/// A database of a backup.
#[derive(Debug, Clone, PartialEq)]
pub struct Indexed {
    /// Its address.
    pub address: Address,
    /// What it is to the node.
    pub role: Role,
    /// The name in its manifest.
    pub name: String,
    /// How it was read, for people.
    pub reading: String,
    /// Heads, greatest first.
    pub heads: Vec<Hash>,
    /// Entries of its log.
    pub entries: u64,
}

/// The index.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    /// The version of the program that wrote it.
    pub program: String,
    /// When, in seconds since 1970.
    pub created: u64,
    /// The cluster's id.
    pub cluster: String,
    /// The databases, in the order in which they stand in the file.
    pub databases: Vec<Indexed>,
    /// Pinned databases of which the node had nothing yet.
    pub missing: Vec<Address>,
}

/// Why a block is no index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// The block is no dag-cbor.
    #[error("the index is no dag-cbor: {0}")]
    Undecodable(#[from] cbor::DecodeError),
    /// It is something else than an index.
    #[error("the root is no index of a PaperClip backup")]
    NoIndex,
    /// Another version wrote it.
    #[error(
        "the backup has version {0}, and this node reads version {VERSION}; restore it with the version that wrote it"
    )]
    Version(i128),
    /// A field is missing or of another shape.
    #[error("the index: field {0:?} is missing or malformed")]
    Field(&'static str),
    /// The block is not the one encoding that its index has.
    #[error("the index is not the canonical encoding of its fields")]
    NotCanonical,
    /// The databases stand in another order than catalog, guards, pinned ones, or one of them stands there twice.
    #[error("the index: {0} stands where it may not")]
    Order(Address),
}

impl Index {
    /// The block.
    pub fn encode(&self) -> Vec<u8> {
        let list = |values: Vec<Value>| Value::List(values);
        cbor::encode_map(&Map::from_iter([
            (MARK, Value::from(INDEX)),
            ("version", Value::Int(VERSION)),
            ("program", self.program.as_str().into()),
            ("created", Value::Int(self.created.into())),
            ("cluster", self.cluster.as_str().into()),
            ("databases", list(self.databases.iter().map(Indexed::to_value).collect())),
            ("missing", list(self.missing.iter().map(|address| address.to_string().into()).collect())),
        ]))
    }

    /// Reads a block. Errors unless it is the canonical encoding of exactly an index's fields.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn decode(block: &[u8]) -> Result<Self, IndexError> {
        let value = cbor::decode_canonical(block).map_err(|error| match error {
            cbor::DecodeError::NotCanonical => IndexError::NotCanonical,
            error => error.into(),
        })?;
        if value.get(MARK).and_then(Value::as_text) != Some(INDEX) {
            return Err(IndexError::NoIndex);
        }
        match value.get("version") {
            Some(Value::Int(VERSION)) => {}
            Some(Value::Int(other)) => return Err(IndexError::Version(*other)),
            _ => return Err(IndexError::Field("version")),
        }
        let index = Self {
            program: text(&value, "program")?,
            created: count(&value, "created")?,
            cluster: text(&value, "cluster")?,
            databases: all(&value, "databases", Indexed::read)?,
            missing: all(&value, "missing", |item| item.as_text()?.parse().ok())?,
        };
        if index.encode() != block {
            return Err(IndexError::NotCanonical);
        }
        index.check_order()?;
        Ok(index)
    }

    /// The hash of the block.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.encode())
    }

    /// Entries of all databases.
    pub fn entries(&self) -> u64 {
        self.databases.iter().fold(0, |sum, database| sum.saturating_add(database.entries))
    }

    fn check_order(&self) -> Result<(), IndexError> {
        let mut seen = BTreeSet::new();
        let mut rank = 0;
        for Indexed { address, role, .. } in &self.databases {
            let second_catalog = *role == Role::Catalog && !seen.is_empty();
            if role.rank() < rank || second_catalog || !seen.insert(*address) {
                return Err(IndexError::Order(*address));
            }
            rank = role.rank();
        }
        Ok(())
    }
}

impl Indexed {
    fn to_value(&self) -> Value {
        let mut map = Map::from_iter([
            ("manifest", Value::Link(link(self.address.manifest()))),
            ("role", self.role.word().into()),
            ("name", self.name.as_str().into()),
            ("reading", self.reading.as_str().into()),
            ("heads", Value::List(self.heads.iter().map(|head| Value::Link(link(*head))).collect())),
            ("entries", Value::Int(self.entries.into())),
        ]);
        if let Role::Pinned(record) = &self.role {
            map.insert("pin", record.clone());
        }
        map.into()
    }

    fn read(value: &Value) -> Option<Self> {
        let hash = |value: &Value| match value {
            Value::Link(cid) => Hash::from_cid_bytes(&cid.to_bytes()),
            _ => None,
        };
        let role = match value.get("role")?.as_text()? {
            "catalog" => Role::Catalog,
            "guard" => Role::Guard,
            "pinned" => Role::Pinned(value.get("pin")?.clone()),
            _ => return None,
        };
        let entries = count(value, "entries").ok()?;
        let heads: Vec<Hash> = value.get("heads")?.as_list()?.iter().map(hash).collect::<Option<_>>()?;
        (heads.is_empty() == (entries == 0)).then_some(Self {
            address: hash(value.get("manifest")?)?.into(),
            role,
            name: value.get("name")?.as_text()?.to_owned(),
            reading: value.get("reading")?.as_text()?.to_owned(),
            heads,
            entries,
        })
    }
}

/// The link to a block.
fn link(hash: Hash) -> cid::Cid {
    // Version 1, dag-cbor, sha2-256: always a CID.
    cid::Cid::try_from(&hash.to_cid_bytes()[..]).unwrap_or_default()
}

fn text(value: &Value, name: &'static str) -> Result<String, IndexError> {
    value.get(name).and_then(Value::as_text).map(str::to_owned).ok_or(IndexError::Field(name))
}

fn count(value: &Value, name: &'static str) -> Result<u64, IndexError> {
    match value.get(name) {
        Some(Value::Int(count)) => u64::try_from(*count).map_err(|_| IndexError::Field(name)),
        _ => Err(IndexError::Field(name)),
    }
}

fn all<T>(
    value: &Value,
    name: &'static str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>, IndexError> {
    let list = value.get(name).and_then(Value::as_list).ok_or(IndexError::Field(name))?;
    list.iter().map(read).collect::<Option<_>>().ok_or(IndexError::Field(name))
}
