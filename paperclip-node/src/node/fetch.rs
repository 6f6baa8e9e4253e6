//! The blocks that define a database: from the store, or from whoever has them.

use crate::net::{Network, cid};
use bytes::Bytes;
use oplog::{
    Address, Hash,
    manifest::{AccessAddress, Manifest},
};
use store::{Store, StoreError};

/// Why a block could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node is shutting down.
    #[error("the node is shutting down")]
    Stopping,
}

/// Gets a block; if it is not here or damaged, waits for a peer that has it for as long as it takes.
pub(super) async fn block(store: &Store, network: &Network, hash: Hash) -> Result<Bytes, FetchError> {
    if let Some(block) = store.whole_block(&hash)? {
        return Ok(block);
    }
    let mut session = network.blocks().session().await.map_err(|_| FetchError::Stopping)?;
    // a fresh session has room
    session.want([cid(hash)], None).map_err(|_| FetchError::Stopping)?;
    let received = session.recv().await.ok_or(FetchError::Stopping)?;
    Ok(received.data)
}

/// Asks every peer anew for the blocks that define a database, and waits for them.
pub(super) async fn definition(store: &Store, network: &Network, address: Address) -> Result<(), FetchError> {
    let manifest = block(store, network, address.manifest()).await?;
    // one that cannot be read is reported by whoever opens it
    if let Ok(Manifest { access: AccessAddress::Ipfs(access), .. }) = Manifest::decode(&manifest) {
        block(store, network, access).await?;
    }
    Ok(())
}
