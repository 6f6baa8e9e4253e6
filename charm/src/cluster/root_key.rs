//! The cluster's root key: made once by the first leader, kept in a Juju secret, used by whoever leads to certify the
//! nodes' signing keys (wire document, section 3).

use oplog::identity::IdentityError;
use oplog::keys::{BadSecret, SigningKey};
use paperclip_client::certificate::{Certificate, Request};

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The machine gave no random bytes.
    #[error("no random bytes for a root key: {0}")]
    Random(#[from] getrandom::Error),
    /// The secret does not hold a key.
    #[error("the cluster's secret holds no root key: {0}")]
    Secret(#[from] BadSecret),
}

/// The private key that makes a cluster one.
#[derive(Debug)]
pub struct RootKey(SigningKey);

impl RootKey {
    /// A new one, from the machine's randomness.
    ///
    /// # Errors
    /// [`RootKeyError::Random`].
    pub fn generate() -> Result<Self, RootKeyError> {
        Ok(Self(SigningKey::generate(|bytes| getrandom::fill(bytes))?))
    }

    /// The one that a secret holds, in hex.
    ///
    /// # Errors
    /// [`RootKeyError::Secret`].
    pub fn from_hex(text: &str) -> Result<Self, RootKeyError> {
        Ok(Self(SigningKey::from_hex(text)?))
    }

    /// For the secret.
    #[must_use]
    pub fn to_secret_hex(&self) -> String {
        self.0.to_secret_hex()
    }

    /// The cluster's id: the public half, hex.
    #[must_use]
    pub fn cluster_id(&self) -> String {
        self.0.public_hex().to_owned()
    }

    /// Certifies a request.
    ///
    /// # Errors
    /// [`IdentityError`] when it is for another cluster, or does not prove that the asker holds the key.
    pub fn certify(&self, request: &Request) -> Result<Certificate, IdentityError> {
        request.certify(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oplog::identity::{CertificateRequest, Identity};

    #[test]
    fn a_certificate_holds_for_any_orbitdb_peer_and_only_for_its_cluster() {
        let root = RootKey::generate().unwrap();
        let node = SigningKey::from_bytes([7; 32]).unwrap();
        let request = Request::from(CertificateRequest::new(&root.cluster_id(), &node));
        assert!(Identity::from(root.certify(&request).unwrap()).verify().is_ok());
        assert!(RootKey::generate().unwrap().certify(&request).is_err(), "another cluster's key");
        assert_eq!(RootKey::from_hex(&root.to_secret_hex()).unwrap().cluster_id(), root.cluster_id());
    }
}
