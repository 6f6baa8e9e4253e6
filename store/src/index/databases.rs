//! Rows that say which databases there are.

use crate::{
    keys::{self, Number},
    record::Registration,
    tree::Batch,
};
use oplog::Address;

/// A database is there; the next new one gets the number `next`.
pub(crate) fn put_registered(batch: &mut Batch, address: &Address, registration: Registration, next: Number) {
    debug_assert!(registration.number < next, "a number is never given twice");
    batch.put(keys::database(&address.manifest()), registration.encode());
    batch.put(keys::NEXT_NUMBER, next.0.to_be_bytes());
}

/// A database is there no more; what was its own is still to be deleted.
pub(crate) fn put_removed(batch: &mut Batch, address: &Address, number: Number) {
    batch.remove(keys::database(&address.manifest()));
    batch.put(keys::prefix(keys::REMOVED, number), []);
}
