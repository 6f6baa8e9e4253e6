//! The marker of a storage: how the charm knows that what it sees at the mount point is the storage.
//!
//! After a reboot, a hook may run before Juju has mounted the storage. The bare mount point looks like an empty storage,
//! and a node that is started there makes keys of its own and takes writes that the mount then hides. So the marker is
//! written when Juju says that the storage is attached, and where it is missing, nothing is mounted. To ask whether
//! there is a mount would not do: where Juju cannot make one, it uses the directory itself.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Machine, MachineError, file_error};

/// The marker's file at the root of the storage.
const MARKER: &str = "paperclip-storage.json";
/// The file in the node's directory that holds its signing key.
const SIGNING_KEY: &str = "signing.key";

/// What the marker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Marker {
    /// The storage instance, such as `data/0`.
    pub storage: String,
    /// The libp2p peer id of the node whose data this is; none before its first start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_id: Option<String>,
}

impl Machine {
    /// Where a storage's marker is.
    #[must_use]
    pub fn marker_path(location: &Path) -> PathBuf {
        location.join(MARKER)
    }

    /// The marker of the storage that is mounted here; none where nothing is mounted, and on a new storage.
    ///
    /// # Errors
    /// [`MachineError::File`] when the storage cannot be read.
    pub fn marker(&self, location: &Path) -> Result<Option<Marker>, MachineError> {
        let path = Self::marker_path(location);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(serde_json::from_str(&text).ok()),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(file_error(&path)(error)),
        }
    }

    /// Marks the storage that is mounted here.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn mark(&self, location: &Path, marker: &Marker) -> Result<(), MachineError> {
        let text = serde_json::to_string(marker)
            .map_err(|error| MachineError::Understood { what: MARKER.into(), text: error.to_string() })?;
        // No directory is made for it: the mount point is Juju's to make.
        let path = Self::marker_path(location);
        durable_file::replace(&path, text.as_bytes(), 0o644).map_err(file_error(&path))
    }

    /// Whether a node has made its keys in this directory.
    #[must_use]
    pub fn has_key(&self, data_dir: &Path) -> bool {
        data_dir.join(SIGNING_KEY).exists()
    }
}
