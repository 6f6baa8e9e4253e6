//! Blocks for peers, from the store.

use bytes::Bytes;
use cid::Cid;
use oplog::Hash;
use p2p::bitswap::BlockSource;
use store::{Store, StoreError};

/// Serves every committed block: entries, identities, manifests, access lists. What is staged and not yet committed is not
/// served, since nobody should be told of an entry before its ancestors can be had.
pub(crate) struct Blocks(pub Store);

impl BlockSource for Blocks {
    type Error = StoreError;

    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreError> {
        match Hash::from_cid_bytes(&cid.to_bytes()) {
            Some(hash) => self.0.block(&hash),
            None => Ok(None),
        }
    }
}
