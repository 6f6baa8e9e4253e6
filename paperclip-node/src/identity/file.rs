//! Key files: made whole or not at all, readable by their owner only.

use durable_file::OWNERS_FILE;
use oplog::keys::{BadSecret, SigningKey};
use rand::TryRngCore as _;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// The largest key, token or certificate file, in bytes. A certificate takes about 500.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Permissions of group and others, which a secret must not have.
const SHARED: u32 = 0o077;

/// What is wrong with a key file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is there already, and a key is never overwritten.
    #[error("{} exists already; a key is never overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may use it.
    #[error("{} can be used by others than its owner (mode {mode:04o}); run: chmod 600 {}", path.display(), path.display())]
    Shared {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is larger than any such file.
    #[error("{} is larger than {MAX_FILE_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It holds no key.
    #[error("{}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: BadSecret,
    },
    /// It holds another JSON document than it should.
    #[error("{}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The machine gave no random bytes.
    #[error("no random bytes for a key: {0}")]
    Random(#[from] rand::rand_core::OsError),
}

/// Makes a new key and its file.
///
/// # Errors
/// [`KeyFileError::Exists`] rather than overwriting; [`KeyFileError::Write`], [`KeyFileError::Random`].
pub fn create_key(path: &Path) -> Result<SigningKey, KeyFileError> {
    let key = SigningKey::generate(|bytes| rand::rngs::OsRng.try_fill_bytes(bytes))?;
    write_new(path, format!("{}\n", key.to_secret_hex()).as_bytes())?;
    blinded(key)
}

/// Reads a key.
///
/// # Errors
/// [`KeyFileError`], also when others than the owner may read or write the file.
pub(crate) fn read_key(path: &Path) -> Result<SigningKey, KeyFileError> {
    let key = SigningKey::from_hex(&read_secret(path)?);
    blinded(key.map_err(|source| KeyFileError::Key { path: path.into(), source })?)
}

fn blinded(mut key: SigningKey) -> Result<SigningKey, KeyFileError> {
    let mut random = [0; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut random)?;
    key.blind(&random);
    Ok(key)
}

/// Reads a text that must be its owner's secret.
///
/// # Errors
/// [`KeyFileError`], also when others than the owner may read or write the file.
pub(crate) fn read_secret(path: &Path) -> Result<String, KeyFileError> {
    let failed = |source| KeyFileError::Read { path: path.into(), source };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & SHARED != 0 {
        return Err(KeyFileError::Shared { path: path.into(), mode });
    }
    read_text(file, path)
}

/// Reads a JSON document that is no secret.
///
/// # Errors
/// [`KeyFileError`].
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, KeyFileError> {
    let file = File::open(path).map_err(|source| KeyFileError::Read { path: path.into(), source })?;
    let text = read_text(file, path)?;
    serde_json::from_str(&text).map_err(|source| KeyFileError::Json { path: path.into(), source })
}

/// Writes a JSON document that is no secret, replacing what was there.
///
/// # Errors
/// [`KeyFileError::Write`].
pub(crate) fn write_json<T: Serialize>(path: &Path, document: &T) -> Result<(), KeyFileError> {
    let failed = |source| KeyFileError::Write { path: path.into(), source };
    let mut text = serde_json::to_vec(document).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    durable_file::replace(path, &text, OWNERS_FILE).map_err(failed)
}

fn read_text(file: File, path: &Path) -> Result<String, KeyFileError> {
    let mut text = String::new();
    let failed = |source| KeyFileError::Read { path: path.into(), source };
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(KeyFileError::TooLarge { path: path.into() });
    }
    Ok(text)
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.into() },
        _ => KeyFileError::Write { path: path.into(), source },
    };
    durable_file::create(path, bytes, OWNERS_FILE).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    #[test]
    fn a_key_file_is_its_owners_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let key = create_key(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_key(&path).unwrap().public_hex(), key.public_hex());
        assert!(matches!(create_key(&path), Err(KeyFileError::Exists { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "secret").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let told = read_secret(&path).unwrap_err().to_string();
        assert!(told.contains("mode 0640") && told.contains("chmod 600"), "{told}");
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert_eq!(read_secret(&path).unwrap(), "secret");
    }

    #[test]
    fn what_is_no_key_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "0".repeat(64)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(read_key(&path), Err(KeyFileError::Key { .. })));
        fs::write(&path, vec![b'a'; 70_000]).unwrap();
        assert!(matches!(read_key(&path), Err(KeyFileError::TooLarge { .. })));
        assert!(matches!(read_key(&folder.path().join("none")), Err(KeyFileError::Read { .. })));
    }
}
