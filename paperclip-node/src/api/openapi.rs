//! The description of the API, checked in as a document that people read too; a test holds its paths to the routes.

/// `/openapi.json`
pub(super) const DOCUMENT: &str = include_str!("openapi.json");
