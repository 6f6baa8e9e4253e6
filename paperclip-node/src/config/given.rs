//! Values as they were given: where, and as which texts.

use std::fmt;

/// The largest configuration file, in bytes. Ten times what a list of [`MAX_ITEMS`] long addresses takes.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// The most items a list may have.
pub const MAX_ITEMS: usize = 1024;

/// Where a value was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the command line.
    Flag,
    /// In the environment.
    Environment,
    /// In the configuration file.
    File,
    /// Nowhere: it is the default.
    Default,
}

/// The items given for one setting, one of them unless it is a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Where.
    pub place: Place,
    /// The texts.
    pub items: Vec<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
        })
    }
}
