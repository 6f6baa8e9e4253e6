//! Creation of databases: manifest, access controller, and a pin in the catalog.

use super::{catalog::Pin, error::NodeError, handle::Node, info::DatabaseInfo};
use crate::database::Settings;
use oplog::{
    Hash, Value,
    access::{ANYONE, AccessList},
    javascript,
    keys::PublicKey,
    manifest::{AccessAddress, MAX_NAME_BYTES, Manifest},
    reading::{DatabaseType as _, KeyValue, Reading, TYPES},
};

/// The access controller of a database to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateAccess {
    /// A fixed list of writers; empty for the cluster itself.
    Ipfs(Vec<String>),
    /// A database of its own that grants rights, administered by these; empty for the cluster itself.
    OrbitDb(Vec<String>),
}

/// A database to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Create {
    /// Its name.
    pub name: String,
    /// How its operations are understood.
    pub reading: Reading,
    /// Who may write.
    pub access: CreateAccess,
    /// Anything to be kept in the manifest.
    pub meta: Option<Value>,
    /// How it is opened.
    pub settings: Settings,
}

impl Node {
    /// Makes a database and pins it. One with the same name, type, access and meta is the same database; the second answer
    /// says whether it is new here.
    pub async fn create(&self, create: Create) -> Result<(DatabaseInfo, bool), NodeError> {
        let Create { name, reading, access, meta, mut settings } = create;
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(NodeError::BadName);
        }
        if !settings.no_javascript {
            javascript::check("name", &name.as_str().into())?;
            meta.as_ref().map_or(Ok(()), |meta| javascript::check("meta", meta))?;
        }
        let mut blocks = Vec::new();
        let access = match access {
            CreateAccess::Ipfs(write) => AccessAddress::Ipfs(self.access_list(write, &mut blocks)?),
            CreateAccess::OrbitDb(admins) => {
                // the controller is a database of the same name (wire document, section 8)
                let access = AccessAddress::Ipfs(self.access_list(admins, &mut blocks)?);
                let kind = KeyValue.name().to_owned();
                let guard = Manifest { name: name.clone(), kind, access, meta: None };
                blocks.push((guard.address().manifest(), guard.encode()));
                AccessAddress::OrbitDb(guard.address())
            }
        };
        let manifest = Manifest { name: name.clone(), kind: reading.name().to_owned(), access, meta };
        if reading != Reading::find(TYPES, &manifest.kind, []) {
            settings.reading = Some(reading);
        }
        let address = manifest.address();
        blocks.push((address.manifest(), manifest.encode()));
        self.0.store.put_blocks(&blocks)?;
        self.0.network.stored(blocks.into_iter().map(|(hash, _)| hash).collect()).await;
        self.pin_as(address, Pin { name: Some(name), settings }).await
    }

    fn access_list(
        &self,
        ids: Vec<String>,
        blocks: &mut Vec<(Hash, bytes::Bytes)>,
    ) -> Result<Hash, NodeError> {
        let own = || vec![self.0.identity.borrow().cluster_id.clone()];
        let write = if ids.is_empty() { own() } else { ids };
        if let Some(bad) = write.iter().find(|id| *id != ANYONE && PublicKey::from_hex(id).is_err()) {
            return Err(NodeError::BadWriter(bad.clone()));
        }
        let list = AccessList { write };
        blocks.push((list.hash(), list.encode()));
        Ok(list.hash())
    }
}
