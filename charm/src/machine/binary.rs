//! The node's binary: it comes inside the charm and is copied out, because Juju replaces the charm's directory on a
//! refresh while the old node must go on running.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Machine, MachineError, file_error, read, run, write_file};

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Binary {
    /// Size and modification time of the file in the charm that it was copied from.
    pub stamp: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
    /// What it calls itself.
    pub version: String,
}

impl Machine {
    fn shipped(&self) -> PathBuf {
        self.charm_dir.join("bin/paperclip-node")
    }

    fn receipt(&self) -> PathBuf {
        self.path("/opt/paperclip/bin/installed.json")
    }

    /// What is installed, if anything is.
    ///
    /// # Errors
    /// [`MachineError::File`].
    pub fn installed(&self) -> Result<Option<Binary>, MachineError> {
        if !self.binary_path().exists() {
            return Ok(None);
        }
        // A receipt that cannot be read is none: the binary is installed again.
        Ok(read(&self.receipt())?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Size and modification time of the binary in the charm: cheap to look at in every hook.
    ///
    /// # Errors
    /// [`MachineError::File`] when the charm was packed without the binary.
    pub fn shipped_stamp(&self) -> Result<String, MachineError> {
        let path = self.shipped();
        let metadata = std::fs::metadata(&path).map_err(file_error(&path))?;
        Ok(format!("{} {}.{:09}", metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
    }

    /// SHA-256 of the binary in the charm. It is computed only when size or time differ from those of what is
    /// installed.
    ///
    /// # Errors
    /// [`MachineError::File`] when the charm was packed without the binary.
    pub fn shipped_sha256(&self, installed: Option<&Binary>) -> Result<String, MachineError> {
        let stamp = self.shipped_stamp()?;
        if let Some(installed) = installed.filter(|installed| installed.stamp == stamp) {
            return Ok(installed.sha256.clone());
        }
        Ok(crate::digest(&[&self.shipped_bytes()?]))
    }

    fn shipped_bytes(&self) -> Result<Vec<u8>, MachineError> {
        let path = self.shipped();
        std::fs::read(&path).map_err(file_error(&path))
    }

    /// Copies the charm's binary to its place. The running node keeps the file it was started from.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn install_binary(&self) -> Result<Binary, MachineError> {
        let stamp = self.shipped_stamp()?;
        let bytes = self.shipped_bytes()?;
        let path = self.binary_path();
        write_file(&path, &bytes, 0o755)?;
        let version = version(&path)?;
        let binary = Binary { stamp, sha256: crate::digest(&[&bytes]), version };
        let receipt = serde_json::to_string(&binary)
            .map_err(|error| MachineError::Understood { what: "receipt".into(), text: error.to_string() })?;
        write_file(&self.receipt(), receipt.as_bytes(), 0o644)?;
        Ok(binary)
    }
}

/// The last word of `paperclip-node --version`.
fn version(path: &Path) -> Result<String, MachineError> {
    let program = path.display().to_string();
    let printed = run(&program, ["--version"])?;
    printed.split_whitespace().last().map(str::to_owned).ok_or(MachineError::Understood {
        what: format!("{program} --version"),
        text: "printed nothing".into(),
    })
}
