//! The keys of the tree. `docs/reference/store.md` lists them; a fixture in the tests pins them.

use oplog::{Hash, order::Position};
use sha2::{Digest as _, Sha256};

/// Committed blocks: `i`, digest -> where the block is; for an entry, also its database and position.
pub(super) const INDEX: u8 = b'i';
/// Entries of databases in their order: `o`, database, position -> nothing.
pub(super) const ORDER: u8 = b'o';
/// Views: `v`, database, key -> winner.
pub(super) const VIEW: u8 = b'v';
/// Live winners in their order: `l`, database, position -> key.
pub(super) const LIVE: u8 = b'l';
/// Heads and count: `h`, database.
pub(super) const HEADS: u8 = b'h';
/// Registered databases: `d`, digest of the manifest -> number.
pub(super) const DATABASE: u8 = b'd';
/// Blocks fetched and not committed: `s`, database, digest -> where the block is.
pub(super) const STAGED: u8 = b's';
/// Bytes of staged blocks: `t`, database.
pub(super) const STAGED_BYTES: u8 = b't';
/// Numbers of removed databases whose keys are still to be deleted: `x`, database.
pub(super) const REMOVED: u8 = b'x';
/// Bytes of a journal file that nothing refers to any more: `g`, file.
pub(super) const GARBAGE: u8 = b'g';
/// Files of the journal that are finished: `f`, file -> length in bytes.
pub(super) const FILE: u8 = b'f';
/// The number that the next new database gets.
pub(super) const NEXT_NUMBER: &[u8] = b"n";
/// The secondary indexes that are whole, unless they are those of [`SECONDARY`](super::index::SECONDARY) alone.
pub(super) const SECONDARY: &[u8] = b"k";
/// How far the tree has followed the journal.
pub(super) const CHECKPOINT: &[u8] = b"c";

/// The longest view key that is a tree key as it is, in bytes. Longer ones keep this many bytes and a digest of the whole.
pub(super) const MAX_VIEW_KEY: usize = 1024;

/// Follows the kept part of a long view key; no byte of UTF-8.
const SHORTENED: u8 = 0xff;

/// What the store calls a database in its keys. Never given twice, so that a database that is removed and added again
/// starts afresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Number(pub(crate) u32);

/// The prefix of a database's keys of one kind.
pub(super) fn prefix(kind: u8, number: Number) -> [u8; 5] {
    let [a, b, c, d] = number.0.to_be_bytes();
    [kind, a, b, c, d]
}

pub(super) fn order(number: Number, position: &Position) -> Vec<u8> {
    [&prefix(ORDER, number)[..], &position.to_key()].concat()
}

pub(super) fn live(number: Number, position: &Position) -> Vec<u8> {
    [&prefix(LIVE, number)[..], &position.to_key()].concat()
}

pub(super) fn view(number: Number, key: &str) -> Vec<u8> {
    let prefix = prefix(VIEW, number);
    match key.as_bytes().split_at_checked(MAX_VIEW_KEY) {
        Some((kept, rest)) if !rest.is_empty() => {
            [&prefix, kept, &[SHORTENED], &Sha256::digest(key.as_bytes())].concat()
        }
        _ => [&prefix, key.as_bytes()].concat(),
    }
}

pub(super) fn index(hash: &Hash) -> [u8; 33] {
    tagged(INDEX, hash)
}

pub(super) fn database(manifest: &Hash) -> [u8; 33] {
    tagged(DATABASE, manifest)
}

pub(super) fn staged(number: Number, hash: &Hash) -> Vec<u8> {
    [&prefix(STAGED, number)[..], hash.digest()].concat()
}

fn tagged(kind: u8, hash: &Hash) -> [u8; 33] {
    let mut key = [kind; 33];
    key[1..].copy_from_slice(hash.digest());
    key
}

pub(super) fn garbage(segment: u32) -> [u8; 5] {
    prefix(GARBAGE, Number(segment))
}

pub(super) fn file(segment: u32) -> [u8; 5] {
    prefix(FILE, Number(segment))
}

/// The position in an `o` or `l` key.
pub(super) fn position_of(key: &[u8]) -> Option<Position> {
    Position::from_key(key.get(5..)?)
}

/// The hash in a key that ends in a digest and starts with `prefix` bytes.
pub(super) fn hash_of(key: &[u8], prefix: usize) -> Option<Hash> {
    Some(Hash::from_digest(key.get(prefix..)?.try_into().ok()?))
}

/// The database in a key of the form `kind`, database.
pub(super) fn number_of(key: &[u8]) -> Option<Number> {
    Some(Number(u32::from_be_bytes(key.get(1..5)?.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_view_keys_stay_apart_and_short_ones_stay_whole() {
        let number = Number(7);
        let edge = "k".repeat(MAX_VIEW_KEY);
        assert_eq!(&view(number, &edge)[5..], edge.as_bytes());
        let (a, b) = (format!("{edge}a"), format!("{edge}b"));
        assert_ne!(view(number, &a), view(number, &b));
        assert_eq!(view(number, &a).len(), 5 + MAX_VIEW_KEY + 1 + 32);
    }
}
