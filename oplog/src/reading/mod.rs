//! Readings: how a log's operations are understood.
//!
//! A [`DatabaseType`] is one way of understanding operations, and one file in this folder. A node knows those of its
//! [`Types`], [`TYPES`] as it is shipped; the API, the command line, the charm and the docs take their lists from there. A
//! [`Reading`] is how one database is understood: a type and, where the type needs one, the field that names an item.
//!
//! The manifest's type is a hint and no more: `open(name, { Database: Documents() })` writes [`UNTYPED`] into it, as does every
//! database of a type that an app brings itself. What is in the log tells more.

mod database;
mod database_type;
mod documents;
mod events;
mod found;
mod keyvalue;

pub use database::{AUTO, Reading, UnknownReading};
pub use database_type::{DatabaseType, Misfit, Types, UNTYPED, View, named, names};
pub use documents::Documents;
pub use events::Events;
pub use found::SAMPLED;
pub use keyvalue::KeyValue;

/// The types that are shipped.
pub const TYPES: &Types = &[&Events, &KeyValue, &Documents];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_name_of_its_own_and_the_untyped_one_is_among_them() {
        for name in names(TYPES) {
            assert_eq!(names(TYPES).filter(|other| *other == name).count(), 1, "{name}");
            assert_ne!(name, AUTO);
        }
        assert_eq!(named(TYPES, UNTYPED).map(DatabaseType::name), Some(Reading::default().name()));
    }
}
