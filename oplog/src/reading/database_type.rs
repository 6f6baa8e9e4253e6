//! The trait of database types, and what is said of a type by itself.

use crate::view::{Op, Operation};
use std::fmt;

/// One way of understanding operations.
///
/// What an operation does to keys does not depend on it (see [`Operation::keyed`]): a type says which operations it has, what
/// it shows of them, and what clients may write. `oplog/tests/own_type.rs` makes one.
pub trait DatabaseType: fmt::Debug + Send + Sync {
    /// Its name for users, which is also the type in the manifest of a database that is made to be read so.
    fn name(&self) -> &str;

    /// What clients see, in a few words for help texts and pages.
    fn about(&self) -> &str;

    /// How its content is laid out, and so which requests it is served by.
    fn view(&self) -> View;

    /// The operations that databases of this type hold.
    fn operations(&self) -> &[Op];

    /// The field that names an item unless another one is chosen; `None` for a type whose items hold no key.
    fn index_by(&self) -> Option<&str> {
        None
    }

    /// Whether an operation that this type holds tells it from the types before it that hold it too. A database whose oldest
    /// operations several types hold is of the last one that they tell apart, or else of the first. A field that names an item
    /// and is there tells its type apart beside.
    fn tells_apart(&self, _operation: &Operation) -> bool {
        false
    }

    /// Whether a database of this type holds such an operation. A client may write no other, and a database whose oldest
    /// operations do not all pass is not found to be of this type. The field that names an item is checked beside.
    fn check(&self, operation: &Operation) -> Result<(), Misfit> {
        if self.operations().contains(&operation.op) {
            return Ok(());
        }
        Err(Misfit::Operation { name: self.name().to_owned(), op: operation.op.name().to_owned() })
    }
}

/// The types that somebody knows, the more special ones behind those that take their operations as well.
pub type Types = [&'static dyn DatabaseType];

/// The type that OrbitDB writes into a manifest when an app names none, and the reading of what is not known.
pub const UNTYPED: &str = "events";

/// How the content of a database is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The value of every operation, in the log's order.
    Values,
    /// The newest value of each key.
    Keys,
    /// The newest value of each key, which can be asked for by what it holds.
    Documents,
}

/// Why an operation does not belong into a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Databases of its type have other operations.
    #[error("{name} has no operation {op}")]
    Operation {
        /// The type.
        name: String,
        /// The operation.
        op: String,
    },
    /// The value does not hold its key.
    #[error("the document must be an object whose {field} is {key:?}")]
    Key {
        /// The field that must hold it.
        field: String,
        /// The key.
        key: String,
    },
    /// The type takes no such value.
    #[error("the value must be {0}")]
    Value(&'static str),
}

/// The names of all types.
pub fn names(types: &Types) -> impl Iterator<Item = &'static str> + Clone {
    types.iter().map(|kind| kind.name())
}

/// The type of a name.
pub fn named(types: &Types, name: &str) -> Option<&'static dyn DatabaseType> {
    types.iter().copied().find(|kind| kind.name() == name)
}
