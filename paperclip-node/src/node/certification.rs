//! Certification: in whose name a node writes, and the wait for a certificate of its cluster.

use super::{error::StartError, info::IdentityInfo};
use crate::{
    config::Config,
    database::Author,
    identity::{IdentitySource, NodeIdentity},
};
use std::{sync::Arc, time::Duration};
use store::{Store, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often a node without a certificate looks for one.
const CERTIFICATE_POLL: Duration = Duration::from_secs(1);

/// Who the node is to access lists.
pub(super) fn identity_info(identity: &NodeIdentity) -> Result<IdentityInfo, StartError> {
    let request = identity.request().ok_or(StartError::NoCluster)?;
    Ok(IdentityInfo {
        cluster_id: request.id,
        public_key: request.public_key,
        id_signature: request.id_signature,
        hash: identity.identity().map(|identity| identity.hash().to_string()),
    })
}

/// In whose name the node writes, once it is certified. Peers that verify our entries fetch the identity block from us.
pub(super) fn author(identity: &NodeIdentity, store: &Store) -> Result<Option<Arc<Author>>, StoreError> {
    let (Some(block), Some(writer)) = (identity.identity(), identity.writer()) else { return Ok(None) };
    store.put_blocks(&[(block.hash(), block.encode())])?;
    Ok(Some(Arc::new(Author { id: block.id.clone(), writer })))
}

/// A node that waits to be certified. It replicates meanwhile, and cannot write.
pub(super) struct Certification {
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) author_tx: watch::Sender<Option<Arc<Author>>>,
    pub(super) info_tx: watch::Sender<IdentityInfo>,
}

impl Certification {
    pub(super) async fn wait(self, stop: CancellationToken) {
        tracing::warn!("not certified by the cluster: this node replicates, but cannot write");
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(CERTIFICATE_POLL) => {}
            }
            match self.look() {
                Ok(false) => {}
                Ok(true) => return tracing::info!("certified by the cluster"),
                Err(error) => tracing::debug!(%error, "no certificate yet"),
            }
        }
    }

    fn look(&self) -> Result<bool, StartError> {
        let identity = NodeIdentity::open(IdentitySource::from(&self.config))?;
        let Some(author) = author(&identity, &self.store)? else { return Ok(false) };
        self.info_tx.send_replace(identity_info(&identity)?);
        self.author_tx.send_replace(Some(author));
        Ok(true)
    }
}
