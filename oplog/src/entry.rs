//! Entries: the signed operations that make up a log (wire document, section 4).

use crate::{
    address::Address,
    cbor::{self, Map, Value},
    hash::Hash,
    identity::VerifiedIdentity,
    keys::{SigningKey, is_lower_hex},
    order::{Clock, MAX_CLOCK_ID_BYTES, Position, Time},
};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// The `v` that JavaScript OrbitDB writes. It checks none.
pub const VERSION: i64 = 2;

/// The largest entry block, in bytes, that is ever taken: what fits a bitswap message and a pubsub message of 4 MiB with
/// their envelopes (wire document, sections 11 and 12). A node may set a lower limit.
pub const MAX_ENTRY_BYTES: usize = 4 * 1024 * 1024 - 4096;

/// The most hashes that `next`, and that `refs`, may hold.
pub const MAX_LINKS: usize = 4096;

/// The fields that the signature covers.
const SIGNED: [&str; 6] = ["v", "id", "next", "refs", "clock", "payload"];

/// The other fields. With [`SIGNED`], all that an entry may have.
const UNSIGNED: [&str; 3] = ["key", "identity", "sig"];

/// One entry, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The hash of its block.
    pub hash: Hash,
    /// The log it belongs to, as it is written in the block.
    pub id: String,
    /// What it says.
    pub payload: Value,
    /// The heads that its writer saw.
    pub next: Vec<Hash>,
    /// Some earlier entries, so that a reader can fetch many at a time.
    pub refs: Vec<Hash>,
    /// When it was written.
    pub clock: Clock,
    /// The version of the format; any value, since JavaScript checks none.
    pub v: Value,
    /// The signing key in hex.
    pub key: String,
    /// The hash of the writer's identity block.
    pub identity: Hash,
    /// The signature, DER in hex.
    pub sig: String,
}

/// Why bytes are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The block is no dag-cbor.
    #[error("undecodable block: {0}")]
    Undecodable(#[from] cbor::DecodeError),
    /// The block is a byte string: an entry of a database with replication encryption, which only holders of its key read.
    #[error("the block is encrypted")]
    Encrypted,
    /// A field is missing or of another shape.
    #[error("field {0:?} is missing or malformed")]
    Field(&'static str),
    /// The block is not the one encoding that its entry has: other fields than an entry's, dag-cbor in another form, hex in
    /// upper case. The signature covers neither, so whoever takes such blocks takes one signed entry under many hashes.
    #[error("not the canonical encoding of an entry")]
    NotCanonical,
    /// The clock's time is no number of a magnitude up to 2^53 - 1, or its id is longer than [`MAX_CLOCK_ID_BYTES`].
    #[error("clock out of range")]
    Clock,
    /// `next` or `refs` holds more than [`MAX_LINKS`] hashes.
    #[error("more than {MAX_LINKS} hashes in {0:?}")]
    TooManyLinks(&'static str),
    /// The block is larger than the limit.
    #[error("{size} bytes, more than the limit of {limit}")]
    Oversized {
        /// Size of the block in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// An entry as it came from outside: decoded and well-formed, its signature not checked yet.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The entry.
    pub entry: Entry,
    /// Its block as received: what is hashed, stored and served.
    pub block: Bytes,
    /// The sha2-256 digest of what the signature covers, the re-encoding of the decoded fields.
    signed_digest: [u8; 32],
}

impl Candidate {
    /// Reads a block of up to `limit` bytes that nobody vouches for. Errors unless it is the canonical encoding of exactly
    /// an entry's fields, so that one signed entry has one hash.
    pub fn decode(block: Bytes, limit: usize) -> Result<Self, EntryError> {
        if block.len() > limit {
            return Err(EntryError::Oversized { size: block.len(), limit });
        }
        let map = entry_map(cbor::decode_canonical(&block).map_err(|error| match error {
            cbor::DecodeError::NotCanonical => EntryError::NotCanonical,
            error => error.into(),
        })?)?;
        if !has_only_known_fields(&map) {
            return Err(EntryError::NotCanonical);
        }
        let signed_digest = Sha256::digest(cbor::encode_entries_of(&map, &SIGNED)).into();
        let entry = Entry::from_map(Hash::of(&block), map)?;
        if !is_lower_hex(&entry.key) || !is_lower_hex(&entry.sig) {
            return Err(EntryError::NotCanonical);
        }
        Ok(Self { entry, block, signed_digest })
    }

    /// Whether the signature is the one of the identity's signing key. That `entry.key` is that key is the caller's to check.
    pub fn signed_by(&self, identity: &VerifiedIdentity) -> bool {
        identity.key().verify_digest(&self.signed_digest, &self.entry.sig)
    }

    /// Whether the signature is the one of `entry.key`, whosever that is. This is all that JavaScript checks.
    pub fn signed_by_own_key(&self) -> bool {
        crate::keys::PublicKey::from_hex(&self.entry.key)
            .is_ok_and(|key| key.verify_digest(&self.signed_digest, &self.entry.sig))
    }
}

/// What a new entry says and builds on.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The log.
    pub id: Address,
    /// What it says.
    pub payload: Value,
    /// The heads, greatest first.
    pub next: Vec<Hash>,
    /// Skip references (wire document, section 6).
    pub refs: Vec<Hash>,
    /// When.
    pub clock: Clock,
}

impl Entry {
    /// Reads a block that was verified before, such as one from a store.
    pub fn decode(block: &[u8]) -> Result<Self, EntryError> {
        Self::from_map(Hash::of(block), entry_map(cbor::decode(block)?)?)
    }

    /// Signs a draft, giving the entry and its block.
    pub fn sign(draft: Draft, identity: Hash, key: &SigningKey) -> (Self, Bytes) {
        let Draft { id, payload, next, refs, clock } = draft;
        let clock_map = Map::from_iter([("id", Value::from(&*clock.id)), ("time", clock.time.to_value())]);
        let mut map = Map::from_iter([
            ("v", VERSION.into()),
            ("id", id.to_string().into()),
            ("next", hash_texts(&next)),
            ("refs", hash_texts(&refs)),
            ("clock", clock_map.into()),
            ("payload", payload),
        ]);
        let sig = key.sign(&cbor::encode_entries_of(&map, &SIGNED));
        map.insert("key", key.public_hex().into());
        map.insert("identity", identity.to_string().into());
        map.insert("sig", sig.as_str().into());
        let block = Bytes::from(cbor::encode_map(&map));
        // Taken back rather than copied: it may be large.
        let payload = map.remove("payload").unwrap_or(Value::Null);
        let entry = Self {
            hash: Hash::of(&block),
            id: id.to_string(),
            payload,
            next,
            refs,
            clock,
            v: VERSION.into(),
            key: key.public_hex().to_owned(),
            identity,
            sig,
        };
        (entry, block)
    }

    /// Where the entry stands in its log.
    pub fn position(&self) -> Position {
        Position::new(&self.clock, self.hash)
    }

    fn from_map(hash: Hash, mut map: Map) -> Result<Self, EntryError> {
        let mut take = |name| map.remove(name).ok_or(EntryError::Field(name));
        let identity = text(take("identity")?, "identity")?;
        Ok(Self {
            hash,
            id: text(take("id")?, "id")?,
            payload: take("payload")?,
            next: links(take("next")?, "next")?,
            refs: links(take("refs")?, "refs")?,
            clock: clock(&take("clock")?)?,
            v: take("v")?,
            key: text(take("key")?, "key")?,
            identity: identity.parse().map_err(|_| EntryError::Field("identity"))?,
            sig: text(take("sig")?, "sig")?,
        })
    }
}

fn entry_map(value: Value) -> Result<Map, EntryError> {
    match value {
        Value::Map(map) => Ok(map),
        Value::Bytes(_) => Err(EntryError::Encrypted),
        _ => Err(EntryError::Field("v")),
    }
}

fn has_only_known_fields(map: &Map) -> bool {
    let known = |key: &str| SIGNED.contains(&key) || UNSIGNED.contains(&key);
    let clock_is_whole = map.get("clock").and_then(Value::as_map).is_none_or(|clock| clock.len() <= 2);
    map.iter().all(|(key, _)| known(key)) && clock_is_whole
}

fn text(value: Value, name: &'static str) -> Result<String, EntryError> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(EntryError::Field(name)),
    }
}

fn links(value: Value, name: &'static str) -> Result<Vec<Hash>, EntryError> {
    let list = value.as_list().ok_or(EntryError::Field(name))?;
    if list.len() > MAX_LINKS {
        return Err(EntryError::TooManyLinks(name));
    }
    // As many as there are, and no room for more: entries that wait keep them.
    let mut links = Vec::with_capacity(list.len());
    for item in list {
        let link = item.as_text().and_then(|text| text.parse().ok());
        links.push(link.ok_or(EntryError::Field(name))?);
    }
    Ok(links)
}

fn clock(value: &Value) -> Result<Clock, EntryError> {
    let id = value.get("id").and_then(Value::as_text).ok_or(EntryError::Field("clock"))?;
    let time = value.get("time").and_then(Time::from_value).ok_or(EntryError::Clock)?;
    if id.len() > MAX_CLOCK_ID_BYTES {
        return Err(EntryError::Clock);
    }
    Ok(Clock { id: id.into(), time })
}

fn hash_texts(hashes: &[Hash]) -> Value {
    Value::List(hashes.iter().map(|hash| hash.to_string().into()).collect())
}
