//! The machine the unit lives on: files, the system user, the service.
//!
//! Every absolute path goes through [`Machine::path`]. The charm's own directory tells where the machine's root is:
//! Juju puts it at `/var/lib/juju/agents/unit-…/charm`, and what stands before `var/lib/juju` is the root (nothing,
//! on a real machine).

mod binary;
mod claim;
mod identity;
mod memory;
mod node_config;
mod service;
mod storage;
mod unit_file;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use binary::Binary;
pub use identity::NodeIdentity;
pub use memory::{Heard, Memory, Wait};
pub use node_config::{Monitoring, NodeConfig};
pub use service::{Service, ServiceState};
pub use storage::Marker;

use crate::names::USER;

/// Permissions of folders that the charm makes for its files.
const FOLDER_MODE: u32 = 0o755;

/// How much of a failed command's output an error shows, in characters.
const SHOWN: usize = 400;

/// Something on the machine went wrong.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A file could not be read, written or removed.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program could not be started.
    #[error("cannot run {program}: {source}")]
    Run {
        /// Which.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program failed.
    #[error("{program} failed: {text}")]
    Failed {
        /// Which, with its arguments.
        program: String,
        /// What it printed.
        text: String,
    },
    /// A file or a program's answer is not what it should be.
    #[error("{what}: {text}")]
    Understood {
        /// Which.
        what: String,
        /// What is wrong.
        text: String,
    },
}

/// The machine, through its root directory.
#[derive(Debug, Clone)]
pub struct Machine {
    root: PathBuf,
    charm_dir: PathBuf,
}

impl Machine {
    /// The machine whose charm directory this is.
    #[must_use]
    pub fn of(charm_dir: &Path) -> Self {
        let root = charm_dir
            .ancestors()
            .find(|path| path.ends_with("var/lib/juju"))
            .and_then(|juju| juju.ancestors().nth(3))
            .unwrap_or(Path::new("/"));
        Self { root: root.to_owned(), charm_dir: charm_dir.to_owned() }
    }

    /// An absolute path on this machine.
    #[must_use]
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// A folder's name for the unit whose charm this is, such as `paperclip-0`.
    fn unit_folder(&self) -> &str {
        let agent = self.charm_dir.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let agent = agent.unwrap_or_default();
        agent.strip_prefix("unit-").unwrap_or(agent)
    }

    /// The node's configuration file.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.path("/etc/paperclip/node.yaml")
    }

    /// The certificate that makes the node one of the cluster.
    #[must_use]
    pub fn certificate_path(&self) -> PathBuf {
        self.path("/etc/paperclip/certificate.json")
    }

    /// The API's bearer token.
    #[must_use]
    pub fn token_path(&self) -> PathBuf {
        self.path("/etc/paperclip/api-token")
    }

    /// The installed node.
    #[must_use]
    pub fn binary_path(&self) -> PathBuf {
        self.path("/opt/paperclip/bin/paperclip-node")
    }

    /// Whether the service's user exists.
    ///
    /// # Errors
    /// [`MachineError::File`] when the password file cannot be read.
    pub fn has_user(&self) -> Result<bool, MachineError> {
        let entry = format!("{USER}:");
        Ok(self.read("/etc/passwd")?.is_some_and(|text| text.lines().any(|line| line.starts_with(&entry))))
    }

    /// Makes the service's user, without home and shell.
    ///
    /// # Errors
    /// [`MachineError::Failed`] with `useradd`'s words.
    pub fn add_user(&self) -> Result<(), MachineError> {
        let arguments =
            ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell"];
        run("useradd", arguments.iter().copied().chain(["/usr/sbin/nologin", USER])).map(drop)
    }

    /// Makes the node's data directory below the storage, the service user's own, whatever user ids the machine
    /// had that wrote the data before.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn prepare_data(&self, data_dir: &Path) -> Result<(), MachineError> {
        std::fs::create_dir_all(data_dir).map_err(file_error(data_dir))?;
        set_mode(data_dir, 0o750)?;
        own(data_dir, true)
    }

    /// A text file's content; none when there is no such file.
    ///
    /// # Errors
    /// [`MachineError::File`].
    pub fn read(&self, absolute: &str) -> Result<Option<String>, MachineError> {
        read(&self.path(absolute))
    }

    /// Writes a file that the service user may read and nobody else, all at once.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn write_for_service(&self, path: &Path, content: &str) -> Result<(), MachineError> {
        write_file(path, content.as_bytes(), 0o600)?;
        own(path, false)
    }

    /// Removes a file; one that is not there is no error.
    ///
    /// # Errors
    /// [`MachineError::File`].
    pub fn remove(&self, path: &Path) -> Result<(), MachineError> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_error(path)(error)),
            _ => Ok(()),
        }
    }
}

/// A text file's content; none when there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, MachineError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(path)(error)),
    }
}

/// Writes a file all at once: a crash leaves the old content or the new.
fn write_file(path: &Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
    if let Some(parent) = path.parent() {
        durable_file::create_folder(parent, FOLDER_MODE).map_err(file_error(parent))?;
    }
    durable_file::replace(path, content, mode).map_err(file_error(path))
}

fn set_mode(path: &Path, mode: u32) -> Result<(), MachineError> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(file_error(path))
}

fn own(path: &Path, recursive: bool) -> Result<(), MachineError> {
    let owner = format!("{USER}:{USER}");
    let path = path.display().to_string();
    let flags = recursive.then_some("-R");
    run("chown", flags.into_iter().chain([owner.as_str(), path.as_str()])).map(drop)
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> MachineError {
    let path = path.to_owned();
    |source| MachineError::File { path, source }
}

/// Runs a program of the machine and gives what it printed.
fn run<'a>(program: &str, arguments: impl IntoIterator<Item = &'a str>) -> Result<String, MachineError> {
    let arguments: Vec<&str> = arguments.into_iter().collect();
    let output = Command::new(program)
        .args(&arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| MachineError::Run { program: program.to_owned(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let text = text.trim().chars().take(SHOWN).collect();
    Err(MachineError::Failed { program: format!("{program} {}", arguments.join(" ")), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charm_directory_tells_the_root() {
        let machine = Machine::of(Path::new("/var/lib/juju/agents/unit-paperclip-0/charm"));
        assert_eq!(machine.path("/etc/passwd"), Path::new("/etc/passwd"));
        let inside = Machine::of(Path::new("/tmp/m0/var/lib/juju/agents/unit-paperclip-0/charm"));
        assert_eq!(inside.path("/etc/passwd"), Path::new("/tmp/m0/etc/passwd"));
        assert_eq!(Machine::of(Path::new("/work/charm")).path("/etc"), Path::new("/etc"));
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        write_file(&path, b"one", 0o600).unwrap();
        write_file(&path, b"two", 0o640).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read_dir(dir.path().join("a")).unwrap().count(), 1);
    }
}
