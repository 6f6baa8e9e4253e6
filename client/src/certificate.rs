//! Certificates as documents: what travels between a node and the holder of its cluster's root key.
//!
//! What the signatures mean is `oplog`'s: [`oplog::identity`]. Both documents ignore fields that they do not know, because
//! the units of a cluster run different versions for a while during an upgrade.

use oplog::identity::{CertificateRequest, Identity, IdentityError};
use oplog::keys::SigningKey;
use serde::{Deserialize, Serialize};

/// What a node asks to have certified. Printed by `identity show`, read by `identity certify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The cluster: the root key's public half in hex.
    pub id: String,
    /// The signing key's public half in hex.
    pub public_key: String,
    /// The signing key's signature over `id`, DER in hex.
    pub signature_id: String,
}

impl Request {
    /// Certifies the request with the root key.
    ///
    /// # Errors
    /// [`IdentityError`] when it is for another cluster, or does not prove that the asker holds the key.
    pub fn certify(&self, root: &SigningKey) -> Result<Certificate, IdentityError> {
        CertificateRequest::from(self.clone()).certify(root).map(Certificate::from)
    }
}

impl From<CertificateRequest> for Request {
    fn from(request: CertificateRequest) -> Self {
        Self { id: request.id, public_key: request.public_key, signature_id: request.id_signature }
    }
}

impl From<Request> for CertificateRequest {
    fn from(request: Request) -> Self {
        Self { id: request.id, public_key: request.public_key, id_signature: request.signature_id }
    }
}

/// A certified identity. Printed by `identity certify`, given to a node with `--certificate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The cluster: the root key's public half in hex.
    pub id: String,
    /// The signing key's public half in hex.
    pub public_key: String,
    /// Both signatures.
    pub signatures: Signatures,
}

/// The signatures of a certificate, DER in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signatures {
    /// The signing key's over `id`.
    pub id: String,
    /// The root key's over `public_key` and the other signature.
    pub public_key: String,
}

impl Certificate {
    /// Whether this is the answer to the request.
    #[must_use]
    pub fn answers(&self, request: &Request) -> bool {
        let Request { id, public_key, signature_id } = request;
        self.id == *id && self.public_key == *public_key && self.signatures.id == *signature_id
    }
}

impl From<Identity> for Certificate {
    fn from(identity: Identity) -> Self {
        let signatures = Signatures { id: identity.id_signature, public_key: identity.public_key_signature };
        Self { id: identity.id, public_key: identity.public_key, signatures }
    }
}

impl From<Certificate> for Identity {
    fn from(certificate: Certificate) -> Self {
        let Signatures { id: id_signature, public_key: public_key_signature } = certificate.signatures;
        Self { id: certificate.id, public_key: certificate.public_key, id_signature, public_key_signature }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_certificate_answers_its_request_and_holds_for_any_orbitdb_peer() {
        let (root, node) = (key(1), key(2));
        let request = Request::from(CertificateRequest::new(root.public_hex(), &node));
        let certificate = request.certify(&root).unwrap();
        assert!(certificate.answers(&request));
        assert!(!certificate.answers(&Request { public_key: root.public_hex().into(), ..request.clone() }));
        assert!(Identity::from(certificate).verify().is_ok());
        assert!(request.certify(&key(3)).is_err(), "another cluster's key");
    }

    #[test]
    fn the_documents_have_the_names_that_files_and_relations_hold() {
        let request = Request { id: "a".into(), public_key: "b".into(), signature_id: "c".into() };
        assert_eq!(
            serde_json::to_value(request).unwrap(),
            json!({ "id": "a", "public_key": "b", "signature_id": "c" })
        );
        let document =
            json!({ "id": "a", "public_key": "b", "signatures": { "id": "c", "public_key": "d" } });
        let certificate: Certificate = serde_json::from_value(document.clone()).unwrap();
        assert_eq!(serde_json::to_value(certificate).unwrap(), document);
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes([seed; 32]).unwrap()
    }
}
