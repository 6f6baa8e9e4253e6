//! The name of a block: the digest behind a `zdpu…` string.

use crate::base58;
use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};

/// CIDv1, dag-cbor (`0x71`), sha2-256 (`0x12`), 32 bytes (wire document, section 1).
const CID_PREFIX: [u8; 4] = [0x01, 0x71, 0x12, 0x20];

/// The hash of a dag-cbor block: a CIDv1 whose only varying part, the sha2-256 digest, is what is kept.
///
/// Ordered by digest, which is also the order of the text forms: they have one length and base58's alphabet is ascending.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of a block.
    pub fn of(block: &[u8]) -> Self {
        Self(Sha256::digest(block).into())
    }

    /// The hash with this digest.
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The sha2-256 digest.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.0
    }

    /// The binary CID, `01 71 12 20 <digest>`.
    pub fn to_cid_bytes(self) -> [u8; 36] {
        let mut cid = [0; 36];
        cid[..4].copy_from_slice(&CID_PREFIX);
        cid[4..].copy_from_slice(&self.0);
        cid
    }

    /// Reads a binary CID; `None` when it is of another version, codec or hash function.
    pub fn from_cid_bytes(cid: &[u8]) -> Option<Self> {
        cid.strip_prefix(&CID_PREFIX)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = base58::encode(&self.to_cid_bytes());
        f.write_str("z")?;
        // digits are ASCII
        f.write_str(str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not the base58btc form of a dag-cbor sha2-256 CIDv1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hash: expected `zdpu…`, the base58btc CIDv1 of a dag-cbor block")]
pub struct BadHash;

impl FromStr for Hash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        let digits =
            text.strip_prefix('z').and_then(|digits| digits.as_bytes().try_into().ok()).ok_or(BadHash)?;
        base58::decode(digits).and_then(|cid| Self::from_cid_bytes(&cid)).ok_or(BadHash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_order_is_digest_order_and_round_trips() {
        let mut hashes: Vec<Hash> = (0_u32..200).map(|n| Hash::of(&n.to_be_bytes())).collect();
        hashes.sort();
        let texts: Vec<String> = hashes.iter().map(Hash::to_string).collect();
        assert!(texts.is_sorted());
        assert!(texts.iter().all(|text| text.starts_with("zdpu")));
        assert_eq!(texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Hash>>(), hashes);
    }

    #[test]
    fn other_cids_are_refused() {
        for text in ["", "z", "zdpu", "bafyreids7c5qvywvcwgmecz5nq5x45wgzmnbcwevscisaetkwaahyanuwu", "zzzzzz"]
        {
            assert_eq!(text.parse::<Hash>(), Err(BadHash), "{text}");
        }
        assert_eq!("z1".repeat(1000).parse::<Hash>(), Err(BadHash));
    }
}
