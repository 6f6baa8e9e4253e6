//! Who may write (wire document, section 8, "Access controllers").

use crate::{
    cbor::{self, Map, Value},
    hash::Hash,
};
use bytes::Bytes;
use std::collections::BTreeSet;

/// The name that stands for every identity.
pub const ANYONE: &str = "*";

/// The most names a list may hold.
pub const MAX_WRITERS: usize = 65_536;

/// The block of an `ipfs` access controller: `{type: "ipfs", write: [id…]}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessList {
    /// Identity ids, or [`ANYONE`], in the creator's order.
    pub write: Vec<String>,
}

/// Why a block is no access list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The block cannot be decoded.
    #[error("access list: {0}")]
    Undecodable(#[from] cbor::DecodeError),
    /// It is not `{type: "ipfs", write: [text…]}`.
    #[error("access list: expected {{type: \"ipfs\", write: [id…]}}")]
    Shape,
    /// The block is not the one encoding that its list has: further fields, or dag-cbor in another form.
    #[error("access list: not the canonical encoding of {{type: \"ipfs\", write: [id…]}}")]
    NotCanonical,
    /// It names more than [`MAX_WRITERS`].
    #[error("access list: more than {MAX_WRITERS} writers")]
    TooLong,
}

impl AccessList {
    /// Reads an access list block. Errors unless it is the canonical encoding of exactly a list's fields.
    pub fn decode(block: &[u8]) -> Result<Self, AccessError> {
        let value = cbor::decode(block)?;
        if value.get("type").and_then(Value::as_text) != Some("ipfs") {
            return Err(AccessError::Shape);
        }
        let write = texts(value.get("write").ok_or(AccessError::Shape)?).ok_or(AccessError::Shape)?;
        if write.len() > MAX_WRITERS {
            return Err(AccessError::TooLong);
        }
        let list = Self { write };
        if list.encode() != block { Err(AccessError::NotCanonical) } else { Ok(list) }
    }

    /// The block.
    pub fn encode(&self) -> Bytes {
        let write = self.write.iter().map(|id| Value::from(id.as_str())).collect::<Vec<_>>();
        cbor::encode(&Map::from_iter([("type", Value::from("ipfs")), ("write", write.into())]).into()).into()
    }

    /// The hash of the block.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.encode())
    }

    /// The rights that the list gives.
    pub fn writers(&self) -> Writers {
        self.write.iter().map(String::as_str).collect()
    }
}

/// The identities whose entries are taken into a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writers {
    /// Every verified identity.
    Anyone,
    /// These ids.
    Only(BTreeSet<String>),
}

/// Nobody.
impl Default for Writers {
    fn default() -> Self {
        Self::Only(BTreeSet::new())
    }
}

impl Writers {
    /// Whether entries by the identity named `id` are taken.
    pub fn allow(&self, id: &str) -> bool {
        match self {
            Self::Anyone => true,
            Self::Only(ids) => ids.contains(id),
        }
    }

    /// The ids, or [`ANYONE`] alone.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Anyone => vec![ANYONE.to_owned()],
            Self::Only(ids) => ids.iter().cloned().collect(),
        }
    }
}

impl<'a> FromIterator<&'a str> for Writers {
    fn from_iter<I: IntoIterator<Item = &'a str>>(ids: I) -> Self {
        let ids: BTreeSet<String> = ids.into_iter().map(str::to_owned).collect();
        if ids.contains(ANYONE) { Self::Anyone } else { Self::Only(ids) }
    }
}

/// What an `orbitdb` access controller grants: the content of its keyvalue database, capability to ids, and the `write`
/// list of that database's own `ipfs` controller, which always counts as `admin`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    write: BTreeSet<String>,
    admin: BTreeSet<String>,
}

impl Capabilities {
    /// Reads the capabilities from the controller's keyvalue pairs. Values that are no list of texts grant nothing.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a Value)>, inner: &AccessList) -> Self {
        let mut capabilities = Self { admin: inner.write.iter().cloned().collect(), ..Self::default() };
        for (key, value) in pairs {
            let ids = texts(value).unwrap_or_default();
            match key {
                "write" => capabilities.write.extend(ids),
                "admin" => capabilities.admin.extend(ids),
                _ => {}
            }
        }
        capabilities
    }

    /// Ids with the capability `write`.
    pub fn write(&self) -> &BTreeSet<String> {
        &self.write
    }

    /// Ids with the capability `admin`.
    pub fn admin(&self) -> &BTreeSet<String> {
        &self.admin
    }

    /// The rights in the guarded database: `write` or `admin` may write.
    pub fn writers(&self) -> Writers {
        self.write.iter().chain(&self.admin).map(String::as_str).collect()
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_list()?.iter().map(|item| item.as_text().map(str::to_owned)).collect()
}
