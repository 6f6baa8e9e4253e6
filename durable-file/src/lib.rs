//! Durable files: there whole or not at all, and still there after a power cut.
//!
//! A file is written under another name, brought to disk, renamed, and then its folder is brought to disk too: without that
//! a power cut may take the name back. Keys, certificates and settings are written so. The journal has its own disk (`store`),
//! which tests can fail and tear.

use std::{
    fs::{DirBuilder, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::Path,
};
use tempfile::NamedTempFile;

/// Permissions of a folder that is its owner's alone.
pub const OWNERS_FOLDER: u32 = 0o700;

/// Permissions of a file that is its owner's alone.
pub const OWNERS_FILE: u32 = 0o600;

/// Writes a file in place of any that is there. `mode` is its permissions, whatever the umask is.
///
/// # Errors
/// What the system says. The old file is there then, or the new one.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    written(path, bytes, mode)?.persist(path)?;
    sync(folder_of(path))
}

/// Writes a file in place of any that is there: what `fill` writes to it, however long that is. When `fill` fails nothing is left.
///
/// # Errors
/// Those of `fill`; otherwise what the system says, as of [`replace`].
pub fn replace_with<E: From<io::Error>>(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let mut file = NamedTempFile::new_in(folder_of(path))?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    fill(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(io::Error::from)?;
    Ok(sync(folder_of(path))?)
}

/// Writes a file that must not be there yet. Of several who try at once, one succeeds.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`]; otherwise what the system says.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    written(path, bytes, mode)?.persist_noclobber(path)?;
    sync(folder_of(path))
}

/// Makes a folder and those above it, unless they are there.
///
/// # Errors
/// What the system says.
pub fn create_folder(folder: &Path, mode: u32) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder_of(folder);
    create_folder(parent, mode)?;
    match DirBuilder::new().mode(mode).create(folder) {
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync(parent)
}

/// A temporary file beside `path`, with these bytes on disk.
fn written(path: &Path, bytes: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder_of(path))?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::fs;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        replace(&path, b"one", 0o600).unwrap();
        replace(&path, b"two", 0o644).unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"two".to_vec(), 0o644));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_file_that_cannot_be_filled_leaves_the_old_one_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        replace_with(&path, 0o600, |file| file.write_all(b"one")).unwrap();
        let failed = replace_with(&path, 0o600, |file| {
            file.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"one".to_vec(), 0o600));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_new_file_takes_the_place_of_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create(&path, b"one", 0o600).unwrap();
        let again = create(&path, b"two", 0o600).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"one".to_vec(), 0o600));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn folders_are_made_from_the_top_and_may_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        create_folder(&deep, 0o700).unwrap();
        create_folder(&deep, 0o755).unwrap();
        assert_eq!(mode(&deep), 0o700);
        fs::write(dir.path().join("file"), b"").unwrap();
        assert!(create_folder(&dir.path().join("file/below"), 0o700).is_err());
    }
}
