//! The unit agent: which hook comes next (`juju.md` section 3), and what it remembers of those that ran.

mod environment;
mod hook;
mod local;
mod next;

use crate::model::Strings;

pub use environment::variables;
pub use hook::{ActionRun, Hook, Run};
pub use local::{Local, LocalRelation};
pub(crate) use next::addresses as bag_addresses;
pub(crate) use next::forget_settings;
pub use next::{commit, enter_scopes, next};

/// Everything the environment of a run is made of.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The unit.
    pub unit: &'a str,
    /// The charm's directory.
    pub charm_dir: &'a std::path::Path,
    /// The tools' directory, first in `PATH`.
    pub tools_dir: &'a std::path::Path,
    /// The machine's own programs, next in `PATH`.
    pub programs_dir: &'a std::path::Path,
    /// The agent's socket.
    pub socket: &'a std::path::Path,
    /// The context's id.
    pub context: &'a str,
    /// The machine's number.
    pub machine: u32,
}

/// A variable's value, or that it is absent.
pub type Variables = Strings;
