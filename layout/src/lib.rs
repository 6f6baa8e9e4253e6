//! Source layout of the workspace, read from its files without building them: which files there are, how long functions are,
//! which module takes names from which. The tests beside it hold the house rules and the pages to what they find.

mod functions;
mod graph;
mod modules;
mod names;
mod workspace;

pub use functions::{Function, functions};
pub use graph::{Graph, circles};
pub use modules::{Crate, Module};
pub use workspace::{Arrow, Member, files, members, read, root};
