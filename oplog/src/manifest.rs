//! What a database is: the block behind its address (wire document, section 8).

use crate::{
    address::Address,
    cbor::{self, Map, Value},
    hash::{BadHash, Hash},
};
use bytes::Bytes;
use std::{fmt, str::FromStr};

/// The longest name of a database, in bytes. JavaScript has no limit; a node that lists thousands of them needs one.
pub const MAX_NAME_BYTES: usize = 4096;

/// The longest type of a database, in bytes. Those that OrbitDB ships have nine or ten.
pub const MAX_TYPE_BYTES: usize = 256;

/// Which access controller guards a database, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessAddress {
    /// A fixed list of writers: the hash of its block.
    Ipfs(Hash),
    /// A keyvalue database that grants capabilities: its address.
    OrbitDb(Address),
}

impl fmt::Display for AccessAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipfs(hash) => write!(f, "/ipfs/{hash}"),
            Self::OrbitDb(address) => write!(f, "{address}"),
        }
    }
}

/// The text names no access controller that OrbitDB ships.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("access controller {0:?} is neither /ipfs/zdpu… nor /orbitdb/zdpu…")]
pub struct UnknownController(pub String);

impl FromStr for AccessAddress {
    type Err = UnknownController;

    fn from_str(text: &str) -> Result<Self, UnknownController> {
        let parse = |rest: &str| -> Result<Hash, BadHash> { rest.parse() };
        if let Some(hash) = text.strip_prefix("/ipfs/").and_then(|rest| parse(rest).ok()) {
            return Ok(Self::Ipfs(hash));
        }
        text.parse().map(Self::OrbitDb).map_err(|_| UnknownController(text.to_owned()))
    }
}

/// The block that defines a database. Its hash is the address: equal manifests are one database.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Any text.
    pub name: String,
    /// What its creator calls the type: any text, and a hint at most ([`Reading`](crate::reading::Reading)).
    pub kind: String,
    /// Who may write.
    pub access: AccessAddress,
    /// Whatever the creator attached; `Some(Value::Null)` differs from `None`.
    pub meta: Option<Value>,
}

/// Why a block is no manifest that can be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The block cannot be decoded.
    #[error("manifest: {0}")]
    Undecodable(#[from] cbor::DecodeError),
    /// A field is missing or no text.
    #[error("manifest: field {0:?} is missing or no text")]
    Field(&'static str),
    /// The block is not the one encoding that its manifest has: further fields, or dag-cbor in another form.
    #[error("manifest: not the canonical encoding of name, type, accessController and meta")]
    NotCanonical,
    /// The name is longer than [`MAX_NAME_BYTES`].
    #[error("manifest: the name is longer than {MAX_NAME_BYTES} bytes")]
    LongName,
    /// The type is longer than [`MAX_TYPE_BYTES`].
    #[error("manifest: the type is longer than {MAX_TYPE_BYTES} bytes")]
    LongType,
    /// The access controller is unknown.
    #[error(transparent)]
    Controller(#[from] UnknownController),
}

impl Manifest {
    /// Reads a manifest block. Errors unless it is the canonical encoding of exactly a manifest's fields: what is read again
    /// from its parts must have the same address.
    pub fn decode(block: &[u8]) -> Result<Self, ManifestError> {
        let value = cbor::decode(block)?;
        let text = |name| value.get(name).and_then(Value::as_text).ok_or(ManifestError::Field(name));
        let name = text("name")?;
        if name.len() > MAX_NAME_BYTES {
            return Err(ManifestError::LongName);
        }
        let kind = text("type")?;
        if kind.len() > MAX_TYPE_BYTES {
            return Err(ManifestError::LongType);
        }
        let manifest = Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            access: text("accessController")?.parse()?,
            meta: value.get("meta").cloned(),
        };
        if manifest.encode() != block { Err(ManifestError::NotCanonical) } else { Ok(manifest) }
    }

    /// The block.
    pub fn encode(&self) -> Bytes {
        let mut map = Map::from_iter([
            ("name", Value::from(self.name.as_str())),
            ("type", self.kind.as_str().into()),
            ("accessController", self.access.to_string().into()),
        ]);
        if let Some(meta) = &self.meta {
            map.insert("meta", meta.clone());
        }
        cbor::encode(&map.into()).into()
    }

    /// The address of the database.
    pub fn address(&self) -> Address {
        Hash::of(&self.encode()).into()
    }
}
