//! `storage-*`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::error::ToolError;
use crate::invoke::Invoke;

use super::Juju;

/// One attached storage instance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Storage {
    /// `filesystem` or `block`.
    pub kind: String,
    /// The mount point, or the device.
    pub location: PathBuf,
}

impl<I: Invoke> Juju<I> {
    /// `storage-list`: the attached instances of a storage name, such as `data/0`.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn storage_instances(&self, name: &str) -> Result<Vec<String>, ToolError> {
        Ok(self.ask::<Option<Vec<String>>, _>("storage-list", ["--format=json", name])?.unwrap_or_default())
    }

    /// `storage-get`: one instance.
    ///
    /// # Errors
    /// [`ToolError::is_not_found`] when it is not attached (any more).
    pub fn storage(&self, instance: &str) -> Result<Storage, ToolError> {
        self.ask("storage-get", ["--format=json", "-s", instance])
    }

    /// `storage-add`: asks for more instances of a storage name.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn add_storage(&self, name: &str, count: u32) -> Result<(), ToolError> {
        self.tell("storage-add", [format!("{name}={count}")])
    }
}
