//! The figures of the plan, one module for each kind of work.

mod append;
mod large;
mod live;
mod read;
mod replicate;
mod scale;

use std::path::Path;

use paperclip_tests::Result;

use crate::primitive::Primitives;
use crate::table::Table;

pub(crate) use scale::Scale;

/// Measures everything, in turn, so that nothing disturbs anything else.
pub(crate) fn measure(
    folder: &Path,
    scale: &Scale,
    primitives: &Primitives,
    table: &mut Table,
) -> Result<()> {
    append::measure(&folder.join("append"), scale, primitives, table)?;
    read::measure(&folder.join("read"), scale, table)?;
    replicate::measure(&folder.join("replicate"), scale, primitives, table)?;
    live::measure(&folder.join("live"), scale, table)?;
    large::measure(&folder.join("large"), scale, table)
}
