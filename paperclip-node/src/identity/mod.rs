//! The node's identity as files: its signing key and the certificate that makes it one of its cluster.
//!
//! | file in the data directory | holds |
//! | --- | --- |
//! | `signing.key` | the node's own signing key, 64 hex digits, mode 0600 |
//! | `certificate.json` | the root key's signature over it: [`paperclip_client::certificate::Certificate`] |
//! | `root.key` | the root key, only in a node that belongs to no cluster and so is its own root |
//!
//! What a certificate is: wire document, section 3; why a cluster has one root key:
//! `docs/design/catalog-and-identities.md`.

mod file;
mod node;

pub use file::create_key;
pub(crate) use file::{KeyFileError, read_json, read_key, read_secret, write_json};
pub(crate) use node::{IdentitySource, NodeIdentity, NodeIdentityError};

/// The name of the signing key's file.
pub(crate) const SIGNING_KEY: &str = "signing.key";
/// The name of the certificate's file.
pub(crate) const CERTIFICATE: &str = "certificate.json";
/// The name of the file of a node's own root key.
pub(crate) const ROOT_KEY: &str = "root.key";
