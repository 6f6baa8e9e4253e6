//! JSON Schemas of the four bags. They describe a bag in which every value that is JSON has been parsed, as the schemas of
//! charm-relation-interfaces do.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};

use crate::application::{Application, Unit};
use crate::manager::{Manager, ManagerUnit};

/// The schemas, each with the name of its file in `docs/alm/`.
#[must_use]
pub fn all() -> [(&'static str, Schema); 4] {
    [
        ("application.schema.json", of::<Application>()),
        ("application-unit.schema.json", of::<Unit>()),
        ("manager.schema.json", of::<Manager>()),
        ("manager-unit.schema.json", of::<ManagerUnit>()),
    ]
}

fn of<T: JsonSchema>() -> Schema {
    SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<T>()
}
