//! The JSON documents that travel between a node and the holder of the root key.

use oplog::identity::{CertificateRequest, Identity};
use serde::{Deserialize, Serialize};

/// What a node asks to have certified. Printed by `identity show`, read by `identity certify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The cluster: the root key's public half in hex.
    pub id: String,
    /// The signing key's public half in hex.
    pub public_key: String,
    /// The signing key's signature over `id`, DER in hex.
    pub signature_id: String,
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
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
pub struct Signatures {
    /// The signing key's over `id`.
    pub id: String,
    /// The root key's over `public_key` and the other signature.
    pub public_key: String,
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
