//! The figures of the plan, one module for each kind of work.

mod append;
mod databases;
mod large;
mod live;
mod read;
mod replicate;
mod scale;

use std::path::Path;

use clap::ValueEnum;
use paperclip_tests::Result;

use crate::primitive::Primitives;
use crate::table::Table;

pub(crate) use scale::Scale;

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Figure {
    /// Durable appends, by one client and by sixteen
    Append,
    /// Iterating a log, and getting single keys
    Read,
    /// Cold replication
    Replicate,
    /// Updates of a live database, one at a time
    Live,
    /// A database of 100,000 entries
    Large,
    /// 10,000 databases on three nodes
    Databases,
}

impl Figure {
    /// What is measured when nothing is named.
    pub(crate) const USUAL: [Self; 5] = [Self::Append, Self::Read, Self::Replicate, Self::Live, Self::Large];
}

/// Measures these figures, in turn, so that nothing disturbs anything else.
pub(crate) fn measure(
    figures: &[Figure],
    folder: &Path,
    scale: &Scale,
    primitives: &Primitives,
    table: &mut Table,
) -> Result<()> {
    figures.iter().try_for_each(|figure| match figure {
        Figure::Append => append::measure(&folder.join("append"), scale, primitives, table),
        Figure::Read => read::measure(&folder.join("read"), scale, table),
        Figure::Replicate => replicate::measure(&folder.join("replicate"), scale, primitives, table),
        Figure::Live => live::measure(&folder.join("live"), scale, table),
        Figure::Large => large::measure(&folder.join("large"), scale, table),
        Figure::Databases => databases::measure(&folder.join("databases"), scale, table),
    })
}
