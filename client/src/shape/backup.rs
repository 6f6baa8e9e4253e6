//! Backups: what is asked for, and what came of a restore.

use serde::{Deserialize, Serialize};

/// The media type of a backup.
pub const BACKUP_MEDIA_TYPE: &str = "application/vnd.ipld.car";

/// What to back up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackUp {
    /// Name or address of a database; everything if left out.
    pub database: Option<String>,
}

/// How to restore.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// Only check the backup, and change nothing.
    #[serde(default)]
    pub check: bool,
    /// Name or address of the one database to restore.
    pub only: Option<String>,
}

/// What a backup holds, and what came of its restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreReport {
    /// Whether it was taken in; otherwise it was only checked.
    pub restored: bool,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// The id of the cluster in which it was made.
    pub cluster_id: String,
    /// Bytes of the backup.
    pub bytes: u64,
    /// Entries of all databases.
    pub entries: u64,
    /// Its databases, or those that were restored.
    pub databases: Vec<RestoredDatabase>,
    /// The catalog of another cluster: its pins were taken over, its entries were not.
    pub foreign_catalog: Option<String>,
    /// Databases that were pinned when the backup was made, and of which it has nothing.
    pub missing: Vec<String>,
}

/// A database of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredDatabase {
    /// Its address.
    pub address: String,
    /// Its name.
    pub name: String,
    /// Entries that the backup has of it.
    pub entries: u64,
    /// The digest of its heads in the backup.
    pub digest: String,
    /// Entries that were new to the node. Left out where the backup was only checked.
    pub new: Option<u64>,
    /// Whether the database is now as it is in the backup. It is not where it was written to since. Left out as above.
    pub equal: Option<bool>,
}
