//! The description of the API, checked in as a document that people read too. Tests hold its paths to the routes; the query
//! parameters that it lists are those that are taken.

use axum::http::Method;
use serde_json::Value as Json;
use std::{collections::HashMap, sync::LazyLock};

/// `/openapi.json`
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

/// Names of query parameters by route and method.
type Parameters = HashMap<String, HashMap<String, Vec<String>>>;

static QUERIES: LazyLock<Parameters> = LazyLock::new(|| {
    // A test reads the document.
    let document: Json = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.map(|(route, operations)| (route.clone(), of_route(&document, operations))).collect()
});

/// The query parameters that an operation takes; `None` for what is no operation.
pub(super) fn query_parameters(method: &Method, route: &str) -> Option<&'static [String]> {
    let method = if method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
    QUERIES.get(route)?.get(&method).map(Vec::as_slice)
}

fn of_route(document: &Json, operations: &Json) -> HashMap<String, Vec<String>> {
    let methods = operations.as_object().into_iter().flatten().filter(|(name, _)| *name != "parameters");
    let of = |operation: &Json| -> Vec<String> {
        let listed = [operation, operations].into_iter().filter_map(|part| part["parameters"].as_array());
        let all = listed.flatten().map(|parameter| resolved(document, parameter));
        let in_query = all.filter(|parameter| parameter["in"] == "query");
        in_query.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect()
    };
    methods.map(|(method, operation)| (method.clone(), of(operation))).collect()
}

fn resolved<'a>(document: &'a Json, parameter: &'a Json) -> &'a Json {
    let pointer = parameter["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(parameter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::resource;
    use oplog::reading::{TYPES, names};

    #[test]
    fn every_database_type_is_described() {
        let document: Json = serde_json::from_str(DOCUMENT).unwrap();
        let declared = |schema: &str| {
            let schema = document["components"]["schemas"][schema]["enum"].as_array().unwrap();
            schema.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(declared("DatabaseType"), names(TYPES).collect::<Vec<_>>());
        let indexed = TYPES.iter().filter(|it| it.index_by().is_some()).map(|it| it.name());
        assert_eq!(declared("IndexedType"), indexed.collect::<Vec<_>>());
    }

    #[test]
    fn every_database_type_has_its_row_on_the_page() {
        let page = include_str!("../../../docs/reference/http-api.md");
        let (_, table) = page.split_once("| reading | shows | path |\n| --- | --- | --- |\n").unwrap();
        let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
        let row = |name, about, path| format!("| `{name}` | {about} | `/{path}` |");
        let expected = TYPES.iter().map(|it| row(it.name(), it.about(), resource(it.view())));
        assert_eq!(rows, expected.collect::<Vec<_>>());
    }
}
