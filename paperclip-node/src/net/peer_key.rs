//! The node's libp2p key.

use libp2p::identity::{DecodingError, Keypair};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The key file within the data directory.
const FILE: &str = "peer.key";

/// Why there is no peer key.
#[derive(Debug, thiserror::Error)]
pub enum PeerKeyError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} is not a libp2p key; restore it from a backup, or remove it to get a new peer id")]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DecodingError,
    },
}

/// Reads `peer.key` (protobuf, mode 0600) from the data directory, making an Ed25519 one if there is none.
pub fn load_or_create(data_dir: &Path) -> Result<Keypair, PeerKeyError> {
    let path = data_dir.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => {
            Keypair::from_protobuf_encoding(&bytes).map_err(|source| PeerKeyError::NotAKey { path, source })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path),
        Err(source) => Err(PeerKeyError::Io { path, source }),
    }
}

fn create(path: &Path) -> Result<Keypair, PeerKeyError> {
    let key = Keypair::generate_ed25519();
    let encoded = key
        .to_protobuf_encoding()
        .map_err(|source| PeerKeyError::NotAKey { path: path.to_owned(), source })?;
    durable_file::create(path, &encoded, durable_file::OWNERS_FILE)
        .map_err(|source| PeerKeyError::Io { path: path.to_owned(), source })?;
    Ok(key)
}
