//! Which identity a node has, by what it is given and what its data directory holds.

use super::{CERTIFICATE, KeyFileError, ROOT_KEY, SIGNING_KEY, create_key, read_json, read_key, write_json};
use crate::config::Config;
use durable_file::OWNERS_FOLDER;
use oplog::{
    identity::{CertificateRequest, Identity, IdentityError},
    keys::SigningKey,
    log::Writer,
};
use paperclip_client::certificate::Certificate;
use std::{
    io,
    path::{Path, PathBuf},
};

/// What decides a node's identity, beside its data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdentitySource<'a> {
    /// The data directory.
    pub data_dir: &'a Path,
    /// The cluster's id, if it is told.
    pub cluster_id: Option<&'a str>,
    /// A certificate to take.
    pub certificate: Option<&'a Path>,
    /// A root key to certify itself with.
    pub root_key: Option<&'a Path>,
}

impl<'a> From<&'a Config> for IdentitySource<'a> {
    fn from(config: &'a Config) -> Self {
        Self {
            data_dir: &config.data_dir,
            cluster_id: config.cluster_id.as_deref(),
            certificate: config.certificate.as_deref(),
            root_key: config.root_key.as_deref(),
        }
    }
}

/// Why a node has no identity.
#[derive(Debug, thiserror::Error)]
pub enum NodeIdentityError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The data directory cannot be made.
    #[error("cannot create {}: {source}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate does not hold.
    #[error("{}: {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: IdentityError,
    },
    /// A certificate is for another node's key.
    #[error("{}: certifies {certified}, but this node's signing key is {own}", path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
        /// The key it certifies.
        certified: String,
        /// The node's.
        own: String,
    },
    /// What was given is of another cluster than the one named.
    #[error("{} belongs to cluster {found}, not to {wanted} (cluster-id)", path.display())]
    OtherCluster {
        /// The file.
        path: PathBuf,
        /// Its cluster.
        found: String,
        /// The one named.
        wanted: String,
    },
}

/// A node's signing key, and who it is with it.
#[derive(Debug, Clone)]
pub(crate) struct NodeIdentity {
    signing: SigningKey,
    cluster_id: Option<String>,
    identity: Option<Identity>,
}

impl NodeIdentity {
    /// The identity that a node runs with. Its signing key is made if there is none; a node that is given no cluster and
    /// has no certificate becomes its own root. A certificate that is given, or made with a given root key, is kept.
    ///
    /// # Errors
    /// [`NodeIdentityError`].
    pub(crate) fn open(source: IdentitySource<'_>) -> Result<Self, NodeIdentityError> {
        let shown = Self::show(source)?;
        if shown.cluster_id.is_some() {
            return Ok(shown);
        }
        let root = create_key(&source.data_dir.join(ROOT_KEY))?;
        Ok(shown.certified_by(&root))
    }

    /// As [`open`](Self::open), but a node that belongs to no cluster stays without an identity: what `identity show` tells
    /// before a node's first start.
    ///
    /// # Errors
    /// [`NodeIdentityError`].
    pub(crate) fn show(source: IdentitySource<'_>) -> Result<Self, NodeIdentityError> {
        let data_dir = source.data_dir;
        durable_file::create_folder(data_dir, OWNERS_FOLDER)
            .map_err(|error| NodeIdentityError::DataDir { path: data_dir.into(), source: error })?;
        let signing = read_or_create(&data_dir.join(SIGNING_KEY))?;
        let node = Self { signing, cluster_id: source.cluster_id.map(str::to_owned), identity: None };
        if let Some(path) = source.root_key {
            let root = read_key(path)?;
            node.in_cluster(path, root.public_hex())?;
            return node.certified_by(&root).kept(data_dir);
        }
        // A certificate may be on its way: a node that knows its cluster waits for the file.
        let expected = source.certificate.filter(|path| source.cluster_id.is_none() || path.exists());
        if let Some(path) = expected {
            let identity = node.certificate(path)?;
            node.in_cluster(path, &identity.id)?;
            return node.with(identity).kept(data_dir);
        }
        node.remembered(data_dir)
    }

    /// The signing key.
    pub(crate) fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// The cluster's id: the name that access lists hold. `None` for a node that was never started and told of no cluster.
    pub(crate) fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    /// The identity, if the key is certified. A node without one replicates, but cannot write.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// What the holder of the root key is to certify.
    pub(crate) fn request(&self) -> Option<CertificateRequest> {
        self.cluster_id.as_deref().map(|id| CertificateRequest::new(id, &self.signing))
    }

    /// Who appends, if the key is certified.
    pub(crate) fn writer(&self) -> Option<Writer> {
        self.identity.clone().map(|identity| Writer::new(identity, self.signing.clone()))
    }

    /// What an earlier start left in the data directory.
    fn remembered(self, data_dir: &Path) -> Result<Self, NodeIdentityError> {
        let certificate = data_dir.join(CERTIFICATE);
        if certificate.exists() {
            let identity = self.certificate(&certificate)?;
            // A node that is told of another cluster waits to be certified by that one.
            if self.cluster_id.as_ref().is_none_or(|id| *id == identity.id) {
                return Ok(self.with(identity));
            }
        }
        let root = data_dir.join(ROOT_KEY);
        if root.exists() {
            let root = read_key(&root)?;
            if self.cluster_id.as_deref().is_none_or(|id| id == root.public_hex()) {
                return Ok(self.certified_by(&root));
            }
        }
        Ok(self)
    }

    fn certificate(&self, path: &Path) -> Result<Identity, NodeIdentityError> {
        let identity = Identity::from(read_json::<Certificate>(path)?);
        let own = self.signing.public_hex();
        if identity.public_key != own {
            let (certified, own) = (identity.public_key, own.to_owned());
            return Err(NodeIdentityError::OtherKey { path: path.into(), certified, own });
        }
        match identity.clone().verify() {
            Ok(_) => Ok(identity),
            Err(source) => Err(NodeIdentityError::Certificate { path: path.into(), source }),
        }
    }

    fn in_cluster(&self, path: &Path, found: &str) -> Result<(), NodeIdentityError> {
        match &self.cluster_id {
            Some(wanted) if wanted != found => Err(NodeIdentityError::OtherCluster {
                path: path.into(),
                found: found.to_owned(),
                wanted: wanted.clone(),
            }),
            _ => Ok(()),
        }
    }

    fn certified_by(self, root: &SigningKey) -> Self {
        let identity = Identity::create(root, &self.signing);
        self.with(identity)
    }

    fn with(self, identity: Identity) -> Self {
        Self { cluster_id: Some(identity.id.clone()), identity: Some(identity), ..self }
    }

    fn kept(self, data_dir: &Path) -> Result<Self, NodeIdentityError> {
        if let Some(identity) = self.identity.clone() {
            write_json(&data_dir.join(CERTIFICATE), &Certificate::from(identity))?;
        }
        Ok(self)
    }
}

/// Two who make the key at once end up with the same one.
fn read_or_create(path: &Path) -> Result<SigningKey, KeyFileError> {
    if !path.exists() {
        match create_key(path) {
            Err(KeyFileError::Exists { .. }) => {}
            made => return made,
        }
    }
    read_key(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    struct Place {
        folder: TempDir,
        root: SigningKey,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = create_key(&folder.path().join("cluster.key")).unwrap();
            Self { folder, root }
        }

        fn data(&self) -> PathBuf {
            self.folder.path().join("data")
        }

        fn certificate(&self, request: CertificateRequest) -> PathBuf {
            let path = self.folder.path().join("given.json");
            write_json(&path, &Certificate::from(request.certify(&self.root).unwrap())).unwrap();
            path
        }
    }

    fn plain(data_dir: &Path) -> IdentitySource<'_> {
        IdentitySource { data_dir, cluster_id: None, certificate: None, root_key: None }
    }

    #[test]
    fn a_node_of_no_cluster_becomes_its_own_root_and_stays_it() {
        let place = Place::new();
        let data = place.data();
        assert!(NodeIdentity::show(plain(&data)).unwrap().request().is_none());
        let first = NodeIdentity::open(plain(&data)).unwrap();
        assert!(first.identity().unwrap().clone().verify().is_ok());
        let again = NodeIdentity::open(plain(&data)).unwrap();
        assert_eq!(first.identity(), again.identity());
        assert!(again.writer().is_some());
    }

    #[test]
    fn a_request_is_certified_taken_and_remembered() {
        let place = Place::new();
        let data = place.data();
        let of_cluster = IdentitySource { cluster_id: Some(place.root.public_hex()), ..plain(&data) };
        let waiting = NodeIdentity::open(of_cluster).unwrap();
        assert!(waiting.identity().is_none() && waiting.writer().is_none());
        let certificate = place.certificate(waiting.request().unwrap());
        let given = IdentitySource { certificate: Some(&certificate), ..of_cluster };
        let certified = NodeIdentity::open(given).unwrap();
        assert_eq!(certified.identity().unwrap().id, place.root.public_hex());
        for later in [plain(&data), of_cluster] {
            assert_eq!(NodeIdentity::open(later).unwrap().identity(), certified.identity());
        }
        let other = create_key(&place.folder.path().join("other.key")).unwrap();
        let moved = IdentitySource { cluster_id: Some(other.public_hex()), ..plain(&data) };
        assert!(NodeIdentity::open(moved).unwrap().identity().is_none());
    }

    #[test]
    fn a_root_key_certifies_and_is_not_kept() {
        let place = Place::new();
        let data = place.data();
        let root_file = place.folder.path().join("cluster.key");
        let with_root = IdentitySource { root_key: Some(&root_file), ..plain(&data) };
        let node = NodeIdentity::open(with_root).unwrap();
        assert_eq!(node.cluster_id(), Some(place.root.public_hex()));
        assert!(!data.join(ROOT_KEY).exists());
        assert_eq!(NodeIdentity::open(plain(&data)).unwrap().identity(), node.identity());
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let place = Place::new();
        let (one, two) = (place.folder.path().join("one"), place.folder.path().join("two"));
        let of = |data_dir| IdentitySource { cluster_id: Some(place.root.public_hex()), ..plain(data_dir) };
        let certificate = place.certificate(NodeIdentity::open(of(&one)).unwrap().request().unwrap());
        let swapped = IdentitySource { certificate: Some(&certificate), ..of(&two) };
        assert!(matches!(NodeIdentity::open(swapped), Err(NodeIdentityError::OtherKey { .. })));
        let elsewhere = create_key(&place.folder.path().join("other.key")).unwrap();
        let wrong = IdentitySource {
            cluster_id: Some(elsewhere.public_hex()),
            certificate: Some(&certificate),
            ..plain(&one)
        };
        assert!(matches!(NodeIdentity::open(wrong), Err(NodeIdentityError::OtherCluster { .. })));
        let text = std::fs::read_to_string(&certificate).unwrap().replace("\"30", "\"31");
        std::fs::write(&certificate, text).unwrap();
        let forged = IdentitySource { certificate: Some(&certificate), ..of(&one) };
        assert!(matches!(NodeIdentity::open(forged), Err(NodeIdentityError::Certificate { .. })));
        std::fs::write(&certificate, "{\"id\": \"").unwrap();
        assert!(matches!(
            NodeIdentity::open(forged),
            Err(NodeIdentityError::File(KeyFileError::Json { .. }))
        ));
    }
}
