//! Storage: its pools, what mounts it, what becomes of it when its machine goes or reboots.
//!
//! A mount is a symbolic link at the mount point; a mount point without its mount is a directory of the machine's own.

use std::path::{Path, PathBuf};

use crate::error::SimError;
use crate::model::{Pool, Storage, application_of};
use crate::sim::Sim;

impl Sim {
    pub(crate) fn new_storage(&mut self, name: &str) -> Result<String, SimError> {
        let count = self.model.next_storage.entry(name.to_owned()).or_default();
        let id = format!("{name}/{count}");
        *count += 1;
        let files = self.directory.path().join(format!("storage-{}", id.replace('/', "-")));
        std::fs::create_dir_all(files.join("lost+found"))?;
        let storage = Storage {
            name: name.to_owned(),
            pool: self.model.pool,
            files,
            unit: None,
            location: PathBuf::new(),
            detaching: false,
        };
        self.model.storage.insert(id.clone(), storage);
        Ok(id)
    }

    /// `juju attach-storage`.
    ///
    /// # Errors
    /// The storage is not there, or in use.
    pub fn attach(&mut self, unit: &str, id: &str) -> Result<(), SimError> {
        let root = self.machine(unit).ok_or_else(|| SimError::NoUnit(unit.into()))?.root.clone();
        let charm = self.model.applications[application_of(unit)].charm.as_ref();
        let taken: Vec<PathBuf> =
            self.model.storage.values().map(|storage| storage.location.clone()).collect();
        let storage = self.model.storage.get_mut(id).filter(|storage| storage.unit.is_none());
        let storage = storage.ok_or_else(|| SimError::Refused(format!("storage {id:?} is not free")))?;
        let location = charm
            .and_then(|charm| charm.storage.get(&storage.name)?.location.clone())
            .unwrap_or_else(|| format!("/var/lib/juju/storage/{id}"));
        let below = |location: &str| root.join(location.trim_start_matches('/'));
        let mut location = below(&location);
        if location.is_symlink() && taken.contains(&location) {
            // Two units on one machine: the second's storage is mounted elsewhere.
            location = below(&format!("/var/lib/juju/storage/{id}"));
        }
        if let Some(parent) = location.parent() {
            std::fs::create_dir_all(parent)?;
        }
        storage.unit = Some(unit.to_owned());
        storage.location = location;
        self.mount(id)
    }

    /// `juju detach-storage`.
    ///
    /// # Errors
    /// [`SimError::Refused`] for storage that is a part of its machine.
    pub fn detach(&mut self, id: &str) -> Result<(), SimError> {
        let storage = self.model.storage.get_mut(id);
        let storage = storage.ok_or_else(|| SimError::Refused(format!("storage {id:?} not found")))?;
        if storage.pool == Pool::Rootfs {
            return Err(SimError::Refused(format!("detaching storage {id}: storage is not detachable")));
        }
        storage.detaching = true;
        Ok(())
    }

    /// The agent mounts a storage, over whatever is at its mount point.
    ///
    /// # Errors
    /// No such storage, or its mount point cannot be changed.
    pub fn mount(&mut self, id: &str) -> Result<(), SimError> {
        let storage = self.model.storage.get(id);
        let storage = storage.ok_or_else(|| SimError::Refused(format!("storage {id:?} not found")))?;
        let location = &storage.location;
        if location.is_symlink() {
            std::fs::remove_file(location)?;
        } else if location.exists() {
            std::fs::rename(location, covered(location))?;
        }
        Ok(std::os::unix::fs::symlink(&storage.files, location)?)
    }

    /// What a mount covers: what was written at the mount point while nothing was mounted.
    #[must_use]
    pub fn covered(&self, id: &str) -> PathBuf {
        self.model.storage.get(id).map(|storage| covered(&storage.location)).unwrap_or_default()
    }

    /// The unit's machine reboots.
    ///
    /// # Errors
    /// No such unit.
    pub fn reboot(&mut self, unit: &str) -> Result<(), SimError> {
        self.machine_mut(unit).ok_or_else(|| SimError::NoUnit(unit.into()))?.reboot();
        if let Some(holder) = self.model.units.get_mut(unit) {
            holder.local.rebooted = true;
        }
        Ok(())
    }

    /// The unit's machine reboots, and its hooks run before its storage is mounted, as agents up to 3.6.11 had it
    /// (juju/juju issue 21135). [`Sim::mount`] makes up for it.
    ///
    /// # Errors
    /// No such unit, or its mount points cannot be changed.
    pub fn reboot_before_mounts(&mut self, unit: &str) -> Result<(), SimError> {
        self.machine_mut(unit).ok_or_else(|| SimError::NoUnit(unit.into()))?.go_down();
        let of_unit = |storage: &&Storage| storage.unit.as_deref() == Some(unit);
        for storage in self.model.storage.values().filter(of_unit) {
            unmount(&storage.location)?;
        }
        self.reboot(unit)
    }

    /// Takes the mount of a storage that is free now away.
    pub(crate) fn unmount_detached(&self, id: &str) -> std::io::Result<()> {
        match self.model.storage.get(id).filter(|storage| storage.unit.is_none()) {
            Some(storage) => unmount(&storage.location),
            None => Ok(()),
        }
    }

    /// Storage of a unit that is gone: what is a part of the machine goes with it.
    pub(crate) fn let_storage_go(&mut self, unit: &str) {
        let of_unit = |storage: &Storage| storage.unit.as_deref() == Some(unit);
        self.model.storage.retain(|_, storage| !(of_unit(storage) && storage.pool == Pool::Rootfs));
        for storage in self.model.storage.values_mut().filter(|storage| of_unit(storage)) {
            storage.unit = None;
        }
    }
}

/// Takes a mount away: what it covered is seen again.
fn unmount(location: &Path) -> std::io::Result<()> {
    std::fs::remove_file(location)?;
    let covered = covered(location);
    if covered.exists() { std::fs::rename(covered, location) } else { std::fs::create_dir(location) }
}

fn covered(location: &Path) -> PathBuf {
    let name = location.file_name().unwrap_or_default().to_string_lossy();
    location.with_file_name(format!("{name}.covered"))
}
