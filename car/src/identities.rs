//! Identity blocks: each stands right before the first entry that names it, and again once so many others have come between. Writer
//! and reader forget in the same order, so the reader has every identity that it needs, in bounded memory.

use hashlink::LruCache;
use oplog::Hash;

/// Identities that are remembered within a database.
pub const MAX_IDENTITIES: usize = 4096;

/// The identities that were met last.
#[derive(Debug)]
pub struct Identities<T>(LruCache<Hash, T>);

impl<T> Default for Identities<T> {
    fn default() -> Self {
        Self(LruCache::new(MAX_IDENTITIES))
    }
}

impl<T> Identities<T> {
    /// What is known of an identity that an entry names. `None` when its block must come first.
    pub fn named(&mut self, hash: &Hash) -> Option<&T> {
        self.0.get(hash)
    }

    /// The block of an identity.
    pub fn met(&mut self, hash: Hash, known: T) {
        self.0.insert(hash, known);
    }
}
