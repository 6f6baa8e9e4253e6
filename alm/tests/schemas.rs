//! The JSON Schemas in `docs/alm/` are those of the types, and fixtures keep them. `ALM_WRITE_SCHEMAS=1` writes them anew.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use alm_interface::schema;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/alm")
}

#[test]
fn the_schemas_are_those_of_the_types() {
    for (name, made) in schema::all() {
        let made = format!("{}\n", serde_json::to_string_pretty(&made).unwrap());
        let path = folder().join(name);
        if std::env::var_os("ALM_WRITE_SCHEMAS").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        let kept =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            kept == made,
            "{name} is not that of the types: run ALM_WRITE_SCHEMAS=1 cargo test -p alm-interface --test schemas"
        );
    }
}
