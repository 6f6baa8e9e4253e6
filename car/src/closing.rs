//! How a backup ends: with a record of what stands before it, or of why there is no more.

use oplog::{
    Hash, Value,
    cbor::{self, Map},
};

/// The longest reason that is written and read, in bytes.
pub const MAX_REASON_BYTES: usize = 4096;

/// What marks the two records.
const MARK: &str = "paperclip";
const END: &str = "backup-end";
const FAILED: &str = "backup-failed";

/// The last block of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The root: the hash of the index.
    pub index: Hash,
    /// Blocks before this one, the index among them.
    pub blocks: u64,
    /// Those of them that are entries.
    pub entries: u64,
    /// Bytes of the file before this block.
    pub bytes: u64,
    /// The sha2-256 of those bytes.
    pub digest: [u8; 32],
}

impl Closing {
    /// The block.
    pub fn encode(&self) -> Vec<u8> {
        let count = |count: u64| Value::Int(count.into());
        cbor::encode_map(&Map::from_iter([
            (MARK, Value::from(END)),
            ("index", self.index.to_string().into()),
            ("blocks", count(self.blocks)),
            ("entries", count(self.entries)),
            ("bytes", count(self.bytes)),
            ("sha256", Value::Bytes(self.digest.to_vec())),
        ]))
    }

    /// Reads a block; `None` for any other.
    pub fn decode(block: &[u8]) -> Option<Self> {
        let value = cbor::decode_canonical(block).ok().filter(|value| is_marked(value, END))?;
        let count = |name| match value.get(name) {
            Some(Value::Int(count)) => u64::try_from(*count).ok(),
            _ => None,
        };
        let digest = match value.get("sha256") {
            Some(Value::Bytes(digest)) => digest.as_slice().try_into().ok()?,
            _ => return None,
        };
        let closing = Self {
            index: value.get("index")?.as_text()?.parse().ok()?,
            blocks: count("blocks")?,
            entries: count("entries")?,
            bytes: count("bytes")?,
            digest,
        };
        (closing.encode() == block).then_some(closing)
    }
}

/// The last block of a file that is no backup, because something failed as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What failed, in one line.
    pub reason: String,
}

impl Failure {
    /// A failure for this reason, which is cut to [`MAX_REASON_BYTES`].
    pub fn new(reason: &str) -> Self {
        Self { reason: reason[..cut(reason, MAX_REASON_BYTES)].to_owned() }
    }

    /// The block.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode_map(&Map::from_iter([
            (MARK, Value::from(FAILED)),
            ("reason", self.reason.as_str().into()),
        ]))
    }

    /// Reads a block; `None` for any other.
    pub fn decode(block: &[u8]) -> Option<Self> {
        let value = cbor::decode_canonical(block).ok().filter(|value| is_marked(value, FAILED))?;
        let reason = value.get("reason")?.as_text()?;
        let failure = Self::new(reason);
        (failure.encode() == block).then_some(failure)
    }
}

fn is_marked(value: &Value, mark: &str) -> bool {
    value.get(MARK).and_then(Value::as_text) == Some(mark)
}

/// The last place up to `most` where a text may be cut.
fn cut(text: &str, most: usize) -> usize {
    (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
