//! The secret of a journal file, by which it knows its frames from bytes that others made.

use siphasher::sip128::{Hasher128 as _, SipHasher24};
use std::{fmt, hash::Hasher as _};

/// A key of 128 bits for SipHash-2-4 with tags of 128 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key([u8; Key::SIZE]);

impl Key {
    /// Bytes of a key.
    pub(super) const SIZE: usize = 16;

    pub(super) fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// What only a holder of the key can compute of these parts, one behind the other.
    pub(super) fn tag(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        parts.iter().for_each(|part| hasher.write(part));
        hasher.finish128().as_bytes()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}
