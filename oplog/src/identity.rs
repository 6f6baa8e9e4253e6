//! Who wrote an entry (wire document, section 3).
//!
//! An identity has two keys. The *root* key's public half is the identity's `id`, the name that access lists hold; the
//! *signing* key signs entries and is certified by the root key. One root key may certify many signing keys, so a whole
//! cluster can share one `id` while each of its nodes signs with a key of its own.

use crate::{
    cbor::{self, Map, Value},
    hash::Hash,
    keys::{BadPublicKey, PublicKey, SigningKey},
};
use bytes::Bytes;

/// The only identity type that OrbitDB ships.
const PUBLICKEY: &str = "publickey";

/// An identity block, decoded but not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The root key's public half in hex: what access lists name.
    pub id: String,
    /// The signing key's public half in hex.
    pub public_key: String,
    /// The signing key's signature over `id`.
    pub id_signature: String,
    /// The root key's signature over `public_key` and `id_signature`, one after the other.
    pub public_key_signature: String,
}

/// What the holder of a signing key sends to the holder of the root key to be certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The root key's public half in hex.
    pub id: String,
    /// The signing key's public half in hex.
    pub public_key: String,
    /// The signing key's signature over `id`.
    pub id_signature: String,
}

/// Why an identity block is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The block cannot be decoded.
    #[error("identity block: {0}")]
    Undecodable(#[from] cbor::DecodeError),
    /// A field is missing or of another type.
    #[error("identity block: field {0:?} is missing or no text")]
    Field(&'static str),
    /// The block is not the one encoding that its identity has: other fields than an identity's, or dag-cbor in another form.
    #[error("identity block: not the canonical encoding of an identity")]
    NotCanonical,
    /// An identity provider other than `publickey`.
    #[error("identity type {0:?} is not supported")]
    UnknownType(String),
    /// A key is no secp256k1 key.
    #[error(transparent)]
    Key(#[from] BadPublicKey),
    /// `signatures.id` is not the signing key's over `id`.
    #[error("the identity's signature over its id is wrong")]
    IdSignature,
    /// `signatures.publicKey` is not the root key's.
    #[error("the identity is not certified by the key that its id names")]
    PublicKeySignature,
}

impl CertificateRequest {
    /// Asks the root key named `id` to certify `signing`.
    pub fn new(id: &str, signing: &SigningKey) -> Self {
        Self {
            id: id.to_owned(),
            public_key: signing.public_hex().to_owned(),
            id_signature: signing.sign(id.as_bytes()),
        }
    }

    /// Certifies the request with the root key. Errors when it is not addressed to this key or does not prove that the
    /// asker holds the signing key.
    pub fn certify(self, root: &SigningKey) -> Result<Identity, IdentityError> {
        if self.id != root.public_hex() {
            return Err(IdentityError::PublicKeySignature);
        }
        if !PublicKey::from_hex(&self.public_key)?.verify(self.id.as_bytes(), &self.id_signature) {
            return Err(IdentityError::IdSignature);
        }
        let public_key_signature = root.sign(&certified_bytes(&self.public_key, &self.id_signature));
        let Self { id, public_key, id_signature } = self;
        Ok(Identity { id, public_key, id_signature, public_key_signature })
    }
}

impl Identity {
    /// The identity of `root` that signs with `signing`.
    pub fn create(root: &SigningKey, signing: &SigningKey) -> Self {
        let id = root.public_hex().to_owned();
        let id_signature = signing.sign(id.as_bytes());
        let public_key_signature = root.sign(&certified_bytes(signing.public_hex(), &id_signature));
        Self { id, public_key: signing.public_hex().to_owned(), id_signature, public_key_signature }
    }

    /// Reads an identity block. Errors unless it is the canonical encoding of exactly an identity's fields: entries name the
    /// block by its hash, which their signatures do not cover.
    pub fn decode(block: &[u8]) -> Result<Self, IdentityError> {
        let value = cbor::decode(block)?;
        let text = |value: Option<&Value>, name| {
            value.and_then(Value::as_text).map(str::to_owned).ok_or(IdentityError::Field(name))
        };
        let signatures = value.get("signatures").ok_or(IdentityError::Field("signatures"))?;
        let kind = text(value.get("type"), "type")?;
        if kind != PUBLICKEY {
            return Err(IdentityError::UnknownType(kind));
        }
        let identity = Self {
            id: text(value.get("id"), "id")?,
            public_key: text(value.get("publicKey"), "publicKey")?,
            id_signature: text(signatures.get("id"), "signatures.id")?,
            public_key_signature: text(signatures.get("publicKey"), "signatures.publicKey")?,
        };
        if identity.encode() != block { Err(IdentityError::NotCanonical) } else { Ok(identity) }
    }

    /// The block that entries refer to by its hash.
    pub fn encode(&self) -> Bytes {
        let signatures = Map::from_iter([
            ("id", Value::from(self.id_signature.as_str())),
            ("publicKey", self.public_key_signature.as_str().into()),
        ]);
        let map = Map::from_iter([
            ("id", Value::from(self.id.as_str())),
            ("publicKey", self.public_key.as_str().into()),
            ("signatures", signatures.into()),
            ("type", PUBLICKEY.into()),
        ]);
        cbor::encode(&map.into()).into()
    }

    /// The hash of the block.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.encode())
    }

    /// Checks both signatures.
    pub fn verify(self) -> Result<VerifiedIdentity, IdentityError> {
        let key = PublicKey::from_hex(&self.public_key)?;
        if !key.verify(self.id.as_bytes(), &self.id_signature) {
            return Err(IdentityError::IdSignature);
        }
        let certified = certified_bytes(&self.public_key, &self.id_signature);
        if !PublicKey::from_hex(&self.id)?.verify(&certified, &self.public_key_signature) {
            return Err(IdentityError::PublicKeySignature);
        }
        Ok(VerifiedIdentity { identity: self, key })
    }
}

/// An identity whose certificate holds, with its signing key ready to check entries.
#[derive(Debug, Clone)]
pub struct VerifiedIdentity {
    identity: Identity,
    key: PublicKey,
}

impl VerifiedIdentity {
    /// The identity.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The signing key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

fn certified_bytes(public_key: &str, id_signature: &str) -> Vec<u8> {
    [public_key.as_bytes(), id_signature.as_bytes()].concat()
}
